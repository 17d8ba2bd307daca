import { createHash } from 'node:crypto';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { pause } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import { Places } from '../core/places.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { MAILBOX_LIMITS } from './limits.ts';
import type { RetrievalStore, StoredMessage } from './ports.ts';
import { TextRefused } from './ports.ts';

export interface RetrievalOptions {
  readonly store: RetrievalStore;
  /** Name of this node among those that share the store. */
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What a retrieval came to. `refused`: by the client, and new still; `elsewhere`: another retrieval hands them over. */
export interface RetrievalResult {
  readonly delivered: number;
  readonly refused: number;
  readonly elsewhere: number;
}

/**
 * Hands one text to the owner's client; resolves when the client acknowledged it, rejects when it did not: with TextRefused
 * when the next one may fare better.
 */
export type Deliver = (message: StoredMessage) => Promise<void>;

/**
 * Hands new texts to their owner, each exactly once: leased before it is sent, read only when acknowledged, new again
 * when anything breaks before.
 */
export class Retrievals {
  readonly #options: RetrievalOptions;
  readonly #delivered: Counter;
  /** What the tokens of this node begin with, whatever its name is made of. */
  readonly #holder: string;

  constructor(options: RetrievalOptions) {
    this.#options = options;
    this.#holder = createHash('sha256').update(options.node).digest('hex').slice(0, 16);
    this.#delivered = options.metrics.counter('texts_delivered_total', 'Texts handed to their owners');
  }

  /**
   * Frees the texts that this node held when it last ended without a word; call it before the first {@link run}.
   * @throws StoreUnavailable
   */
  async begin(): Promise<void> {
    await this.#options.store.releaseLeases(this.#holder);
  }

  /**
   * Delivers all new texts in order, those too that arrive meanwhile. `deliver` is called in that order too, for a few texts
   * at one time: the next ones wait until one of these is marked read.
   * @throws StoreUnavailable, or what `deliver` rejected with; what was not acknowledged is new again
   */
  async run(owner: AddressOfRecord, deliver: Deliver): Promise<RetrievalResult> {
    const { store, clock, random, logger } = this.#options;
    const token = `${this.#holder}${hexToken(random, 128)}`;
    const until = (): number => clock.now() + MAILBOX_LIMITS.lease;
    const acknowledged = new Set<number>();
    let refused = 0;
    const renewal = this.#renewing(token, until);
    try {
      for (;;) {
        const batch = await store.lease(owner, token, until(), MAILBOX_LIMITS.leaseBatch);
        if (batch.length === 0) break;
        refused += await this.#deliverBatch(token, batch, acknowledged, deliver);
      }
    } finally {
      renewal.cancel();
      await store.releaseLease(token).catch((error: unknown) => {
        // The lease lapses by itself.
        logger.warn({ mailbox: owner.toString(), error: describeError(error) }, 'lease not released');
      });
    }
    const left = (await store.counts(owner)).new;
    return { delivered: acknowledged.size, refused, elsewhere: Math.max(0, left - refused) };
  }

  async #deliverBatch(
    token: string,
    batch: readonly StoredMessage[],
    acknowledged: Set<number>,
    deliver: Deliver,
  ): Promise<number> {
    const hands = new Places(MAILBOX_LIMITS.inHand);
    const handOver = async (message: StoredMessage): Promise<void> => {
      if (!acknowledged.has(message.id)) {
        await deliver(message);
        acknowledged.add(message.id);
        this.#delivered.add();
      }
      await this.#markRead(token, message.id);
    };
    const deliveries = batch.map((message) => hands.take(() => handOver(message)));
    // Every acknowledgement counts, so a failure waits until the rest of the batch has settled. A text that alone is refused
    // must not keep the others back.
    let refused = 0;
    for (const settled of await Promise.allSettled(deliveries)) {
      if (settled.status === 'fulfilled') continue;
      if (!(settled.reason instanceof TextRefused)) throw settled.reason;
      refused++;
    }
    return refused;
  }

  /** The owner has the text now: a database that fails for a moment must not bring it to her twice. */
  async #markRead(token: string, id: number): Promise<void> {
    const { store, clock } = this.#options;
    const giveUpAt = clock.now() + MAILBOX_LIMITS.lease;
    for (;;) {
      try {
        await store.markRead(token, id);
        return;
      } catch (error) {
        if (clock.now() >= giveUpAt) throw error;
        await pause(clock, MAILBOX_LIMITS.markReadRetry);
      }
    }
  }

  /** Keeps the lease alive until cancelled. */
  #renewing(token: string, until: () => number): Timer {
    const { store, clock, logger } = this.#options;
    let timer: Timer | undefined;
    let cancelled = false;
    const schedule = (): void => {
      timer = clock.after(MAILBOX_LIMITS.leaseRenewal, () => {
        store
          .renewLease(token, until())
          .catch((error: unknown) => logger.warn({ error: describeError(error) }, 'lease not renewed'))
          .finally(() => {
            if (!cancelled) schedule();
          });
      });
    };
    schedule();
    return {
      cancel: () => {
        cancelled = true;
        timer?.cancel();
      },
    };
  }
}
