import type { Clock, Timer } from './clock.ts';

export interface LookoutOptions {
  readonly clock: Clock;
  /** One look; resolves with when to look again, epoch ms, Infinity: when asked. Must not reject. */
  readonly look: () => Promise<number>;
  /** Before when (epoch ms) not to look; `lastLook` is when the last look began, -Infinity before the first. */
  readonly earliest: (lastLook: number, now: number) => number;
  /** Longest wait for a look that was asked for, ms: goes over {@link earliest}. Unbounded when left out. */
  readonly longestWait?: number;
  /** Told ahead of each look that was waited for how long after its time it begins, ms. */
  readonly onWaited?: (late: number) => void;
}

/**
 * Looks for work, in the store for one, when it is asked to:
 *
 *   idle ── lookAt ──> waiting ── its time ──> looking ── over ──> waiting, or idle
 *                        │  ^                    │  ^
 *                        └──┘ lookAt: sooner     └──┘ lookAt: kept in mind
 *
 * There are never two looks at once. Asking often makes one look, at the earliest time that was asked for; what is asked for
 * during a look comes after it, since the look may have missed what there is to find.
 */
export class Lookout {
  readonly #options: LookoutOptions;
  #timer: { readonly at: number; readonly timer: Timer } | undefined;
  #look: Promise<void> | undefined;
  #isLooking = false;
  /** When to look next, asked for while a look was under way, epoch ms. */
  #askedFor = Infinity;
  #lastLook = -Infinity;
  #stopped = false;

  constructor(options: LookoutOptions) {
    this.#options = options;
  }

  /** Looks now, or as soon after as it may be. */
  lookNow(): void {
    this.lookAt(this.#options.clock.now());
  }

  /** Sees to it that there is a look at `at` (epoch ms), or as soon after as it may be. */
  lookAt(at: number): void {
    if (this.#stopped) return;
    if (this.#isLooking) {
      this.#askedFor = Math.min(this.#askedFor, at);
      return;
    }
    const { clock, earliest, longestWait = Infinity } = this.#options;
    const now = clock.now();
    const when = Math.min(Math.max(at, earliest(this.#lastLook, now), now), now + longestWait);
    if (this.#timer !== undefined && this.#timer.at <= when) return;
    this.#cancelTimer();
    if (when === now) this.#startLook();
    else if (when < Infinity) this.#wait(when, when - now);
  }

  /** Begins no further look; resolves when the one under way is over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    await this.#look;
  }

  #wait(at: number, delay: number): void {
    const { clock, onWaited } = this.#options;
    const timer = clock.after(delay, () => {
      this.#timer = undefined;
      onWaited?.(clock.now() - at);
      this.#startLook();
    });
    this.#timer = { at, timer };
  }

  #cancelTimer(): void {
    this.#timer?.timer.cancel();
    this.#timer = undefined;
  }

  #startLook(): void {
    this.#isLooking = true;
    this.#askedFor = Infinity;
    this.#lastLook = this.#options.clock.now();
    this.#look = this.#options.look().then((next) => {
      this.#isLooking = false;
      this.#look = undefined;
      this.lookAt(Math.min(next, this.#askedFor));
    });
  }
}
