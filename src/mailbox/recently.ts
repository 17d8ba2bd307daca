import type { Clock } from '../core/clock.ts';

export interface RecentlyOptions {
  readonly clock: Clock;
  /** How long a name is kept in mind, ms. */
  readonly lasts: number;
  /** Names kept in mind; of more than these the one longest there is forgotten. */
  readonly most: number;
}

/**
 * Names of whom something befell a moment ago: authors nobody answered for, so that one of them costs one wait and not one for
 * each of her receipts; owners who were told that they have no texts.
 */
export class Recently {
  readonly #options: RecentlyOptions;
  /** Epoch ms since when, by name; the oldest first. */
  readonly #since = new Map<string, number>();

  constructor(options: RecentlyOptions) {
    this.#options = options;
  }

  add(name: string): void {
    const { clock, most } = this.#options;
    this.#since.delete(name);
    this.#since.set(name, clock.now());
    for (const oldest of this.#since.keys()) {
      if (this.#since.size <= most) break;
      this.#since.delete(oldest);
    }
  }

  has(name: string): boolean {
    const { clock, lasts } = this.#options;
    const since = this.#since.get(name);
    if (since === undefined) return false;
    const age = clock.now() - since;
    // A clock that was put back must not keep it in mind for longer.
    if (age >= 0 && age < lasts) return true;
    this.#since.delete(name);
    return false;
  }
}
