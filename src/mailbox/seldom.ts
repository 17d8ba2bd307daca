import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';

/** At most so often. */
export interface Rate {
  readonly times: number;
  /** ms */
  readonly within: number;
}

export interface SeldomOptions {
  readonly clock: Clock;
  /** All of them hold. */
  readonly rates: readonly Rate[];
  /** Names kept in mind; of more than these the one longest there is forgotten. */
  readonly most: number;
}

/**
 * Bounds how often the same is said or done for somebody in a row. Two machines that answer each other end at the first answer
 * that is left out, however slow they are: so a second rate, over a long time, ends those that the first one is too short for.
 */
export class Seldom {
  readonly #options: SeldomOptions;
  /** By name; the oldest first. `what` is a digest: words may be long. */
  readonly #last = new Map<string, { readonly what: string; readonly at: readonly number[] }>();

  constructor(options: SeldomOptions) {
    this.#options = options;
  }

  /** Whether it may be once more, which counts then. Something else for the same name in between begins anew. */
  may(name: string, words = ''): boolean {
    const { clock, rates, most } = this.#options;
    const now = clock.now();
    const what = createHash('sha256').update(words).digest('base64');
    const last = this.#last.get(name);
    // A clock that was put back must not count for longer.
    const at = last?.what === what ? last.at.filter((each) => each <= now) : [];
    if (rates.some(({ times, within }) => at.filter((each) => now - each < within).length >= times)) {
      return false;
    }
    this.#last.delete(name);
    this.#last.set(name, { what, at: [...at, now].slice(-Math.max(...rates.map(({ times }) => times))) });
    for (const oldest of this.#last.keys()) {
      if (this.#last.size <= most) break;
      this.#last.delete(oldest);
    }
    return true;
  }
}
