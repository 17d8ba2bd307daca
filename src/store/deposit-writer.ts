import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import type { DepositOutcome, NewMessage } from '../mailbox/ports.ts';
import { StoreUnavailable } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import { isRowFault } from './database-errors.ts';
import type { LockedMailbox } from './dirty-marks.ts';
import { lockMailboxes, saveChanged } from './dirty-marks.ts';
import { STORE_LIMITS } from './limits.ts';
import type { MessageRow } from './rows.ts';

interface Waiting {
  readonly message: NewMessage;
  readonly hash: Buffer;
  readonly resolve: (outcome: DepositOutcome) => void;
  readonly reject: (error: unknown) => void;
}

type NewRow = Omit<MessageRow, 'id' | 'read_at' | 'lease_token' | 'lease_until'>;

/**
 * Commits deposits in groups: those that arrive while one commit is under way share the next. Each is told its own outcome,
 * after the commit.
 */
export class DepositWriter {
  readonly #database: Database;
  readonly #maxNewMessages: number;
  readonly #onDirty: (owner: AddressOfRecord) => void;
  readonly #commits: Counter;
  #queue: Waiting[] = [];
  #writing = false;

  constructor(
    database: Database,
    maxNewMessages: number,
    metrics: Metrics,
    onDirty: (owner: AddressOfRecord) => void,
  ) {
    this.#database = database;
    this.#maxNewMessages = maxNewMessages;
    this.#onDirty = onDirty;
    this.#commits = metrics.counter('store_commits_total', 'Commits of deposits');
  }

  /** @throws StoreUnavailable */
  deposit(message: NewMessage): Promise<DepositOutcome> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length >= STORE_LIMITS.queue) {
        reject(new StoreUnavailable('keep up with deposits'));
        return;
      }
      const hash = createHash('sha256').update(message.uniqueKey).digest();
      this.#queue.push({ message, hash, resolve, reject });
      if (!this.#writing) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    // What came in with the same read from the network shares the first commit already.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, STORE_LIMITS.batch);
      this.#queue = this.#queue.slice(batch.length);
      await this.#commit(batch);
    }
    this.#writing = false;
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#database.transaction('keep a text', (trx) => this.#write(trx, batch));
      this.#commits.add();
      batch.forEach(({ resolve }, index) => resolve(outcomes[index] ?? 'full'));
      const owners = new Map(batch.map(({ message }) => [message.owner.toString(), message.owner]));
      for (const owner of owners.values()) this.#onDirty(owner);
    } catch (error) {
      const cause = error instanceof StoreUnavailable ? error.cause : error;
      if (batch.length > 1 && isRowFault(cause)) {
        // One text cannot be kept as it is; its neighbours can.
        for (const each of batch) await this.#commit([each]);
        return;
      }
      for (const { reject } of batch) reject(error);
    }
  }

  async #write(trx: Knex.Transaction, batch: readonly Waiting[]): Promise<DepositOutcome[]> {
    const aors = [...new Set(batch.map(({ message }) => message.owner.toString()))].sort();
    await trx('mailbox')
      .insert(aors.map((aor) => ({ aor })))
      .onConflict('aor')
      .ignore();
    const locked = await lockMailboxes(this.#database, trx, 'aor', aors);
    const mailboxes = new Map(locked.map((mailbox) => [mailbox.aor, mailbox]));
    const known = await this.#known(trx, locked, batch);
    const rows: NewRow[] = [];
    const changed = new Set<LockedMailbox>();
    const outcomes = batch.map(({ message, hash }): DepositOutcome => {
      const mailbox = mailboxes.get(message.owner.toString());
      if (mailbox === undefined) throw new Error('a mailbox vanished within its transaction');
      const key = `${mailbox.id} ${hash.toString('hex')}`;
      if (known.has(key)) return 'duplicate';
      if (mailbox.new_count >= this.#maxNewMessages) return 'full';
      known.add(key);
      mailbox.new_count += 1;
      if (message.urgent) mailbox.new_urgent += 1;
      changed.add(mailbox);
      rows.push(rowOf(message, mailbox.id, hash));
      return 'stored';
    });
    if (rows.length > 0) await trx('message').insert(rows);
    await saveChanged(trx, [...changed], this.#database.clock.now());
    return outcomes;
  }

  async #known(
    trx: Knex.Transaction,
    mailboxes: readonly LockedMailbox[],
    batch: readonly Waiting[],
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
  };
}
