import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { LeaseToken, MailboxCounts, RetrievalStore, StoredMessage } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import { RowsMoved } from './database-errors.ts';
import type { LockedMailbox } from './dirty-marks.ts';
import { lockMailboxes, saveChanged } from './dirty-marks.ts';
import { GroupCommit } from './group-commit.ts';
import type { ReceiptWriter, WrittenReceipts } from './receipt-writer.ts';
import { NO_RECEIPTS } from './receipt-writer.ts';
import type { MailboxRow, MessageRow, TextRow } from './rows.ts';
import { NO_MESSAGES, TEXT_COLUMNS, countsOf, messageOf, ownerOf } from './rows.ts';
import { LEAVING_COLUMNS, removeTexts, takeOut } from './text-removal.ts';

/** A text that its reader acknowledged. */
interface Read {
  readonly token: LeaseToken;
  readonly id: number;
}

/** Leases texts and marks them read; both are compare-and-set, so two retrievals never hold the same text. */
export class RetrievalReader implements RetrievalStore {
  readonly #database: Database;
  readonly #reads: GroupCommit<Read, boolean>;

  /** @param keepsRead whether a text stays once it was read */
  constructor(
    database: Database,
    keepsRead: boolean,
    receipts: ReceiptWriter,
    onDirty: (owner: AddressOfRecord) => void,
  ) {
    this.#database = database;
    let changed: LockedMailbox[] = [];
    let told = NO_RECEIPTS;
    this.#reads = new GroupCommit({
      database,
      operation: 'mark a text read',
      write: async (trx, reads) => {
        const written = await writeReads(database, keepsRead, receipts, trx, reads);
        ({ changed, told } = written);
        return written.outcomes;
      },
      onCommitted: () => {
        receipts.committed(told);
        for (const { aor } of changed) onDirty(ownerOf(aor));
      },
    });
  }

  async counts(owner: AddressOfRecord): Promise<MailboxCounts> {
    const row: MailboxRow | undefined = await this.#database.run('count texts', (knex) =>
      ownMailbox(knex, owner).first(
        ...['new_count', 'old_count', 'new_urgent', 'old_urgent'].map((n) => `mailbox.${n}`),
      ),
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
      const mailbox: Pick<MailboxRow, 'id'> | undefined = await ownMailbox(trx, owner).first('mailbox.id');
      if (mailbox === undefined) return [];
      const free: { id: number }[] = await deliverable(trx, now)
        .where({ mailbox_id: mailbox.id })
        .orderBy(['received_at', 'id'])
        .limit(limit)
        .select('id');
      const ids = free.map(({ id }) => id);
      if (ids.length === 0) return [];
      await deliverable(trx, now).whereIn('id', ids).update({ lease_token: token, lease_until: until });
      const leased: TextRow[] = await trx('message')
        .leftJoin('receipt_request', 'receipt_request.text_id', 'message.id')
        .whereIn('message.id', ids)
        .where({ 'message.lease_token': token })
        .orderBy(['message.received_at', 'message.id'])
        .select(TEXT_COLUMNS);
      return leased.map((row) => messageOf(row, owner));
    });
  }

  async renewLease(token: LeaseToken, until: number): Promise<void> {
    await this.#database.transaction('renew a lease', (trx) =>
      trx('message').where({ lease_token: token }).update({ lease_until: until }),
    );
  }

  /** Reads that come at the same time share a commit. */
  markRead(token: LeaseToken, id: number): Promise<boolean> {
    return this.#reads.submit({ token, id });
  }

  async releaseLease(token: LeaseToken): Promise<void> {
    await this.#database.transaction('release a lease', (trx) =>
      trx('message').where({ lease_token: token }).update({ lease_token: null, lease_until: null }),
    );
  }

  async releaseLeases(prefix: string): Promise<void> {
    await this.#database.transaction('release leases', (trx) =>
      trx('message')
        .where('lease_token', '>=', prefix)
        .where('lease_token', '<', `${prefix}~`)
        .update({ lease_token: null, lease_until: null }),
    );
  }
}

/** Marks, or takes away, what its token still holds; the rest is somebody else's, or read. */
async function writeReads(
  database: Database,
  keepsRead: boolean,
  receipts: ReceiptWriter,
  trx: Knex.Transaction,
  reads: readonly Read[],
): Promise<{ outcomes: boolean[]; changed: LockedMailbox[]; told: WrittenReceipts }> {
  const ids = reads.map(({ id }) => id);
  const places = await trx<MessageRow>('message').whereIn('id', ids).select('mailbox_id');
  const mailboxIds = [...new Set(places.map(({ mailbox_id }) => mailbox_id))];
  const mailboxes = await lockMailboxes(database, trx, mailboxIds);
  const byId = new Map(mailboxes.map((mailbox) => [mailbox.id, mailbox]));
  const rows = await database.locking(
    trx<MessageRow>('message')
      .whereIn('id', ids)
      .whereNull('read_at')
      .orderBy('id')
      .select(...LEAVING_COLUMNS, 'lease_token'),
  );
  if (rows.some((row) => !byId.has(row.mailbox_id))) throw new RowsMoved();
  const unread = new Map(rows.map((row) => [row.id, row]));
  const changed = new Set<LockedMailbox>();
  const marked: typeof rows = [];
  const outcomes = reads.map(({ token, id }) => {
    const message = unread.get(id);
    const mailbox = message === undefined ? undefined : byId.get(message.mailbox_id);
    if (message?.lease_token !== token || mailbox === undefined) return false;
    unread.delete(id);
    if (keepsRead) turnOld(mailbox, message);
    else takeOut(mailbox, message);
    changed.add(mailbox);
    marked.push(message);
    return true;
  });
  const now = database.clock.now();
  let told = NO_RECEIPTS;
  if (marked.length > 0) {
    told = await receipts.tell(trx, marked, 'positive-delivery', now);
    if (keepsRead) {
      const read = marked.map(({ id }) => id);
      await trx('message')
        .whereIn('id', read)
        .update({ read_at: now, lease_token: null, lease_until: null, expires_at: null });
    } else {
      await removeTexts(
        trx,
        marked.map((text) => ({ ...text, read_at: now })),
        now,
      );
    }
  }
  await saveChanged(trx, [...changed], now);
  return { outcomes, changed: [...changed], told };
}

function turnOld(mailbox: LockedMailbox, { urgent }: Pick<MessageRow, 'urgent'>): void {
  const urgentTexts = Boolean(urgent) ? 1 : 0;
  mailbox.new_count -= 1;
  mailbox.old_count += 1;
  mailbox.new_urgent -= urgentTexts;
  mailbox.old_urgent += urgentTexts;
}

function ownMailbox(knex: Knex, owner: AddressOfRecord): Knex.QueryBuilder {
  return knex('mailbox')
    .join('address', 'address.mailbox_id', 'mailbox.id')
    .where({ 'address.aor': owner.toString() });
}

/** Free texts that are not too old. */
function deliverable(trx: Knex.Transaction, now: number): Knex.QueryBuilder {
  return freeTexts(trx, now).where(
    (query) => void query.whereNull('expires_at').orWhere('expires_at', '>', now),
  );
}

/** New texts that no living lease holds; one that is not due yet is not new. */
export function freeTexts(trx: Knex.Transaction, now: number): Knex.QueryBuilder {
  return trx('message')
    .whereNull('read_at')
    .whereNull('deliver_at')
    .where((query) => void query.whereNull('lease_until').orWhere('lease_until', '<=', now));
}
