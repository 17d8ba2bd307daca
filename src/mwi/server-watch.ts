import type { Clock } from '../core/clock.ts';
import { MWI_LIMITS } from './limits.ts';

/** What is to be done for all lamps at once. */
export type Hastening = 'live' | 'failed';

/**
 * What all PUBLISHes together tell of the presence server.
 *
 *            failure, the fifth in a row                 first success: hasten what failed
 *     up ─────────────────────────────────> down ─────────────────────────────────────────> up
 *
 *     the beacon's tag is stale: the server forgot everything → hasten what lives, at most once a minute
 */
export class ServerWatch {
  readonly #clock: Clock;
  #failures = 0;
  #forgotten = false;
  #back = false;
  #hastenedAt = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the last answers were failures of the server. */
  get down(): boolean {
    return this.#failures >= MWI_LIMITS.downAfter;
  }

  succeeded(): void {
    if (this.down) this.#back = true;
    this.#failures = 0;
  }

  failed(): void {
    this.#failures++;
  }

  /** The server does not know a tag that it gave us and that cannot have lapsed. */
  forgot(): void {
    this.#forgotten = true;
  }

  /** What is to be done now; each occasion is told once. */
  take(): Hastening | null {
    if (this.#back) {
      this.#back = false;
      return 'failed';
    }
    if (!this.#forgotten || this.#clock.now() < this.#hastenedAt + MWI_LIMITS.hastenGap) return null;
    this.#forgotten = false;
    this.#hastenedAt = this.#clock.now();
    return 'live';
  }

  /** It could not be done: it is still to be. */
  giveBack(hastening: Hastening): void {
    if (hastening === 'failed') this.#back = true;
    else {
      this.#forgotten = true;
      this.#hastenedAt = -Infinity;
    }
  }
}
