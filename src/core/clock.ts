/** A timer that was started on a {@link Clock}; cancelling twice is harmless. */
export interface Timer {
  cancel(): void;
}

/** Time as the program sees it. Injected everywhere, so that tests turn the hands themselves. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `callback` once after `delay` ms, unless the timer is cancelled first. */
  after(delay: number, callback: () => void): Timer;
}

/** The machine's own clock. Its timers keep the process alive until they fire or are cancelled. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delay, callback) => {
    const timeout = setTimeout(callback, delay);
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** Resolves after `delay` ms of `clock`. */
export function pause(clock: Clock, delay: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delay, resolve);
  });
}
