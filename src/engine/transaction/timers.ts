import { TRANSACTION_LIMITS } from './limits.ts';

/** The three round-trip estimates every SIP timer derives from (RFC 3261 §17.1.1.1), ms. T2 is not below T1. */
export interface SipTimers {
  /** Estimate of the round-trip time. */
  readonly t1: number;
  /** Longest interval between retransmissions of a non-INVITE request or of an INVITE response. */
  readonly t2: number;
  /** How long a message may stay in the network. */
  readonly t4: number;
}

/** RFC 3261 table 4. */
export const DEFAULT_SIP_TIMERS: SipTimers = { t1: 500, t2: 4000, t4: 5000 };

/**
 * Timers A to K of RFC 3261 §17, L and M of RFC 6026 §8, and three more: C ends the wait for a final response that
 * never comes (§16.6 step 11 gives the name), T sends the 100 nobody else sent, X ends the wait after a CANCEL (§9.1).
 */
export type TimerName =
  'A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I' | 'J' | 'K' | 'L' | 'M' | 'T' | 'X';

/** What a timer's length depends on. */
export interface TimerSetting {
  readonly timers: SipTimers;
  /** The transport delivers by itself: nothing is retransmitted and nothing lingers for retransmissions. */
  readonly reliable: boolean;
  readonly invite: boolean;
}

/**
 * A refused INVITE is waited for its retransmissions at least this long, whatever our own T1: the peer, whose timer H it
 * is that counts, may reckon with another one, ms (RFC 3261 §17.1.1.2).
 */
const LEAST_D = 32_000;

/** An INVITE that is not answered within this time is answered 100, ms (RFC 3261 §17.2.1). */
const INVITE_TRYING_AFTER = 200;

/**
 * Length of a timer in ms. 0: its event comes at once. Undefined: it is not started.
 * @param round how often it has been started before, for those that back off
 */
export function timerLength(
  name: TimerName,
  { timers: { t1, t2, t4 }, reliable, invite }: TimerSetting,
  round: number,
): number | undefined {
  switch (name) {
    case 'A':
      return reliable ? undefined : t1 * 2 ** round;
    case 'E':
    case 'G':
      return reliable ? undefined : Math.min(t1 * 2 ** round, t2);
    case 'D':
      return reliable ? 0 : Math.max(64 * t1, LEAST_D);
    case 'J':
      return reliable ? 0 : 64 * t1;
    case 'I':
    case 'K':
      return reliable ? 0 : t4;
    case 'C':
      // Both together are the 64*T1 after which the client of a non-INVITE request has given up.
      return invite ? TRANSACTION_LIMITS.invitePatience : 64 * t1 - nonInviteTryingAfter(t1, t2);
    case 'T':
      return invite ? INVITE_TRYING_AFTER : nonInviteTryingAfter(t1, t2);
    case 'B':
    case 'F':
    case 'H':
    case 'L':
    case 'M':
    case 'X':
      return 64 * t1;
  }
}

/**
 * RFC 4320 §4.1: a non-INVITE request gets its 100 once the client's timer E has grown to T2, not before. That is T2 - T1
 * where T1 doubled grows to T2 without a remainder, and later where it does not.
 */
function nonInviteTryingAfter(t1: number, t2: number): number {
  let elapsed = t1;
  for (let interval = 2 * t1; interval < t2; interval *= 2) elapsed += interval;
  return Math.min(elapsed, 63 * t1);
}
