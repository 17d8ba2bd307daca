import type { Clock, Timer } from '../../src/core/clock.ts';

interface Pending {
  due: number;
  readonly callback: () => void;
  timeout: NodeJS.Timeout;
}

/** The machine's clock, which a test can put forward: what falls due meanwhile happens at once, in order. */
export class JumpingClock implements Clock {
  #ahead = 0;
  readonly #pending = new Set<Pending>();

  /** Timers that are neither cancelled nor over. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  now(): number {
    return Date.now() + this.#ahead;
  }

  after(delay: number, callback: () => void): Timer {
    const pending: Pending = {
      due: this.now() + delay,
      callback,
      timeout: setTimeout(() => this.#fire(pending), delay),
    };
    this.#pending.add(pending);
    return { cancel: () => this.#forget(pending) };
  }

  /** Puts the clock forward by `ms`. */
  jump(ms: number): void {
    const end = this.now() + ms;
    for (let next = this.#nextBefore(end); next !== undefined; next = this.#nextBefore(end)) {
      this.#ahead = Math.max(this.#ahead, next.due - Date.now());
      this.#fire(next);
    }
    this.#ahead += Math.max(0, end - this.now());
    for (const pending of this.#pending) {
      clearTimeout(pending.timeout);
      pending.timeout = setTimeout(() => this.#fire(pending), pending.due - this.now());
    }
  }

  #nextBefore(end: number): Pending | undefined {
    return [...this.#pending].filter(({ due }) => due <= end).sort((one, other) => one.due - other.due)[0];
  }

  #fire(pending: Pending): void {
    this.#forget(pending);
    pending.callback();
  }

  #forget(pending: Pending): void {
    clearTimeout(pending.timeout);
    this.#pending.delete(pending);
  }
}
