import type { Knex } from 'knex';
import type { Database } from './database.ts';
import { RowsMoved } from './database-errors.ts';
import type { LockedMailbox } from './dirty-marks.ts';
import { STORE_LIMITS } from './limits.ts';
import { perStatement } from './per-statement.ts';
import type { RemovableText } from './text-removal.ts';
import { LEAVING_COLUMNS, removeTexts, takeOut } from './text-removal.ts';

/** What a mailbox takes. */
export interface RoomLimits {
  /** Texts: new, read and scheduled ones together. */
  readonly maxTexts: number;
  /** Bytes of them. */
  readonly maxBytes: number;
  /** Whether texts that were read give way to one that comes. */
  readonly dropRead: boolean;
}

/**
 * Makes room in mailboxes that its transaction has locked. The texts read longest ago that are not saved go, as many as a new
 * one needs; where even all of them would not do, none. A mailbox that holds far more than it may, because the operator allows
 * less than before, loses a bounded number of them in a transaction: other deposits wait for it. What comes is taken meanwhile,
 * as long as the mailbox is no fuller for it.
 */
export class MailboxRoom {
  readonly #database: Database;
  readonly #trx: Knex.Transaction;
  readonly #limits: RoomLimits;
  readonly #droppable = new Map<number, Droppable>();
  readonly #dropped: RemovableText[] = [];

  constructor(database: Database, trx: Knex.Transaction, limits: RoomLimits) {
    this.#database = database;
    this.#trx = trx;
    this.#limits = limits;
  }

  /** Whether `mailbox` has room for one text of `bytes` more, now that others gave way. Its counts are without those. */
  async isFor(mailbox: LockedMailbox, bytes: number): Promise<boolean> {
    const { maxTexts, maxBytes, dropRead } = this.#limits;
    let texts = mailbox.new_count + mailbox.old_count + mailbox.scheduled_count + 1 - maxTexts;
    let excess = mailbox.bytes + bytes - maxBytes;
    if (texts <= 0 && excess <= 0) return true;
    if (!dropRead || bytes > maxBytes || texts > mailbox.old_count) return false;
    const before = { texts: Math.max(texts - 1, 0), excess: Math.max(excess - bytes, 0) };
    const droppable = this.#of(mailbox);
    let going = 0;
    for (; texts > 0 || excess > 0; going++) {
      const isNoFuller = texts <= before.texts && excess <= before.excess;
      if (isNoFuller && this.#dropped.length + going >= STORE_LIMITS.givingWay) break;
      const next = await droppable.at(going);
      if (next === undefined) return false;
      texts -= 1;
      excess -= next.bytes;
    }
    for (const text of droppable.take(going)) {
      takeOut(mailbox, text);
      this.#dropped.push(text);
    }
    return true;
  }

  /** Takes away what gave way; looks again at what it locks. How many texts. */
  async drop(now: number): Promise<number> {
    const ids = this.#dropped.map(({ id }) => id);
    for (const some of perStatement(ids)) {
      const query = isDroppable(this.#trx('message').whereIn('id', some)).orderBy('id').select('id');
      const still = (await this.#database.locking(query)) as readonly unknown[];
      if (still.length < some.length) throw new RowsMoved();
    }
    await removeTexts(this.#trx, this.#dropped, now);
    return ids.length;
  }

  #of({ id }: LockedMailbox): Droppable {
    const droppable = this.#droppable.get(id) ?? new Droppable(this.#trx, id);
    this.#droppable.set(id, droppable);
    return droppable;
  }
}

/** The texts of one mailbox that may go, those read longest ago first, read from the database as far as somebody looks. */
class Droppable {
  readonly #trx: Knex.Transaction;
  readonly #mailboxId: number;
  #texts: RemovableText[] = [];
  #taken = 0;
  /** Few, as most who come need one place; more for who needs more. */
  #page = 16;
  #isAll = false;

  constructor(trx: Knex.Transaction, mailboxId: number) {
    this.#trx = trx;
    this.#mailboxId = mailboxId;
  }

  /** The `index`th of those that were not taken. */
  async at(index: number): Promise<RemovableText | undefined> {
    while (index >= this.#texts.length && !this.#isAll) {
      const next: RemovableText[] = await isDroppable(this.#trx('message'))
        .where({ mailbox_id: this.#mailboxId })
        .orderBy(['read_at', 'received_at', 'id'])
        .offset(this.#taken + this.#texts.length)
        .limit(this.#page)
        .select(...LEAVING_COLUMNS);
      this.#isAll = next.length < this.#page;
      this.#page = Math.min(this.#page * 4, STORE_LIMITS.rows);
      this.#texts.push(...next);
    }
    return this.#texts[index];
  }

  take(count: number): RemovableText[] {
    this.#taken += count;
    return this.#texts.splice(0, count);
  }
}

/** Read and not saved; nobody leases those. The sign keeps away the index that leads through all mailboxes. */
function isDroppable(query: Knex.QueryBuilder): Knex.QueryBuilder {
  return query.whereNotNull('read_at').whereRaw('+saved = 0');
}
