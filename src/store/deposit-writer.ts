import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Metrics } from '../core/metrics.ts';
import type { DepositOutcome, NewMessage } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import { RowsMoved } from './database-errors.ts';
import type { LockedMailbox } from './dirty-marks.ts';
import { idsOf, lockMailboxes, saveChanged, saveCounts } from './dirty-marks.ts';
import { GroupCommit } from './group-commit.ts';
import type { RoomLimits } from './mailbox-room.ts';
import { MailboxRoom } from './mailbox-room.ts';
import type { PushMarks } from './push-marks.ts';
import type { KeptText, ReceiptWriter, WrittenReceipts } from './receipt-writer.ts';
import { NO_RECEIPTS } from './receipt-writer.ts';
import type { MessageRow } from './rows.ts';
import { ownerOf } from './rows.ts';

/** A text, and the hash of what makes it the same text when it is sent again. */
interface Deposit {
  readonly message: NewMessage;
  readonly hash: Buffer;
}

interface Placed extends Deposit {
  readonly mailbox: LockedMailbox;
}

/** Columns that most texts leave empty are left out, which costs a commit without them nothing. */
type NewRow = Omit<MessageRow, 'id' | 'read_at' | 'lease_token' | 'lease_until' | 'saved' | Optional> &
  Partial<Pick<MessageRow, Optional>>;
type Optional = 'wrapper' | 'expires_at' | 'deliver_at';

export interface DepositWriterOptions {
  readonly database: Database;
  readonly room: RoomLimits;
  readonly receipts: ReceiptWriter;
  readonly pushes: PushMarks;
  readonly metrics: Metrics;
  /** A commit changed what this owner's lamp should say. */
  readonly onDirty: (owner: AddressOfRecord) => void;
  /** A commit kept a text that is due later. */
  readonly onScheduled: () => void;
}

/** What one transaction wrote, for after its commit. */
interface Written {
  readonly told: WrittenReceipts;
  /** Owners whose lamps changed. */
  readonly dirty: readonly AddressOfRecord[];
  readonly isScheduled: boolean;
  /** Whether somebody is online to whom one is to be brought. */
  readonly isToBeBrought: boolean;
  /** Read texts that gave way. */
  readonly dropped: number;
}

const NOTHING_WRITTEN: Written = {
  told: NO_RECEIPTS,
  dirty: [],
  isScheduled: false,
  isToBeBrought: false,
  dropped: 0,
};

/** Keeps deposits: text, counts, dirty mark and receipts in one transaction, many deposits to a commit. */
export class DepositWriter {
  readonly #options: DepositWriterOptions;
  readonly #group: GroupCommit<Deposit, DepositOutcome>;
  /** What the latest transaction wrote. */
  #written = NOTHING_WRITTEN;

  constructor(options: DepositWriterOptions) {
    this.#options = options;
    const { database, receipts, pushes, metrics, onDirty, onScheduled } = options;
    const commits = metrics.counter('store_commits_total', 'Commits of deposits');
    const dropped = metrics.counter('texts_dropped_total', 'Read texts that were taken away, by why', [
      'reason',
    ]);
    this.#group = new GroupCommit({
      database,
      operation: 'keep a text',
      weight: ({ message }) => weightOf(message),
      write: (trx, deposits) => this.#write(trx, deposits),
      onCommitted: () => {
        const written = this.#written;
        commits.add();
        receipts.committed(written.told);
        pushes.committed(written.isToBeBrought);
        if (written.dropped > 0) dropped.add({ reason: 'full' }, written.dropped);
        for (const owner of written.dirty) onDirty(owner);
        if (written.isScheduled) onScheduled();
      },
    });
  }

  /** Resolves after the commit. @throws StoreUnavailable */
  deposit(message: NewMessage): Promise<DepositOutcome> {
    const hash = createHash('sha256').update(message.uniqueKey).digest();
    return this.#group.submit({ message, hash });
  }

  async #write(trx: Knex.Transaction, batch: readonly Deposit[]): Promise<DepositOutcome[]> {
    const { database, receipts, pushes } = this.#options;
    const now = database.clock.now();
    const aors = [...new Set(batch.map(({ message }) => message.owner.toString()))].sort();
    const ids = await idsOf(trx, aors, true);
    const locked = await lockMailboxes(database, trx, ids.values());
    const mailboxes = new Map(locked.map((mailbox) => [mailbox.id, mailbox]));
    const placed = batch.map((deposit): Placed => {
      const mailbox = mailboxes.get(ids.get(deposit.message.owner.toString()) ?? -1);
      if (mailbox === undefined) throw new RowsMoved();
      return { ...deposit, mailbox };
    });
    const known = await knownTexts(trx, placed, now);
    const blocked = await blockedAuthors(trx, placed);
    const room = new MailboxRoom(database, trx, this.#options.room);
    const kept: (KeptText & { readonly mailbox: LockedMailbox })[] = [];
    const outcomes: DepositOutcome[] = [];
    const lit = new Set<LockedMailbox>();
    for (const { message, hash, mailbox } of placed) {
      const key = keyOf(mailbox.id, hash);
      const old = mailbox.old_count;
      const outcome: DepositOutcome = known.has(key)
        ? 'duplicate'
        : blocked.has(`${mailbox.id} ${message.author}`)
          ? 'blocked'
          : (await room.isFor(mailbox, bytesOf(message)))
            ? 'stored'
            : 'full';
      outcomes.push(outcome);
      if (outcome !== 'stored') continue;
      known.add(key);
      putIn(mailbox, message);
      if (message.deliverAt === null || mailbox.old_count < old) lit.add(mailbox);
      kept.push({ message, mailbox, mailbox_id: mailbox.id, unique_hash: hash });
    }
    const dropped = await room.drop(now);
    if (kept.length > 0) await trx('message').insert(kept.map(rowOf));
    const told = await receipts.keepRequests(trx, kept, now);
    const changed = new Set(kept.map(({ mailbox }) => mailbox));
    const fresh = kept.filter(({ message }) => message.deliverAt === null);
    const isToBeBrought = await pushes.mark(
      trx,
      fresh.map(({ mailbox_id }) => mailbox_id),
      now,
    );
    await saveChanged(trx, [...lit], now);
    await saveCounts(
      trx,
      [...changed].filter((mailbox) => !lit.has(mailbox)),
    );
    this.#written = {
      told,
      dirty: [...lit].map(({ aor }) => ownerOf(aor)),
      isToBeBrought,
      isScheduled: kept.some(({ message }) => message.deliverAt !== null),
      dropped,
    };
    return outcomes;
  }
}

/** Those of a batch that are in their mailboxes, or were not long ago. */
async function knownTexts(
  trx: Knex.Transaction,
  batch: readonly Placed[],
  now: number,
): Promise<Set<string>> {
  // By pairs: any mailbox with any hash would be looked up else.
  const keys = batch.map(({ mailbox, hash }): [number, Buffer] => [mailbox.id, hash]);
  const of = (table: 'message' | 'gone_text'): Knex.QueryBuilder =>
    trx(table).whereIn(['mailbox_id', 'unique_hash'], keys).select('mailbox_id', 'unique_hash');
  const gone = of('gone_text').where('forget_at', '>', now);
  const rows = (await of('message').unionAll(gone)) as TextKey[];
  return new Set(rows.map((row) => keyOf(row.mailbox_id, row.unique_hash)));
}

async function blockedAuthors(trx: Knex.Transaction, batch: readonly Placed[]): Promise<ReadonlySet<string>> {
  const pairs = batch.map(({ mailbox, message }): [number, string] => [mailbox.id, message.author]);
  const rows: { mailbox_id: number; author: string }[] = await trx('blocked_author')
    .whereIn(['mailbox_id', 'author'], pairs)
    .select('mailbox_id', 'author');
  return new Set(rows.map(({ mailbox_id, author }) => `${mailbox_id} ${author}`));
}

type TextKey = Pick<MessageRow, 'mailbox_id' | 'unique_hash'>;

function keyOf(mailboxId: number, hash: Buffer): string {
  return `${mailboxId} ${hash.toString('hex')}`;
}

/** Adds a text's part to its mailbox's counts and bytes. */
function putIn(mailbox: LockedMailbox, message: NewMessage): void {
  mailbox.bytes += bytesOf(message);
  if (message.deliverAt === null) {
    mailbox.new_count += 1;
    if (message.urgent) mailbox.new_urgent += 1;
  } else mailbox.scheduled_count += 1;
}

function rowOf({ message, mailbox_id, unique_hash }: KeptText): NewRow {
  return {
    mailbox_id,
    unique_hash,
    author: message.author,
    author_name: message.authorName,
    message_id: message.messageId,
    content_type: message.contentType,
    content: message.content,
    subject: message.subject,
    urgent: message.urgent,
    sent_at: message.sentAt,
    received_at: message.receivedAt,
    bytes: bytesOf(message),
    ...(message.wrapper === null ? {} : { wrapper: message.wrapper }),
    ...(message.expiresAt === null ? {} : { expires_at: message.expiresAt }),
    ...(message.deliverAt === null ? {} : { deliver_at: message.deliverAt }),
  };
}

/** What a text takes of its mailbox's room. */
function bytesOf({ content, wrapper, subject }: NewMessage): number {
  return content.length + (wrapper?.length ?? 0) + Buffer.byteLength(subject);
}

/** What a text takes of a commit. */
function weightOf(message: NewMessage): number {
  const { receipts } = message;
  return bytesOf(message) + (receipts === null ? 0 : Buffer.byteLength(receipts.messageId));
}
