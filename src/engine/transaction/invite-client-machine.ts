import type { Machine } from './machine.ts';
import { pass, reportFailure, reportTimeout, send, sendAck, start, step, stop } from './machine.ts';
import type { TimerName } from './timers.ts';

/** RFC 3261 §17.1.1, and `terminated`: gone. */
export type InviteClientState = 'calling' | 'proceeding' | 'accepted' | 'completed' | 'terminated';

/** `provisional`, `success`, `failure` are responses that came, by their class; a letter is a timer that rang. */
export type InviteClientEvent =
  | 'provisional'
  | 'success'
  | 'failure'
  | 'cancel'
  | 'transport-error'
  | Extract<TimerName, 'A' | 'B' | 'C' | 'D' | 'M' | 'X'>;

/**
 * The INVITE client transaction, RFC 3261 §17.1.1 as corrected by RFC 6026 §7.2.
 *
 * ```
 *          A: send again                        1xx
 *            ┌──┐                              ┌──┐
 *  INVITE ──>calling ────────── 1xx ────────>proceeding
 *            │ │ └── B, transport error ─┐     │ │ └ X ──> terminated (timeout); C: timeout, to be cancelled
 *            │ └── 2xx ──> accepted <────┼ 2xx ┘ │
 *            │             M │ 2xx: pass │       │
 *            └ 300-699 ──────┼──────> completed <┘ 300-699
 *                            v           │ D       every 300-699 is acknowledged
 *                        terminated <────┘
 * ```
 */
export const INVITE_CLIENT: Machine<InviteClientState, InviteClientEvent> = {
  initial: 'calling',
  enter: [send, start('A'), start('B')],
  steps: {
    calling: {
      A: step('calling', send, start('A')),
      B: step('terminated', reportTimeout),
      provisional: step('proceeding', stop('A'), stop('B'), start('C'), pass),
      success: step('accepted', stop('A'), stop('B'), start('M'), pass),
      failure: step('completed', stop('A'), stop('B'), sendAck, pass, start('D')),
      'transport-error': step('terminated', reportFailure),
    },
    proceeding: {
      // Each provisional response grants more time (§16.7 step 2).
      provisional: step('proceeding', start('C'), pass),
      success: step('accepted', stop('C'), stop('X'), start('M'), pass),
      failure: step('completed', stop('C'), stop('X'), sendAck, pass, start('D')),
      // §9.1: no final response within 64*T1 of a CANCEL counts as one.
      cancel: step('proceeding', stop('C'), start('X')),
      // §16.8: whoever is told sends CANCEL, and the final response is still acknowledged.
      C: step('proceeding', reportTimeout),
      X: step('terminated', reportTimeout),
      'transport-error': step('terminated', reportFailure),
    },
    accepted: {
      // A repeated 2xx, or that of another branch of a fork: the dialog side acknowledges it (RFC 6026 §7.2).
      success: step('accepted', pass),
      M: step('terminated'),
    },
    completed: {
      failure: step('completed', sendAck),
      D: step('terminated'),
      // §17.1.1.2: the ACK could not be sent.
      'transport-error': step('terminated', reportFailure),
    },
    terminated: {},
  },
};
