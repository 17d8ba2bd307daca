import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { DeskStore } from '../mailbox/desk/ports.ts';
import { DESK_LIMITS } from '../mailbox/desk/limits.ts';
import type { Database } from './database.ts';
import { RowsMoved } from './database-errors.ts';
import type { LockedMailbox } from './dirty-marks.ts';
import { idsOf, lockMailboxes, saveChanged, saveCounts } from './dirty-marks.ts';
import { STORE_LIMITS } from './limits.ts';
import { perStatement } from './per-statement.ts';
import type { ReceiptWriter, WrittenReceipts } from './receipt-writer.ts';
import { NO_RECEIPTS } from './receipt-writer.ts';
import type { MessageRow } from './rows.ts';
import { ownerOf } from './rows.ts';
import type { RemovableText } from './text-removal.ts';
import { LEAVING_COLUMNS, removeTexts, takeOut } from './text-removal.ts';

/** What an owner does to the texts of her mailbox. */
type Handling = Pick<DeskStore, 'deleteTexts' | 'saveTexts' | 'keepListing'>;

type HeldText = RemovableText & Pick<MessageRow, 'lease_until'>;

/** What one transaction took away. */
interface Deleted {
  readonly count: number;
  /** Whose lamp changed; null: nobody's. */
  readonly dirty: LockedMailbox | null;
  readonly told: WrittenReceipts;
}

const NOTHING_DELETED: Deleted = { count: 0, dirty: null, told: NO_RECEIPTS };

/** Deletes and saves texts for their owner, in the order of all writers: mailboxes are locked before texts. */
export class DeskWriter implements Handling {
  readonly #database: Database;
  readonly #receipts: ReceiptWriter;
  readonly #onDirty: (owner: AddressOfRecord) => void;

  constructor(database: Database, receipts: ReceiptWriter, onDirty: (owner: AddressOfRecord) => void) {
    this.#database = database;
    this.#receipts = receipts;
    this.#onDirty = onDirty;
  }

  /** A bounded number to a transaction. */
  async deleteTexts(owner: AddressOfRecord, ids: readonly number[] | 'all read'): Promise<number> {
    let total = 0;
    if (ids !== 'all read') {
      for (const some of perStatement(ids)) total += await this.#deleteSome(owner, some);
      return total;
    }
    for (;;) {
      const deleted = await this.#deleteSome(owner, ids);
      total += deleted;
      if (deleted < STORE_LIMITS.rows) return total;
    }
  }

  async saveTexts(owner: AddressOfRecord, ids: readonly number[]): Promise<number> {
    return await this.#database.transaction('save texts', async (trx) => {
      const mailbox = await this.#mailboxOf(trx, owner);
      if (mailbox === null) return 0;
      const held = await this.#hold(trx, mailbox, (texts) => texts.whereIn('id', [...ids]));
      const read = held.filter(({ read_at }) => read_at !== null).map(({ id }) => id);
      if (read.length > 0) await trx('message').whereIn('id', read).update({ saved: true });
      return read.length;
    });
  }

  async keepListing(owner: AddressOfRecord, ids: readonly number[]): Promise<void> {
    await this.#database.transaction('keep what was listed', async (trx) => {
      const mailbox = await this.#mailboxOf(trx, owner);
      if (mailbox === null) return;
      const listing = JSON.stringify(ids.slice(0, DESK_LIMITS.listing));
      await trx('preference')
        .insert({ mailbox_id: mailbox.id, listing })
        .onConflict('mailbox_id')
        .merge(['listing']);
    });
  }

  async #deleteSome(owner: AddressOfRecord, ids: readonly number[] | 'all read'): Promise<number> {
    const { count, dirty, told } = await this.#database.transaction('delete texts', async (trx) => {
      const mailbox = await this.#mailboxOf(trx, owner);
      return mailbox === null ? NOTHING_DELETED : await this.#delete(trx, mailbox, ids);
    });
    this.#receipts.committed(told);
    if (dirty !== null) this.#onDirty(ownerOf(dirty.aor));
    return count;
  }

  async #delete(
    trx: Knex.Transaction,
    mailbox: LockedMailbox,
    ids: readonly number[] | 'all read',
  ): Promise<Deleted> {
    const now = this.#database.clock.now();
    const held = await this.#hold(trx, mailbox, (texts) =>
      ids === 'all read'
        ? texts.whereNotNull('read_at').orderBy(['read_at', 'received_at', 'id']).limit(STORE_LIMITS.rows)
        : texts.whereIn('id', [...ids]),
    );
    const texts = held.filter(
      ({ read_at, deliver_at, lease_until }) =>
        (read_at !== null || deliver_at !== null) && (lease_until ?? 0) <= now,
    );
    if (texts.length === 0) return NOTHING_DELETED;
    const scheduled = texts.filter(({ deliver_at }) => deliver_at !== null);
    // Nobody will ever read those: who asked to be told of that is.
    const told = await this.#receipts.tell(trx, scheduled, 'negative-delivery', now);
    await removeTexts(trx, texts, now);
    for (const text of texts) takeOut(mailbox, text);
    // No lamp speaks of texts that are not due.
    if (scheduled.length === texts.length) {
      await saveCounts(trx, [mailbox]);
      return { count: texts.length, dirty: null, told };
    }
    await saveChanged(trx, [mailbox], now);
    return { count: texts.length, dirty: mailbox, told };
  }

  async #mailboxOf(trx: Knex.Transaction, owner: AddressOfRecord): Promise<LockedMailbox | null> {
    const ids = await idsOf(trx, [owner.toString()], false);
    if (ids.size === 0) return null;
    const [mailbox] = await lockMailboxes(this.#database, trx, ids.values());
    if (mailbox === undefined) throw new RowsMoved();
    return mailbox;
  }

  /** Locks texts of a mailbox that is held, by their keys alone: another index would lead to rows that others hold. */
  async #hold(
    trx: Knex.Transaction,
    { id: mailbox_id }: LockedMailbox,
    narrow: (texts: Knex.QueryBuilder) => Knex.QueryBuilder,
  ): Promise<HeldText[]> {
    const found: { id: number }[] = await narrow(trx('message').where({ mailbox_id })).select('id');
    if (found.length === 0) return [];
    const ids = found.map(({ id }) => id);
    const texts = trx<MessageRow>('message').whereIn('id', ids).orderBy('id');
    return (await this.#database.locking(texts.select(...LEAVING_COLUMNS, 'lease_until'))) as HeldText[];
  }
}
