import type { Knex } from 'knex';
import { pause } from '../core/clock.ts';
import { StoreUnavailable } from '../mailbox/ports.ts';
import type { Database } from './database.ts';
import { isRowFault } from './database-errors.ts';
import { STORE_LIMITS } from './limits.ts';

interface Waiting<Item, Outcome> {
  readonly item: Item;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions<Item, Outcome> {
  readonly database: Database;
  /** Said of what could not be done: "the database could not …". */
  readonly operation: string;
  /** Writes all items in one transaction; the outcomes come in the order of the items. */
  readonly write: (trx: Knex.Transaction, items: readonly Item[]) => Promise<readonly Outcome[]>;
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
      this.#queue.push({ item, resolve, reject });
      if (!this.#writing) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    while (this.#queue.length > 0) {
      // A moment's wait costs each write little and saves most of the commits under load.
      await pause(this.#options.database.clock, STORE_LIMITS.gather);
      const batch = this.#queue.slice(0, STORE_LIMITS.batch);
      this.#queue = this.#queue.slice(batch.length);
      await this.#commit(batch);
    }
    this.#writing = false;
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
