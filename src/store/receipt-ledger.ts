import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Receipt, ReceiptStore } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import { RowsMoved } from './database-errors.ts';
import { idsOf, lockMailboxes } from './dirty-marks.ts';
import { GroupCommit } from './group-commit.ts';
import type { ReceiptWriter } from './receipt-writer.ts';
import { NO_RECEIPTS, hashOfImdn } from './receipt-writer.ts';
import type { ReceiptRequestRow, ReceiptRow } from './rows.ts';
import { receiptOf } from './rows.ts';

interface Claim {
  readonly node: string;
  /** Epoch ms. */
  readonly until: number;
}

/** What becomes of a receipt that was claimed: it goes, or waits for a further try. */
interface Ending {
  readonly id: number;
  readonly again: { readonly claim: Claim; readonly dueAt: number } | null;
}

/** Keeps which receipts are due; nodes claim them by compare-and-set. */
export class ReceiptLedger implements ReceiptStore {
  readonly #database: Database;
  readonly #receipts: ReceiptWriter;
  readonly #endings: GroupCommit<Ending, null>;
  /** What was claimed here and is not over. Who was too slow must not free what another node has claimed since. */
  readonly #held = new Map<number, Claim>();

  constructor(database: Database, receipts: ReceiptWriter) {
    this.#database = database;
    this.#receipts = receipts;
    this.#endings = new GroupCommit({
      database,
      operation: 'keep what became of a receipt',
      write: writeEndings,
    });
  }

  async claimReceipts(claim: Claim, now: number, limit: number): Promise<Receipt[]> {
    for (const [id, { until }] of this.#held) if (until <= now) this.#held.delete(id);
    const receipts = await this.#database.transaction('claim receipts', async (trx) => {
      const candidates: { id: number }[] = await trx('receipt')
        .where((query) => void query.whereNull('claim_until').orWhere('claim_until', '<=', now))
        .where('due_at', '<=', now)
        .orderBy(['due_at', 'id'])
        .limit(limit)
        .select('id');
      if (candidates.length === 0) return [];
      // Locked by their keys, as all writers do; another node may have claimed or closed some of them since.
      const query = trx<ReceiptRow>('receipt').whereIn(
        'id',
        candidates.map(({ id }) => id),
      );
      const locked = await this.#database.locking(
        query.orderBy('id').select('id', 'due_at', 'claim_node', 'claim_until'),
      );
      const due = locked.filter((row) => row.due_at <= now && (row.claim_until ?? 0) <= now);
      if (due.length === 0) return [];
      // Whoever let a claim lapse may have died of what the receipt says.
      const lapsed = due.filter(({ claim_node }) => claim_node !== null).map(({ id }) => id);
      if (lapsed.length > 0) await trx('receipt').whereIn('id', lapsed).increment('attempts');
      const ids = due.map(({ id }) => id);
      await trx('receipt').whereIn('id', ids).update({ claim_node: claim.node, claim_until: claim.until });
      // In the order they were made: that of their tries is by chance.
      const rows = await trx<ReceiptRow>('receipt').whereIn('id', ids).orderBy('id').select('*');
      return rows.map(receiptOf);
    });
    for (const { id } of receipts) this.#held.set(id, claim);
    return receipts;
  }

  async closeReceipt(id: number): Promise<void> {
    await this.#endings.submit({ id, again: null });
    this.#held.delete(id);
  }

  async postponeReceipt(id: number, dueAt: number): Promise<void> {
    const claim = this.#held.get(id);
    if (claim === undefined) return;
    await this.#endings.submit({ id, again: { claim, dueAt } });
    this.#held.delete(id);
  }

  async nextReceiptAt(): Promise<number | null> {
    return await this.#database.run('look for the next receipt', async (knex) => {
      const free = await knex<ReceiptRow>('receipt')
        // The sign keeps SQLite from gathering all that are free by their index, to sort them for the first one.
        .whereRaw('+claim_until is null')
        .orderBy('due_at')
        .first('due_at');
      const claimed = await knex<ReceiptRow>('receipt')
        .whereNotNull('claim_until')
        .orderBy('claim_until')
        .first('claim_until');
      const instants = [free?.due_at ?? null, claimed?.claim_until ?? null].filter((at) => at !== null);
      return instants.length === 0 ? null : Math.min(...instants);
    });
  }

  async releaseReceipts(node: string): Promise<void> {
    await this.#database.transaction('release receipts', (trx) =>
      // The index leads to the few rows that are claimed at all.
      trx('receipt')
        .whereNotNull('claim_until')
        .where({ claim_node: node })
        .update({ claim_node: null, claim_until: null }),
    );
    for (const [id, claim] of this.#held) if (claim.node === node) this.#held.delete(id);
  }

  async markDisplayed(owner: AddressOfRecord, messageId: string, author: string | null): Promise<boolean> {
    const told = await this.#database.transaction('keep that a text was displayed', async (trx) => {
      const ids = await idsOf(trx, [owner.toString()], false);
      if (ids.size === 0) return null;
      const [mailbox] = await lockMailboxes(this.#database, trx, ids.values());
      if (mailbox === undefined) throw new RowsMoved();
      const found = await requestOf(this.#database, trx, mailbox.id, messageId, author);
      if (found === undefined) return null;
      const { table, request } = found;
      if (request.displayed_at !== null) return NO_RECEIPTS;
      const now = this.#database.clock.now();
      await trx(table).where({ text_id: request.text_id }).update({ displayed_at: now });
      return await this.#receipts.tellOf(trx, [request], 'display', now);
    });
    if (told === null) return false;
    this.#receipts.committed(told);
    return true;
  }
}

type DisplayTable = 'receipt_request' | 'display_request';
type Asked = ReceiptRequestRow & { readonly author: string };

/**
 * Who wants to be told that the text with this id was displayed, whether it is still there or not. An id that several authors
 * gave is the text's of the one the client names; else its first text's: nobody else could know it.
 */
async function requestOf(
  database: Database,
  trx: Knex.Transaction,
  mailboxId: number,
  messageId: string,
  author: string | null,
): Promise<{ readonly table: DisplayTable; readonly request: Asked } | undefined> {
  const first = async (table: DisplayTable, written: string): Promise<Asked | undefined> => {
    const query = trx(table)
      .where({ [`${table}.mailbox_id`]: mailboxId, imdn_hash: hashOfImdn(messageId) })
      .where('dispositions', 'like', '%display%')
      .orderByRaw(`case when ${written}.author = ? then 0 else 1 end, text_id`, [author ?? ''])
      .limit(1)
      .select(`${table}.*`, `${written}.author`);
    if (written !== table) void query.join(written, `${written}.id`, `${table}.text_id`);
    const [request] = (await database.locking(query)) as Asked[];
    return request;
  };
  const there = await first('receipt_request', 'message');
  const gone = there?.author === author ? undefined : await first('display_request', 'display_request');
  // Those that are gone were there first.
  if (gone !== undefined && (there === undefined || gone.author === author || gone.text_id < there.text_id)) {
    return { table: 'display_request', request: gone };
  }
  return there === undefined ? undefined : { table: 'receipt_request', request: there };
}

/** What is postponed must still be claimed as it was; what is closed is over in any case. */
async function writeEndings(trx: Knex.Transaction, endings: readonly Ending[]): Promise<null[]> {
  for (const { id, again } of endings) {
    if (again === null) continue;
    await trx('receipt')
      .where({ id, claim_node: again.claim.node, claim_until: again.claim.until })
      .update({ due_at: again.dueAt, claim_node: null, claim_until: null })
      .increment('attempts');
  }
  const closed = endings.filter(({ again }) => again === null).map(({ id }) => id);
  if (closed.length > 0) await trx('receipt').whereIn('id', closed).delete();
  return endings.map(() => null);
}
