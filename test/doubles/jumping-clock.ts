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

  /** Puts the clock forward by `ms`: a machine that was asleep for so long. Timers that are set meanwhile run from its end on. */
  jump(ms: number): void {
    this.#ahead += ms;
    const due = [...this.#pending].filter((pending) => pending.due <= this.now());
    for (const pending of due.sort((one, other) => one.due - other.due)) {
      if (this.#pending.has(pending)) this.#fire(pending);
    }
    for (const pending of this.#pending) {
      clearTimeout(pending.timeout);
      pending.timeout = setTimeout(() => this.#fire(pending), pending.due - this.now());
    }
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
