import type { Clock, Timer } from '../../core/clock.ts';
import type { ReceivedMessage } from '../transport/transport.ts';
import { ANSWERING_LIMITS } from './limits.ts';

/**
 * Keeps the requests that come after the ports are open and before the application is at work, so that a restart is no
 * refusal: a 503 would have a proxy give up a text that is welcome a moment later.
 */
export class Opening {
  readonly #clock: Clock;
  readonly #isServed: () => boolean;
  readonly #take: (received: ReceivedMessage) => void;
  #held: ReceivedMessage[] = [];
  #timer: Timer | undefined;
  #open = false;

  constructor(clock: Clock, isServed: () => boolean, take: (received: ReceivedMessage) => void) {
    this.#clock = clock;
    this.#isServed = isServed;
    this.#take = take;
  }

  /** @param limit ms after which requests are taken though nobody serves them; 0 holds none */
  begin(limit: number): void {
    if (limit === 0) {
      this.#open = true;
      return;
    }
    this.#look(this.#clock.now() + limit, false);
  }

  /** Whether the request is kept for later. */
  holds(received: ReceivedMessage): boolean {
    if (this.#open) return false;
    if (this.#held.length < ANSWERING_LIMITS.held) this.#held.push(received);
    return true;
  }

  close(): void {
    this.#timer?.cancel();
    this.#held = [];
  }

  /** An application tells what it serves verb by verb: once the first is known, the others have one more look's time. */
  #look(until: number, servedBefore: boolean): void {
    this.#timer = this.#clock.after(ANSWERING_LIMITS.lookForApplication, () => {
      const served = this.#isServed();
      if (!(served && servedBefore) && this.#clock.now() < until) {
        this.#look(until, served);
        return;
      }
      this.#open = true;
      const held = this.#held;
      this.#held = [];
      for (const received of held) this.#take(received);
    });
  }
}
