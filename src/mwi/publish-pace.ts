import type { Clock } from '../core/clock.ts';
import { MWI_LIMITS } from './limits.ts';

/** What an answer, or its absence, tells of the presence server's strength. */
export type ServerSign = 'at ease' | 'overloaded';

/**
 * How many PUBLISHes may leave a second. A presence server over its capacity answers late, then refuses, then is silent; so
 * the rate is halved at such signs, once a second at most, and grows steadily with good answers up to its ceiling.
 */
export class PublishPace {
  readonly #ceiling: number;
  readonly #clock: Clock;
  /** PUBLISHes a second. */
  #rate: number;
  #allowance: number;
  #filledAt: number;
  #decreasedAt = -Infinity;

  /** @param ceiling PUBLISHes a second */
  constructor(ceiling: number, clock: Clock) {
    this.#ceiling = ceiling;
    this.#clock = clock;
    this.#rate = Math.max(1, ceiling * MWI_LIMITS.pace.start);
    this.#allowance = this.#burst;
    this.#filledAt = clock.now();
  }

  /** PUBLISHes a second, as things are. */
  get rate(): number {
    return this.#rate;
  }

  /** How many may leave now. */
  get room(): number {
    this.#fill();
    return Math.floor(this.#allowance);
  }

  /** When the next one may leave, epoch ms. */
  get nextAt(): number {
    const missing = 1 - this.#allowance;
    return missing <= 0 ? this.#filledAt : this.#filledAt + Math.ceil((missing * 1000) / this.#rate);
  }

  /** So many leave. */
  spend(count: number): void {
    this.#fill();
    this.#allowance -= count;
  }

  /** An answer came, or none did. */
  judge(sign: ServerSign): void {
    const { decrease, decreaseOnceIn, increase, floor } = MWI_LIMITS.pace;
    this.#fill();
    if (sign === 'at ease') {
      // At `rate` answers a second this adds up to the stated part of the ceiling.
      this.#rate = Math.min(this.#ceiling, this.#rate + (this.#ceiling * increase) / this.#rate);
      return;
    }
    const now = this.#clock.now();
    if (now - this.#decreasedAt < decreaseOnceIn) return;
    this.#decreasedAt = now;
    this.#rate = Math.max(this.#rate * decrease, this.#ceiling * floor, 1);
    this.#allowance = Math.min(this.#allowance, this.#burst);
  }

  get #burst(): number {
    return Math.max(1, (this.#rate * MWI_LIMITS.pace.burst) / 1000);
  }

  #fill(): void {
    const now = this.#clock.now();
    const earned = (Math.max(0, now - this.#filledAt) * this.#rate) / 1000;
    this.#allowance = Math.min(this.#allowance + earned, this.#burst);
    this.#filledAt = now;
  }
}
