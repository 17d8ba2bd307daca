import type { Clock, Timer } from '../../src/core/clock.ts';

interface Pending {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock whose hands only the test turns. Timers fire in the order they are due. */
export class FakeClock implements Clock {
  #now: number;
  #order = 0;
  #back = 0;
  readonly #pending = new Set<Pending>();

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now - this.#back;
  }

  after(delay: number, callback: () => void): Timer {
    const pending: Pending = { due: this.#now + delay, order: this.#order++, callback };
    this.#pending.add(pending);
    return { cancel: () => this.#pending.delete(pending) };
  }

  /** Puts the hands back by `ms`, as it happens to a machine's clock; timers wait as long as they were told to. */
  putBack(ms: number): void {
    this.#back += ms;
  }

  /** How many timers wait; a test ends with none when everything was cleared. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** Turns the clock on by `ms`, firing what falls due, and lets promises settle between timers. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#nextBefore(end); next !== undefined; next = this.#nextBefore(end)) {
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.due);
      next.callback();
      await settle();
    }
    this.#now = end;
  }

  #nextBefore(end: number): Pending | undefined {
    let first: Pending | undefined;
    for (const pending of this.#pending) {
      if (pending.due > end) continue;
      if (
        first === undefined ||
        pending.due < first.due ||
        (pending.due === first.due && pending.order < first.order)
      ) {
        first = pending;
      }
    }
    return first;
  }
}

/** Lets every promise that can settle without I/O do so. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
