import type { Clock } from '../core/clock.ts';
import { RECEIPT_LIMITS } from './receipt-limits.ts';

/**
 * Authors whom nobody answered for a moment ago: one of them costs one wait, and not one for each of her receipts, so that
 * nobody's silence holds up the others' receipts.
 */
export class AbsentAuthors {
  readonly #clock: Clock;
  /** Epoch ms until when, by URI; the oldest first. */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(author: string): void {
    this.#until.delete(author);
    this.#until.set(author, this.#clock.now() + RECEIPT_LIMITS.awayFor);
    for (const oldest of this.#until.keys()) {
      if (this.#until.size <= RECEIPT_LIMITS.rememberedAuthors) break;
      this.#until.delete(oldest);
    }
  }

  has(author: string): boolean {
    const until = this.#until.get(author);
    if (until === undefined) return false;
    if (this.#clock.now() < until) return true;
    this.#until.delete(author);
    return false;
  }
}
