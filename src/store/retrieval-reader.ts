import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { LeaseToken, MailboxCounts, RetrievalStore, StoredMessage } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import { lockMailboxes, saveChanged } from './dirty-marks.ts';
import type { MailboxRow, MessageRow } from './rows.ts';
import { NO_MESSAGES, countsOf, messageOf, ownerOf } from './rows.ts';

/** Leases texts and marks them read; both are compare-and-set, so two retrievals never hold the same text. */
export class RetrievalReader implements RetrievalStore {
  readonly #database: Database;
  readonly #onDirty: (owner: AddressOfRecord) => void;

  constructor(database: Database, onDirty: (owner: AddressOfRecord) => void) {
    this.#database = database;
    this.#onDirty = onDirty;
  }

  async counts(owner: AddressOfRecord): Promise<MailboxCounts> {
    const row = await this.#database.run('count texts', (knex) =>
      knex<MailboxRow>('mailbox').where({ aor: owner.toString() }).first(),
    );
    return row === undefined ? NO_MESSAGES : countsOf(row);
  }

  async lease(
    owner: AddressOfRecord,
    token: LeaseToken,
    until: number,
    limit: number,
  ): Promise<StoredMessage[]> {
    const now = this.#database.clock.now();
    return await this.#database.transaction('lease texts', async (trx) => {
      const mailbox = await trx<MailboxRow>('mailbox').where({ aor: owner.toString() }).first('id');
      if (mailbox === undefined) return [];
      const free: { id: number }[] = await freeTexts(trx, now)
        .where({ mailbox_id: mailbox.id })
        .orderBy(['received_at', 'id'])
        .limit(limit)
        .select('id');
      const ids = free.map(({ id }) => id);
      if (ids.length === 0) return [];
      await freeTexts(trx, now).whereIn('id', ids).update({ lease_token: token, lease_until: until });
      const leased = await trx<MessageRow>('message')
        .whereIn('id', ids)
        .where({ lease_token: token })
        .orderBy(['received_at', 'id'])
        .select('*');
      return leased.map((row) => messageOf(row, owner));
    });
  }

  async renewLease(token: LeaseToken, until: number): Promise<void> {
    await this.#database.run('renew a lease', (knex) =>
      knex('message').where({ lease_token: token }).update({ lease_until: until }),
    );
  }

  async markRead(token: LeaseToken, id: number): Promise<boolean> {
    const now = this.#database.clock.now();
    const owner = await this.#database.transaction('mark a text read', async (trx) => {
      const message = await trx<MessageRow>('message').where({ id }).first('mailbox_id', 'urgent');
      if (message === undefined) return undefined;
      const [mailbox] = await lockMailboxes(this.#database, trx, 'id', [message.mailbox_id]);
      if (mailbox === undefined) return undefined;
      const changed = await trx('message')
        .where({ id, lease_token: token })
        .whereNull('read_at')
        .update({ read_at: now, lease_token: null, lease_until: null });
      if (changed === 0) return undefined;
      const urgent = Boolean(message.urgent) ? 1 : 0;
      mailbox.new_count -= 1;
      mailbox.old_count += 1;
      mailbox.new_urgent -= urgent;
      mailbox.old_urgent += urgent;
      await saveChanged(trx, [mailbox], now);
      return ownerOf(mailbox.aor);
    });
    if (owner === undefined) return false;
    this.#onDirty(owner);
    return true;
  }

  async releaseLease(token: LeaseToken): Promise<void> {
    await this.#database.run('release a lease', (knex) =>
      knex('message').where({ lease_token: token }).update({ lease_token: null, lease_until: null }),
    );
  }
}

function freeTexts(trx: Knex.Transaction, now: number): Knex.QueryBuilder {
  return trx('message')
    .whereNull('read_at')
    .where((query) => void query.whereNull('lease_until').orWhere('lease_until', '<=', now));
}
