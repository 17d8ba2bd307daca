import { backoff } from '../core/backoff.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import type { ExpiryStore } from './ports.ts';
import { EXPIRY_LIMITS } from './receipt-limits.ts';

/** What takes texts away that nobody fetched in time. */
export interface Expiry {
  /** Sweeps no more; resolves when the sweep under way is over. */
  stop(): Promise<void>;
}

export interface ExpiryOptions {
  readonly store: ExpiryStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** When a text that came at `now` (epoch ms) may no longer be handed over; null: never. The sooner of both counts. */
export function expiresAt(
  now: number,
  {
    ttl,
    expires,
  }: { /** Seconds; 0: for ever. */ ttl: number; /** Seconds (RFC 3428 §6). */ expires: number | null },
): number | null {
  const lives = [...(ttl === 0 ? [] : [ttl]), ...(expires === null ? [] : [expires])];
  return lives.length === 0 ? null : now + Math.min(...lives) * 1000;
}

/** Starts to sweep, whenever a text's time is over. */
export function startExpiry(options: ExpiryOptions): Expiry {
  return new Sweeper(options);
}

/** Sweeps a bounded number of texts at a time. Nodes that share a database may all do so: each text goes once. */
class Sweeper implements Expiry {
  readonly #options: ExpiryOptions;
  readonly #expired: Counter;
  #timer: Timer | undefined;
  #sweep: Promise<void> | undefined;
  #failures = 0;
  #stopped = false;

  constructor(options: ExpiryOptions) {
    this.#options = options;
    this.#expired = options.metrics.counter('texts_expired_total', 'Texts that nobody fetched in time');
    this.#start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#sweep;
  }

  #start(): void {
    this.#sweep = this.#sweepOnce().then((delay) => {
      if (this.#stopped) return;
      this.#timer = this.#options.clock.after(delay, () => this.#start());
    });
  }

  /** Returns how long to rest, ms. Never rejects. */
  async #sweepOnce(): Promise<number> {
    const { store, clock, random, logger } = this.#options;
    const { batch, gap, pollCeiling, storeBackoff } = EXPIRY_LIMITS;
    try {
      const swept = await store.expireTexts(clock.now(), batch);
      if (swept > 0) {
        this.#expired.add({}, swept);
        logger.info({ texts: swept }, 'texts expired');
      }
      // While a backlog is worked off; or while a text whose time is over is being handed over.
      const next = swept >= batch ? clock.now() : ((await store.nextExpiryAt()) ?? Infinity);
      this.#failures = 0;
      return Math.min(Math.max(next - clock.now(), gap), pollCeiling);
    } catch (error) {
      this.#failures++;
      const level = this.#failures === 1 ? 'warn' : 'debug';
      logger[level]({ error: describeError(error) }, 'cannot look for texts that expired; trying again');
      return backoff(storeBackoff, this.#failures, random.fraction());
    }
  }
}
