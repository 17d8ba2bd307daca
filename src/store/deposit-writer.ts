import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Metrics } from '../core/metrics.ts';
import type { DepositOutcome, NewMessage } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import { RowsMoved } from './database-errors.ts';
import type { LockedMailbox } from './dirty-marks.ts';
import { idsOf, lockMailboxes, saveChanged } from './dirty-marks.ts';
import { GroupCommit } from './group-commit.ts';
import type { ReceiptWriter } from './receipt-writer.ts';
import { NO_RECEIPTS } from './receipt-writer.ts';
import type { MessageRow } from './rows.ts';

/** A text, and the hash of what makes it the same text when it is sent again. */
interface Deposit {
  readonly message: NewMessage;
  readonly hash: Buffer;
}

/** Columns that most texts leave empty are left out, which costs a commit without them nothing. */
type NewRow = Omit<MessageRow, 'id' | 'read_at' | 'lease_token' | 'lease_until' | 'saved' | Optional> &
  Partial<Pick<MessageRow, Optional>>;
type Optional = 'wrapper' | 'expires_at' | 'deliver_at';

/** Keeps deposits: text, counts, dirty mark and receipts in one transaction, many deposits to a commit. */
export class DepositWriter {
  readonly #database: Database;
  readonly #maxNewMessages: number;
  readonly #receipts: ReceiptWriter;
  readonly #group: GroupCommit<Deposit, DepositOutcome>;
  /** What the latest transaction wrote of them. */
  #told = NO_RECEIPTS;

  constructor(
    database: Database,
    maxNewMessages: number,
    receipts: ReceiptWriter,
    metrics: Metrics,
    onDirty: (owner: AddressOfRecord) => void,
  ) {
    this.#database = database;
    this.#maxNewMessages = maxNewMessages;
    this.#receipts = receipts;
    const commits = metrics.counter('store_commits_total', 'Commits of deposits');
    this.#group = new GroupCommit({
      database,
      operation: 'keep a text',
      weight: ({ message }) => weightOf(message),
      write: (trx, deposits) => this.#write(trx, deposits),
      onCommitted: (deposits) => {
        commits.add();
        receipts.committed(this.#told);
        const owners = new Map(deposits.map(({ message }) => [message.owner.toString(), message.owner]));
        for (const owner of owners.values()) onDirty(owner);
      },
    });
  }

  /** Resolves after the commit. @throws StoreUnavailable */
  deposit(message: NewMessage): Promise<DepositOutcome> {
    const hash = createHash('sha256').update(message.uniqueKey).digest();
    return this.#group.submit({ message, hash });
  }

  async #write(trx: Knex.Transaction, batch: readonly Deposit[]): Promise<DepositOutcome[]> {
    const aors = [...new Set(batch.map(({ message }) => message.owner.toString()))].sort();
    const ids = await idsOf(trx, aors, true);
    const locked = await lockMailboxes(this.#database, trx, ids.values());
    const mailboxes = new Map(locked.map((mailbox) => [mailbox.id, mailbox]));
    const known = await this.#known(trx, locked, batch);
    const rows: NewRow[] = [];
    const kept: { message: NewMessage; mailbox_id: number; unique_hash: Buffer }[] = [];
    const changed = new Set<LockedMailbox>();
    const outcomes = batch.map(({ message, hash }): DepositOutcome => {
      const mailbox = mailboxes.get(ids.get(message.owner.toString()) ?? -1);
      if (mailbox === undefined) throw new RowsMoved();
      const key = `${mailbox.id} ${hash.toString('hex')}`;
      if (known.has(key)) return 'duplicate';
      if (mailbox.new_count >= this.#maxNewMessages) return 'full';
      known.add(key);
      mailbox.new_count += 1;
      if (message.urgent) mailbox.new_urgent += 1;
      changed.add(mailbox);
      rows.push(rowOf(message, mailbox.id, hash));
      kept.push({ message, mailbox_id: mailbox.id, unique_hash: hash });
      return 'stored';
    });
    if (rows.length > 0) await trx('message').insert(rows);
    const now = this.#database.clock.now();
    this.#told = await this.#receipts.keepRequests(trx, kept, now);
    await saveChanged(trx, [...changed], now);
    return outcomes;
  }

  async #known(
    trx: Knex.Transaction,
    mailboxes: readonly LockedMailbox[],
    batch: readonly Deposit[],
  ): Promise<Set<string>> {
    const rows = await trx<MessageRow>('message')
      .whereIn(
        'mailbox_id',
        mailboxes.map(({ id }) => id),
      )
      .whereIn(
        'unique_hash',
        batch.map(({ hash }) => hash),
      )
      .select('mailbox_id', 'unique_hash');
    return new Set(rows.map((row) => `${row.mailbox_id} ${row.unique_hash.toString('hex')}`));
  }
}

function rowOf(message: NewMessage, mailboxId: number, hash: Buffer): NewRow {
  return {
    mailbox_id: mailboxId,
    unique_hash: hash,
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
