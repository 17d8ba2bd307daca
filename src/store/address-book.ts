import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { AddressBook, AliasOutcome } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import { RowsMoved } from './database-errors.ts';
import type { LockedMailbox } from './dirty-marks.ts';
import { idsOf, lockMailboxes, saveChanged } from './dirty-marks.ts';
import { moveSettings } from './mailbox-merge.ts';
import { perStatement } from './per-statement.ts';
import type { MailboxRow, MessageRow } from './rows.ts';
import { ownerOf } from './rows.ts';

/** Keeps which addresses share a mailbox. */
export class MailboxAddresses implements AddressBook {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async addAlias(owner: AddressOfRecord, alias: AddressOfRecord): Promise<AliasOutcome> {
    return await this.#database.transaction('add an alias', async (trx) => {
      const [ownerAor, aliasAor] = [owner.toString(), alias.toString()];
      const ids = await idsOf(trx, [ownerAor, aliasAor], true);
      const mailboxes = await lockMailboxes(this.#database, trx, ids.values());
      const kept = mailboxes.find((mailbox) => hasAddress(mailbox, ownerAor));
      const given = mailboxes.find((mailbox) => hasAddress(mailbox, aliasAor));
      if (kept === undefined || given === undefined) throw new RowsMoved();
      if (kept === given) return 'there already';
      if (given.aor !== aliasAor) return 'belongs to another';
      if (given.addresses.length > 1) return 'is an owner with aliases';
      await this.#merge(trx, given, kept);
      return 'added';
    });
  }

  async removeAlias(alias: AddressOfRecord): Promise<boolean> {
    return await this.#database.transaction('remove an alias', async (trx) => {
      const aor = alias.toString();
      const [mailbox] = await lockMailboxes(this.#database, trx, (await idsOf(trx, [aor], false)).values());
      if (mailbox !== undefined && !hasAddress(mailbox, aor)) throw new RowsMoved();
      if (mailbox === undefined || mailbox.aor === aor) return false;
      // Its lamp goes on, for an empty mailbox of its own: phones that subscribe to it are told so.
      await trx('mailbox').insert({ aor }).onConflict('aor').ignore();
      const own = await trx<MailboxRow>('mailbox').where({ aor }).first('id');
      if (own === undefined) throw new Error('a mailbox vanished within its transaction');
      await trx('address').where({ aor }).update({ mailbox_id: own.id });
      await this.#outrun(trx, own.id, mailbox.wanted_version);
      return true;
    });
  }

  async aliases(
    after: AddressOfRecord | null,
    limit: number,
  ): Promise<{ owner: AddressOfRecord; alias: AddressOfRecord }[]> {
    return await this.#database.run('list aliases', async (knex) => {
      const rows: { owner: string; alias: string }[] = await knex('address')
        .join('mailbox', 'mailbox.id', 'address.mailbox_id')
        .whereRaw('address.aor <> mailbox.aor')
        .where('address.aor', '>', after?.toString() ?? '')
        .orderBy('address.aor')
        .limit(limit)
        .select('mailbox.aor as owner', 'address.aor as alias');
      return rows.map((row) => ({ owner: ownerOf(row.owner), alias: ownerOf(row.alias) }));
    });
  }

  /** Texts, receipts and address of `from` become `into`'s; a text that both have is the same text. */
  async #merge(trx: Knex.Transaction, from: LockedMailbox, into: LockedMailbox): Promise<void> {
    const twice = await trx<MessageRow>('message as moved')
      .join('message as there', 'there.unique_hash', 'moved.unique_hash')
      .where({ 'moved.mailbox_id': from.id, 'there.mailbox_id': into.id })
      .select('moved.id');
    const ids = twice.map(({ id }: { id: number }) => id);
    for (const some of perStatement(ids)) {
      await trx('receipt_request').whereIn('text_id', some).delete();
      await trx('message').whereIn('id', some).delete();
    }
    await moveSettings(trx, from.id, into.id);
    for (const table of ['message', 'receipt_request', 'display_request', 'receipt', 'address']) {
      await trx(table).where({ mailbox_id: from.id }).update({ mailbox_id: into.id });
    }
    await trx('mailbox').where({ id: from.id }).delete();
    const counted = await recount(trx, into.id);
    await trx('mailbox').where({ id: into.id }).update(counted);
    await this.#outrun(trx, into.id, from.wanted_version);
  }

  /** An address that changes its mailbox was told of a version of the other one: the next must be above both. */
  async #outrun(trx: Knex.Transaction, id: number, version: number): Promise<void> {
    const [mailbox] = await lockMailboxes(this.#database, trx, [id]);
    if (mailbox === undefined) throw new Error('a mailbox vanished within its transaction');
    const wanted_version = Math.max(mailbox.wanted_version, version);
    await saveChanged(trx, [{ ...mailbox, wanted_version }], this.#database.clock.now());
  }
}

/** Whether an address still belongs to a mailbox that was found by it, now that it is locked. */
function hasAddress({ addresses }: LockedMailbox, aor: string): boolean {
  return addresses.some((address) => address.aor === aor);
}

async function recount(
  trx: Knex.Transaction,
  mailboxId: number,
): Promise<
  Pick<MailboxRow, 'new_count' | 'old_count' | 'new_urgent' | 'old_urgent' | 'scheduled_count' | 'bytes'>
> {
  const texts = trx('message').where({ mailbox_id: mailboxId });
  const count = async (query: Knex.QueryBuilder): Promise<number> => {
    const [row]: { texts?: number }[] = await query.count({ texts: '*' });
    return row?.texts ?? 0;
  };
  const due = texts.clone().whereNull('deliver_at');
  const [sum]: { bytes?: number | string | null }[] = await texts.clone().sum({ bytes: 'bytes' });
  return {
    new_count: await count(due.clone().whereNull('read_at')),
    old_count: await count(due.clone().whereNotNull('read_at')),
    new_urgent: await count(due.clone().whereNull('read_at').where({ urgent: true })),
    old_urgent: await count(due.clone().whereNotNull('read_at').where({ urgent: true })),
    scheduled_count: await count(texts.clone().whereNotNull('deliver_at')),
    bytes: Number(sum?.bytes ?? 0),
  };
}
