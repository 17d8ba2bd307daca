import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Database } from './database.ts';
import { RowsMoved } from './database-errors.ts';
import type { LockedMailbox } from './dirty-marks.ts';
import { lockMailboxes, saveChanged } from './dirty-marks.ts';
import { STORE_LIMITS } from './limits.ts';
import type { WrittenReceipts } from './receipt-writer.ts';
import { NO_RECEIPTS } from './receipt-writer.ts';
import type { MessageRow } from './rows.ts';
import { ownerOf } from './rows.ts';
import { LEAVING_COLUMNS } from './text-removal.ts';

/** The columns of a {@link SweptText}. */
const COLUMNS = [...LEAVING_COLUMNS, 'expires_at', 'lease_until'] as const;

/** A text as a sweep sees it once it is locked. */
export type SweptText = Pick<MessageRow, (typeof COLUMNS)[number]>;

/** What a sweep does, to which texts. */
export interface Sweep {
  /** Said of what could not be done: "the database could not …". */
  readonly operation: string;
  /** Leads to the texts that are meant, those whose turn is first ahead; some may have changed when they are locked. */
  find(trx: Knex.Transaction): Knex.QueryBuilder;
  /** Whether a text that is locked now is meant still. */
  isMeant(text: SweptText): boolean;
  /** Changes the counts of its mailbox, in memory. */
  count(mailbox: LockedMailbox, text: SweptText): void;
  /** Writes what becomes of them, and what is told of that. */
  write(trx: Knex.Transaction, texts: readonly SweptText[]): Promise<WrittenReceipts>;
  committed(written: WrittenReceipts): void;
  onDirty(owner: AddressOfRecord): void;
}

/** What one transaction swept. */
interface Swept {
  /** Texts that were looked at; others may have taken some of them since. */
  readonly found: number;
  readonly swept: number;
  readonly changed: readonly LockedMailbox[];
  readonly told: WrittenReceipts;
}

const NOTHING_SWEPT: Swept = { found: 0, swept: 0, changed: [], told: NO_RECEIPTS };

/** Sweeps at most `limit` texts, a bounded number to a transaction, in which their lamps turn dirty. How many there were. */
export async function sweepTexts(database: Database, sweep: Sweep, limit: number): Promise<number> {
  let total = 0;
  for (let left = limit; left > 0;) {
    const most = Math.min(left, STORE_LIMITS.sweepBatch);
    const { found, swept, changed, told } = await database.transaction(sweep.operation, (trx) =>
      sweepOnce(database, trx, sweep, most),
    );
    sweep.committed(told);
    for (const { aor } of changed) sweep.onDirty(ownerOf(aor));
    total += swept;
    if (found < most) break;
    left -= found;
  }
  return total;
}

/** Locks in the order of all writers, mailboxes before texts, and looks again at what it then holds. */
async function sweepOnce(
  database: Database,
  trx: Knex.Transaction,
  sweep: Sweep,
  limit: number,
): Promise<Swept> {
  const found: Pick<MessageRow, 'id' | 'mailbox_id'>[] = await sweep
    .find(trx)
    .limit(limit)
    .select('id', 'mailbox_id');
  if (found.length === 0) return NOTHING_SWEPT;
  const mailboxes = await lockMailboxes(
    database,
    trx,
    found.map(({ mailbox_id }) => mailbox_id),
  );
  const byId = new Map(mailboxes.map((mailbox) => [mailbox.id, mailbox]));
  const ids = found.map(({ id }) => id);
  // By their keys alone: another index would lead to rows that others hold.
  const locked = await database.locking(
    trx<MessageRow>('message')
      .whereIn('id', ids)
      .orderBy('id')
      .select(...COLUMNS),
  );
  const texts = locked.filter((text) => sweep.isMeant(text));
  if (texts.length === 0) return { ...NOTHING_SWEPT, found: found.length };
  const changed = new Set<LockedMailbox>();
  for (const text of texts) {
    const mailbox = byId.get(text.mailbox_id);
    if (mailbox === undefined) throw new RowsMoved();
    sweep.count(mailbox, text);
    changed.add(mailbox);
  }
  const told = await sweep.write(trx, texts);
  await saveChanged(trx, [...changed], database.clock.now());
  return { found: found.length, swept: texts.length, changed: [...changed], told };
}
