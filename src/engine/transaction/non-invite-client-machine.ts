import type { Machine } from './machine.ts';
import { pass, reportFailure, reportTimeout, send, start, startLongest, step, stop } from './machine.ts';
import type { TimerName } from './timers.ts';

/** RFC 3261 §17.1.2, and `terminated`: gone. */
export type NonInviteClientState = 'trying' | 'proceeding' | 'completed' | 'terminated';

/** `provisional`, `success`, `failure` are responses that came, by their class; a letter is a timer that rang. */
export type NonInviteClientEvent =
  'provisional' | 'success' | 'failure' | 'transport-error' | Extract<TimerName, 'E' | 'F' | 'K'>;

/**
 * The non-INVITE client transaction, RFC 3261 §17.1.2.
 *
 * ```
 *           E: send again            E: send again (every T2), 1xx
 *             ┌──┐                      ┌──┐
 *  request ──>trying ────── 1xx ──────>proceeding
 *             │  │ └ F, transport error ─┐ │ │
 *     200-699 │  └───────────────────> terminated
 *             └────> completed ── K ──────^ │
 *                        ^───── 200-699 ────┘
 * ```
 */
export const NON_INVITE_CLIENT: Machine<NonInviteClientState, NonInviteClientEvent> = {
  initial: 'trying',
  enter: [send, start('E'), start('F')],
  steps: {
    trying: {
      E: step('trying', send, start('E')),
      F: step('terminated', reportTimeout),
      provisional: step('proceeding', pass),
      success: step('completed', stop('E'), stop('F'), pass, start('K')),
      failure: step('completed', stop('E'), stop('F'), pass, start('K')),
      'transport-error': step('terminated', reportFailure),
    },
    proceeding: {
      E: step('proceeding', send, startLongest('E')),
      F: step('terminated', reportTimeout),
      provisional: step('proceeding', pass),
      success: step('completed', stop('E'), stop('F'), pass, start('K')),
      failure: step('completed', stop('E'), stop('F'), pass, start('K')),
      'transport-error': step('terminated', reportFailure),
    },
    // Further final responses are retransmissions and absorbed.
    completed: {
      K: step('terminated'),
    },
    terminated: {},
  },
};
