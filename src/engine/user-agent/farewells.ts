import type { Clock, Timer } from '../../core/clock.ts';
import { DIALOG_LIMITS } from '../dialog/limits.ts';

/**
 * What is left to say to peers when an application dies: answers to what it had, CANCELs, BYEs. One that held 50,000
 * calls must not have them all ended in one breath, which no socket and no peer would take, and which would keep every
 * other application waiting.
 */
export class Farewells {
  readonly #clock: Clock;
  #tasks: (() => void)[] = [];
  #next = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Said at once or a little later, in order. One more than the limit is not said at all. */
  say(task: () => void): void {
    if (this.#tasks.length - this.#next >= DIALOG_LIMITS.farewells) return;
    this.#tasks.push(task);
    this.#timer ??= this.#clock.after(0, () => this.#some());
  }

  /** How much waits. */
  get pending(): number {
    return this.#tasks.length - this.#next;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#tasks = [];
    this.#next = 0;
  }

  #some(): void {
    const end = Math.min(this.#next + DIALOG_LIMITS.farewellsAtOnce, this.#tasks.length);
    while (this.#next < end) this.#tasks[this.#next++]?.();
    if (this.#next < this.#tasks.length) {
      this.#timer = this.#clock.after(DIALOG_LIMITS.farewellInterval, () => this.#some());
      return;
    }
    this.#timer = undefined;
    this.#tasks = [];
    this.#next = 0;
  }
}
