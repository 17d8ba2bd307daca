import type { Knex } from 'knex';
import { pause } from '../core/clock.ts';
import { StoreUnavailable } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import { isRowFault } from './database-errors.ts';
import { STORE_LIMITS } from './limits.ts';

interface Waiting<Item, Outcome> {
  readonly item: Item;
  /** Epoch ms. */
  readonly since: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions<Item, Outcome> {
  readonly database: Database;
  /** Said of what could not be done: "the database could not …". */
  readonly operation: string;
  /** Writes all items in one transaction; the outcomes come in the order of the items. */
  readonly write: (trx: Knex.Transaction, items: readonly Item[]) => Promise<readonly Outcome[]>;
  /** Bytes of an item, where they differ much; a commit is bounded by them. */
  readonly weight?: (item: Item) => number;
  /** The items are committed; called before their outcomes are told. */
  readonly onCommitted?: (items: readonly Item[]) => void;
}

/**
 * Lets writes that come at the same time share one commit, so that durability costs little: those that arrive while one
 * commit is under way go into the next. Each is told its own outcome, after the commit.
 */
export class GroupCommit<Item, Outcome> {
  readonly #options: GroupCommitOptions<Item, Outcome>;
  #queue: Waiting<Item, Outcome>[] = [];
  #writing = false;
  #lastBatch = 0;

  constructor(options: GroupCommitOptions<Item, Outcome>) {
    this.#options = options;
  }

  /** @throws StoreUnavailable */
  submit(item: Item): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length >= STORE_LIMITS.queue) {
        reject(new StoreUnavailable(this.#options.operation, { cause: new Error('too many wait') }));
        return;
      }
      this.#queue.push({ item, since: this.#options.database.clock.now(), resolve, reject });
      if (!this.#writing) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    while (this.#queue.length > 0) {
      // A moment's wait costs each write little and saves most of the commits under load.
      const { quiet, busy } = STORE_LIMITS.gather;
      const wait = this.#lastBatch >= STORE_LIMITS.busyBatch ? busy : quiet;
      await pause(this.#options.database.clock, wait);
      this.#refuseStale();
      const batch = this.#queue.slice(0, this.#batchSize());
      this.#queue = this.#queue.slice(batch.length);
      this.#lastBatch = batch.length;
      if (batch.length > 0) await this.#commit(batch);
    }
    this.#writing = false;
  }

  /** Who waited for as long as an operation may take has given up, and may have sent anew: that must not be kept too. */
  #refuseStale(): void {
    const { database, operation } = this.#options;
    const oldest = database.clock.now() - STORE_LIMITS.operation;
    const stale = this.#queue.filter(({ since }) => since <= oldest);
    if (stale.length === 0) return;
    this.#queue = this.#queue.filter(({ since }) => since > oldest);
    const cause = new Error('it waited too long');
    for (const { reject } of stale) reject(new StoreUnavailable(operation, { cause }));
  }

  /** How many of those that wait go into the next commit: at least one, at most as many as its bytes allow. */
  #batchSize(): number {
    const { weight } = this.#options;
    const most = Math.min(this.#queue.length, STORE_LIMITS.batch);
    if (weight === undefined) return most;
    let bytes = 0;
    for (let size = 0; size < most; size++) {
      const next = this.#queue[size];
      bytes += next === undefined ? 0 : weight(next.item);
      if (bytes > STORE_LIMITS.batchBytes) return Math.max(1, size);
    }
    return most;
  }

  async #commit(batch: readonly Waiting<Item, Outcome>[]): Promise<void> {
    const { database, operation, write, onCommitted } = this.#options;
    const items = batch.map(({ item }) => item);
    let outcomes: readonly Outcome[];
    try {
      outcomes = await database.transaction(operation, (trx) => write(trx, items));
    } catch (error) {
      const cause = error instanceof StoreUnavailable ? error.cause : error;
      if (batch.length > 1 && isRowFault(cause)) {
        // One item cannot be written as it is; its neighbours can.
        for (const each of batch) await this.#commit([each]);
        return;
      }
      for (const { reject } of batch) reject(error);
      return;
    }
    onCommitted?.(items);
    outcomes.forEach((outcome, index) => batch[index]?.resolve(outcome));
  }
}
