import type { Timer } from '../../core/clock.ts';
import type { Attempt } from './attempt.ts';
import { SENDING_LIMITS } from './limits.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * Watches the newest try of a request for its first sign of life: silent for 16·T1 it is given up for the next one. Over UDP
 * its host is asked after 2·T1 whether anybody listens there; if not, there is nothing to wait for.
 */
export class SilenceWatch {
  readonly #surroundings: Pick<Surroundings, 'clock' | 'timers' | 'probes'>;
  readonly #fellSilent: (attempt: Attempt) => void;
  #timer: Timer | undefined;

  constructor(
    surroundings: Pick<Surroundings, 'clock' | 'timers' | 'probes'>,
    fellSilent: (attempt: Attempt) => void,
  ) {
    this.#surroundings = surroundings;
    this.#fellSilent = fellSilent;
  }

  /** How long it lasts, ms. */
  get length(): number {
    return SENDING_LIMITS.silenceRounds * this.#surroundings.timers.t1;
  }

  begin(attempt: Attempt): void {
    this.end();
    const { clock, timers } = this.#surroundings;
    const suspected = SENDING_LIMITS.suspectRounds * timers.t1;
    this.#timer = clock.after(suspected, () => this.#suspect(attempt, this.length - suspected));
  }

  /** Something was heard, or nothing is waited for any more. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #suspect(attempt: Attempt, rest: number): void {
    const { clock, probes } = this.#surroundings;
    const over = (): void => {
      this.end();
      this.#fellSilent(attempt);
    };
    const timer = clock.after(rest, over);
    this.#timer = timer;
    const { remote } = attempt.departure.flow;
    if (remote.protocol !== 'udp') return;
    void probes.isRefused(remote).then((refused) => {
      if (refused && this.#timer === timer) over();
    });
  }
}
