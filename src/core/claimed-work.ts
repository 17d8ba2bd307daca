import { backoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { describeError } from './errors.ts';
import type { Logger } from './logger.ts';
import { Lookout } from './lookout.ts';
import type { Gauge } from './metrics.ts';
import type { Random } from './random.ts';

/** Where work lies that several nodes may do: claimed by one for a while, due again when the claim lapses. */
export interface ClaimSource<Item> {
  /** Claims what is due, until `until` (epoch ms), at most `limit`. */
  claim(until: number, now: number, limit: number): Promise<readonly Item[]>;
  /** When the next is due or its claim ends, epoch ms; null when there is none. */
  nextAt(): Promise<number | null>;
  /** Frees what this node holds. */
  release(): Promise<void>;
}

/** Times in ms. */
export interface ClaimedWorkLimits {
  /** Between two looks into the store. */
  readonly lookGap: number;
  /** Longest pause between two looks: other nodes may have written without our knowing. */
  readonly pollCeiling: number;
  /** Items worked on at one time. */
  readonly inFlight: number;
  /** How long a claim holds. */
  readonly claim: number;
  /** Back-off after the store failed: first and longest pause. */
  readonly storeBackoff: { readonly first: number; readonly ceiling: number };
  /** How long a stop waits for what is in flight, and then for the claims to be freed. */
  readonly stopDeadline: number;
}

export interface ClaimedWorkOptions<Item> {
  /** What is worked on, for the log: `receipts`. */
  readonly what: string;
  readonly source: ClaimSource<Item>;
  readonly limits: ClaimedWorkLimits;
  /** Takes an item that was claimed until `until` (epoch ms); begins with it by {@link ClaimedWork.track}, or leaves it. */
  readonly begin: (item: Item, until: number) => void;
  /** Done before each claim; what it throws counts as a failure of the store. */
  readonly beforeClaim?: (now: number) => Promise<void>;
  /** Till when nothing is to be claimed, epoch ms. */
  readonly restsUntil?: (now: number) => number;
  /** Shows how many are in flight. */
  readonly gauge: Gauge;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Looks into a store for work, claims as much of it as there is room for, and keeps count of what is in flight:
 *
 *   asked, or its time ── look ──> claimed ── begin ──> in flight ── over ──> look
 *                          └── the store failed ──> rest, longer each time ──> look
 *
 * A claim that an earlier run of this node left is freed by the first look.
 */
export class ClaimedWork<Item> {
  readonly #options: ClaimedWorkOptions<Item>;
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #lookout: Lookout;
  #storeRestsUntil = 0;
  #storeFailures = 0;
  #settledIn = false;
  #stopped: Promise<void> | undefined;

  constructor(options: ClaimedWorkOptions<Item>) {
    this.#options = options;
    const { clock, limits } = options;
    this.#lookout = new Lookout({
      clock,
      look: () => this.#look(),
      earliest: (lastLook, now) => this.#earliestLook(lastLook, now),
      longestWait: limits.pollCeiling,
    });
  }

  /** Something may be due: looks soon. Never throws. */
  wake(): void {
    this.#lookout.lookNow();
  }

  /** Nothing more is to be begun: claims are freed with all others. */
  get isStopping(): boolean {
    return this.#stopped !== undefined;
  }

  isInFlight(key: string): boolean {
    return this.#inFlight.has(key);
  }

  /** Counts `run`, which must not reject, as in flight under `key`; when it is over, `then` is called, and there is a look. */
  track(key: string, run: Promise<void>, then: () => void = () => undefined): void {
    const tracked = run.finally(() => {
      this.#inFlight.delete(key);
      this.#options.gauge.set(this.#inFlight.size);
      then();
      this.wake();
    });
    this.#inFlight.set(key, tracked);
    this.#options.gauge.set(this.#inFlight.size);
  }

  /** Begins nothing more, waits a bounded time for what is in flight, and frees this node's claims. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { what, source, limits, clock, logger } = this.#options;
    const quiet = async (): Promise<void> => {
      await this.#lookout.stop();
      await Promise.all(this.#inFlight.values());
    };
    const within = async (operation: string, work: Promise<void>): Promise<void> => {
      try {
        await withDeadline(clock, limits.stopDeadline, operation, work);
      } catch (error) {
        // What is in flight may be done again, and a claim lapses by itself.
        logger.warn({ what, error: describeError(error) }, 'stopped before all was through');
      }
    };
    await within(`working on ${what}`, quiet());
    await within('freeing claims', source.release());
  }

  /** A clock that was put back must not make us wait until it is again what it was. */
  #earliestLook(lastLook: number, now: number): number {
    const { limits, restsUntil } = this.#options;
    const { lookGap, storeBackoff } = limits;
    return Math.max(
      Math.min(lastLook + lookGap, now + lookGap),
      restsUntil?.(now) ?? 0,
      Math.min(this.#storeRestsUntil, now + storeBackoff.ceiling),
    );
  }

  /** Claims what is due and begins with it; returns when to look again, epoch ms. Never rejects. */
  async #look(): Promise<number> {
    const { what, source, limits, begin, beforeClaim, clock, random, logger } = this.#options;
    const now = clock.now();
    const ceiling = now + limits.pollCeiling;
    try {
      if (!this.#settledIn) await source.release();
      this.#settledIn = true;
      await beforeClaim?.(now);
      const room = limits.inFlight - this.#inFlight.size;
      // Whatever comes back makes us look again.
      if (room <= 0) return ceiling;
      const until = now + limits.claim;
      const claimed = await source.claim(until, now, room);
      for (const item of claimed) begin(item, until);
      const next = claimed.length < room ? await source.nextAt() : now;
      this.#storeFailures = 0;
      return Math.min(next ?? Infinity, ceiling);
    } catch (error) {
      this.#storeFailures++;
      const rest = backoff(limits.storeBackoff, this.#storeFailures, random.fraction());
      this.#storeRestsUntil = clock.now() + rest;
      const level = this.#storeFailures === 1 ? 'warn' : 'debug';
      logger[level]({ what, error: describeError(error) }, 'cannot look for work; trying again');
      return this.#storeRestsUntil;
    }
  }
}
