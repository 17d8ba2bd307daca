import type { Clock, Timer } from '../../core/clock.ts';
import type { SipTimers } from '../transaction/timers.ts';

/** What it takes to repeat a 2xx to INVITE. */
export interface AcceptedInvite {
  readonly clock: Clock;
  readonly timers: SipTimers;
  /** Sends the 2xx once more. */
  readonly repeat: () => void;
  /** No ACK came within 64*T1. */
  readonly unacknowledged: () => void;
}

/**
 * RFC 3261 §13.3.1.4: a 2xx to INVITE is repeated until its ACK comes, on every transport since a proxy further on may
 * use another, after T1, then at intervals that double up to T2. Without an ACK for 64*T1 the session is over.
 * @returns stops it
 */
export function repeatUntilAcknowledged({
  clock,
  timers,
  repeat,
  unacknowledged,
}: AcceptedInvite): () => void {
  let interval = timers.t1;
  let next: Timer;
  const again = (): void => {
    repeat();
    interval = Math.min(interval * 2, timers.t2);
    next = clock.after(interval, again);
  };
  next = clock.after(interval, again);
  const end = clock.after(64 * timers.t1, () => {
    next.cancel();
    unacknowledged();
  });
  return () => {
    next.cancel();
    end.cancel();
  };
}
