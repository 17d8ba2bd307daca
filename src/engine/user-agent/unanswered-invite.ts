import type { Clock, Timer } from '../../core/clock.ts';
import { TRANSACTION_LIMITS } from '../transaction/limits.ts';
import { ANSWERING_LIMITS } from './limits.ts';

/** What the clock brings about for an INVITE that waits for an application's final answer. */
export interface InviteDue {
  /** The last provisional response is sent once more. */
  readonly ringAgain: () => void;
  /** The caller waits no longer. */
  readonly expired: () => void;
}

/** The time an INVITE of the peer may wait in (RFC 3261 §13.3.1). */
export class UnansweredInvite {
  readonly #clock: Clock;
  readonly #due: InviteDue;
  #ringing: Timer | undefined;
  #expiry: Timer | undefined;

  constructor(clock: Clock, due: InviteDue) {
    this.#clock = clock;
    this.#due = due;
  }

  /** §13.3.1 step 1: an invitation that says how long it stands is over then. @param expires the header's value */
  begin(expires: string | undefined): void {
    const seconds = Number(/^\s*(\d{1,10})\s*$/.exec(expires ?? '')?.[1] ?? 0);
    // A longer one ends by timer C; 0 would ask for nothing at all.
    if (seconds === 0 || seconds * 1_000 > TRANSACTION_LIMITS.invitePatience) return;
    this.#expiry = this.#clock.after(seconds * 1_000, () => this.#due.expired());
  }

  /** §13.3.1.1: a proxy on the way gives a call up that it hears nothing of for three minutes, so it rings each minute. */
  rang(): void {
    this.#ringing?.cancel();
    this.#ringing = this.#clock.after(ANSWERING_LIMITS.ringAgain, () => {
      this.#due.ringAgain();
      this.rang();
    });
  }

  end(): void {
    this.#ringing?.cancel();
    this.#expiry?.cancel();
  }
}
