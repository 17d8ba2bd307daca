import type { Clock } from './clock.ts';

/** One wait. */
export interface Wait {
  /** `elapsed` when the time is over, `ended` when somebody ended the wait before. */
  readonly outcome: Promise<'elapsed' | 'ended'>;
  end(): void;
}

/** Waits that can be ended all at once, so that a stop leaves no timer behind. */
export class Waits {
  readonly #clock: Clock;
  readonly #open = new Set<() => void>();
  #over = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins to wait `delay` ms; after {@link endAll} the wait is over at once. */
  start(delay: number): Wait {
    let end = (): void => undefined;
    const outcome = new Promise<'elapsed' | 'ended'>((resolve) => {
      if (this.#over) {
        resolve('ended');
        return;
      }
      const timer = this.#clock.after(delay, () => {
        this.#open.delete(end);
        resolve('elapsed');
      });
      end = () => {
        timer.cancel();
        this.#open.delete(end);
        resolve('ended');
      };
      this.#open.add(end);
    });
    return { outcome, end: () => end() };
  }

  /** Ends every wait, those to come as well. */
  endAll(): void {
    this.#over = true;
    for (const end of [...this.#open]) end();
  }
}
