import type { Clock, Timer } from '../core/clock.ts';
import { DueQueue } from '../core/due-queue.ts';
import type { Pace } from './steady-pace.ts';

export interface PacedStepsOptions<T> {
  /** How fast requests may leave. */
  readonly pace: Pace;
  readonly maxInFlight: number;
  /** Takes a step that is due: the exchange it begins, which never rejects, or undefined when nothing leaves. */
  readonly take: (due: T) => Promise<void> | undefined;
  readonly clock: Clock;
}

/** Steps to be taken at their time, as fast as the pace allows, and so many at one time. */
export class PacedSteps<T extends object> {
  readonly #options: PacedStepsOptions<T>;
  readonly #queue = new DueQueue<T>();
  #inFlight = 0;
  #timer: { readonly at: number; readonly timer: Timer } | undefined;
  #stopped = false;

  constructor(options: PacedStepsOptions<T>) {
    this.#options = options;
  }

  /** The step is due then (epoch ms) and at no other time; {@link run} is to be called after. */
  set(step: T, at: number): void {
    this.#queue.set(step, at);
  }

  delete(step: T): void {
    this.#queue.delete(step);
  }

  /** Takes what is due as the pace allows, and sets the one timer to what is due next. */
  run(): void {
    if (this.#stopped) return;
    const { clock, pace, maxInFlight, take } = this.#options;
    while (this.#inFlight < maxInFlight && pace.room >= 1) {
      const due = this.#queue.takeDue(clock.now());
      if (due === undefined) break;
      const exchange = take(due);
      if (exchange !== undefined) this.#count(exchange);
    }
    const first = this.#inFlight < maxInFlight ? this.#queue.first : undefined;
    // With all hands full, the next answer runs us again.
    if (first === undefined) return;
    const at = Math.max(first.at, pace.room >= 1 ? first.at : pace.nextAt);
    if (this.#timer !== undefined && this.#timer.at <= at) return;
    this.#timer?.timer.cancel();
    const timer = clock.after(Math.max(0, at - clock.now()), () => {
      this.#timer = undefined;
      this.run();
    });
    this.#timer = { at, timer };
  }

  /** Takes no step any more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    this.#queue.clear();
  }

  #count(exchange: Promise<void>): void {
    this.#options.pace.spend(1);
    this.#inFlight++;
    void exchange.finally(() => {
      this.#inFlight--;
      this.run();
    });
  }
}
