import type { Clock, Timer } from '../../core/clock.ts';

/** A timer that waits in its lane. It drops what it would call as soon as it is cancelled. */
class LaneTimer implements Timer {
  readonly due: number;
  callback: (() => void) | undefined;
  next: LaneTimer | undefined;
  readonly #lane: Lane;

  constructor(due: number, callback: () => void, lane: Lane) {
    this.due = due;
    this.callback = callback;
    this.#lane = lane;
  }

  cancel(): void {
    if (this.callback === undefined) return;
    this.callback = undefined;
    this.#lane.cancelled();
  }
}

/** Timers of one length: they end in the order they were started, so one timer of the clock serves for all. */
class Lane {
  readonly #clock: Clock;
  readonly #length: number;
  #first: LaneTimer | undefined;
  #last: LaneTimer | undefined;
  #waiting = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, length: number) {
    this.#clock = clock;
    this.#length = length;
  }

  start(callback: () => void): Timer {
    const timer = new LaneTimer(this.#clock.now() + this.#length, callback, this);
    if (this.#last === undefined) {
      this.#first = timer;
      this.#timer ??= this.#clock.after(this.#length, () => this.#ring());
    } else {
      // Those before it are due earlier: the clock is set for the first of them, or will be when this round has rung.
      this.#last.next = timer;
    }
    this.#last = timer;
    this.#waiting++;
    return timer;
  }

  /** One of its timers was cancelled; it leaves the lane when it comes to the front. */
  cancelled(): void {
    this.#waiting--;
    if (this.#waiting > 0) return;
    this.#timer?.cancel();
    this.#timer = this.#first = this.#last = undefined;
  }

  #ring(): void {
    // The clock has rung for the first: it is due whatever the time of day says, which may have been put back.
    const now = Math.max(this.#clock.now(), this.#first?.due ?? 0);
    this.#timer = undefined;
    for (let timer = this.#first; timer !== undefined; timer = this.#first) {
      const { callback, due } = timer;
      if (callback !== undefined && due > now) {
        this.#timer ??= this.#clock.after(due - now, () => this.#ring());
        return;
      }
      this.#first = timer.next;
      // A link from one long dead would keep all that came after it from being collected early.
      timer.next = undefined;
      if (this.#first === undefined) this.#last = undefined;
      if (callback === undefined) continue;
      timer.callback = undefined;
      this.#waiting--;
      callback();
    }
  }
}

/**
 * A clock for a great many timers of few lengths: it starts one timer of `clock` for all of one length. Nothing but the
 * memory tells them from those of `clock`: each is a third of what a timer of the system is. There are as many lanes as
 * lengths asked for, which for transactions are some twenty.
 */
export class TimerLanes implements Clock {
  readonly #clock: Clock;
  readonly #lanes = new Map<number, Lane>();
  #latest = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  after(delay: number, callback: () => void): Timer {
    const now = this.#clock.now();
    // The hands were put back: what starts from here on is not due behind what waits, and goes into lanes of its own.
    if (now < this.#latest) this.#lanes.clear();
    this.#latest = now;
    let lane = this.#lanes.get(delay);
    if (lane === undefined) {
      lane = new Lane(this.#clock, delay);
      this.#lanes.set(delay, lane);
    }
    return lane.start(callback);
  }
}
