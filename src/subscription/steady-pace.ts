import type { Clock } from '../core/clock.ts';

/** How many requests may leave, and when the next one may. */
export interface Pace {
  /** How many may leave now. */
  readonly room: number;
  /** When the next one may leave, epoch ms. */
  readonly nextAt: number;
  /** So many leave. */
  spend(count: number): void;
}

/** Longest time whose unused allowance may be used at once, ms. */
const BURST = 100;

/** So many a second, whatever the answers. */
export class SteadyPace implements Pace {
  /** Between two, ms. */
  readonly #gap: number;
  readonly #clock: Clock;
  #nextAt = -Infinity;

  /** @param rate a second */
  constructor(rate: number, clock: Clock) {
    this.#gap = 1000 / rate;
    this.#clock = clock;
  }

  get room(): number {
    const saved = Math.min(this.#clock.now() - this.#nextAt, BURST);
    return saved < 0 ? 0 : 1 + Math.floor(saved / this.#gap);
  }

  get nextAt(): number {
    return Math.ceil(this.#nextAt);
  }

  spend(count: number): void {
    this.#nextAt = Math.max(this.#nextAt, this.#clock.now() - BURST) + count * this.#gap;
  }
}
