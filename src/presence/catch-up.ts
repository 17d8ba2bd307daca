import type { Clock, Timer } from '../core/clock.ts';
import type { PresenceLimits } from './limits.ts';

/**
 * Tells restored subscriptions the state little by little, first come first served. Whoever was told of a change meanwhile is not
 * told twice: a subscription knows what was confirmed.
 */
export class CatchUp {
  readonly #clock: Clock;
  readonly #limits: PresenceLimits['catchUp'];
  /** The next one last. */
  #behind: { changed(): void }[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock, limits: PresenceLimits['catchUp']) {
    this.#clock = clock;
    this.#limits = limits;
  }

  start(subscriptions: readonly { changed(): void }[]): void {
    this.#behind = [...subscriptions].reverse();
    this.#tellAfter(this.#limits.delay);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#behind = [];
  }

  #tellAfter(delay: number): void {
    if (this.#behind.length === 0) return;
    this.#timer = this.#clock.after(delay, () => {
      for (const subscription of this.#behind.splice(-this.#limits.batch).reverse()) subscription.changed();
      this.#tellAfter(this.#limits.pause);
    });
  }
}
