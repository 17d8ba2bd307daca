import { backoff } from '../../core/backoff.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Metrics } from '../../core/metrics.ts';
import type { Random } from '../../core/random.ts';
import type { SweepPace } from './sweep-limits.ts';

/** What sweeps are given from outside. */
export interface SweepSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface SweeperOptions extends Omit<SweepSurroundings, 'metrics'> {
  /** Said of what it could not do: "cannot look for …". */
  readonly what: string;
  readonly pace: SweepPace;
  /** Sweeps what is due at `now`, at most `limit`. How many there were. */
  readonly sweep: (now: number, limit: number) => Promise<number>;
  /** When there will be something next, epoch ms; null when nobody knows. */
  readonly nextAt: () => Promise<number | null>;
  /** Something was swept. */
  readonly onSwept: (count: number) => void;
}

/**
 * Sweeps whenever something is due, a bounded number of rows at a time, with rests between. Nodes that share a database may all
 * do so: the store sees to it that each row goes once.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  #timer: Timer | undefined;
  #sweep: Promise<void> | undefined;
  /** When the latest sweep was over. */
  #restsSince = 0;
  #isResting = false;
  #wasWoken = false;
  #failures = 0;
  #stopped = false;

  /** Begins at once: something may have become due while nobody was there. */
  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#start();
  }

  /** Something may be due sooner than it was: looks again, no sooner than a rest after the latest look. */
  wake(): void {
    // Once is enough: each would begin the rest anew, for ever where the clock was put back.
    if (this.#wasWoken) return;
    this.#wasWoken = true;
    // A store that is down gets no more tries than it does by itself.
    if (!this.#isResting || this.#failures > 0) return;
    const { clock, pace } = this.#options;
    const rested = clock.now() - this.#restsSince;
    this.#rest(Math.min(Math.max(pace.gap - rested, 0), pace.gap));
  }

  /** Sweeps no more; resolves when the sweep under way is over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#sweep;
  }

  #start(): void {
    this.#isResting = false;
    this.#wasWoken = false;
    this.#sweep = this.#sweepOnce().then((delay) => {
      if (this.#stopped) return;
      const { clock, pace } = this.#options;
      this.#restsSince = clock.now();
      this.#isResting = true;
      this.#rest(this.#wasWoken && this.#failures === 0 ? Math.min(delay, pace.gap) : delay);
    });
  }

  #rest(delay: number): void {
    this.#timer?.cancel();
    if (!this.#stopped) this.#timer = this.#options.clock.after(delay, () => this.#start());
  }

  /** Returns how long to rest, ms. Never rejects. */
  async #sweepOnce(): Promise<number> {
    const { what, sweep, nextAt, onSwept, clock, random, logger } = this.#options;
    const { batch, gap, pollCeiling, storeBackoff } = this.#options.pace;
    try {
      const swept = await sweep(clock.now(), batch);
      if (swept > 0) onSwept(swept);
      // While a backlog is worked off; or while what is due is held by somebody.
      const next = swept >= batch ? clock.now() : ((await nextAt()) ?? Infinity);
      this.#failures = 0;
      return Math.min(Math.max(next - clock.now(), gap), pollCeiling);
    } catch (error) {
      this.#failures++;
      const level = this.#failures === 1 ? 'warn' : 'debug';
      logger[level]({ error: describeError(error) }, `cannot look for ${what}; trying again`);
      return backoff(storeBackoff, this.#failures, random.fraction());
    }
  }
}
