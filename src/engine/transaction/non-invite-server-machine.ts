import type { Machine } from './machine.ts';
import { reportFailure, reportTimeout, send, sendTrying, start, step, stop } from './machine.ts';
import type { TimerName } from './timers.ts';

/** RFC 3261 §17.2.2, and `terminated`: gone. */
export type NonInviteServerState = 'trying' | 'proceeding' | 'completed' | 'terminated';

/** `request` is a retransmission; `provisional`, `success`, `failure` are what the user answers. */
export type NonInviteServerEvent =
  'request' | 'provisional' | 'success' | 'failure' | 'transport-error' | Extract<TimerName, 'C' | 'J' | 'T'>;

/**
 * The non-INVITE server transaction, RFC 3261 §17.2.2. Without an answer it ends silently after 64*T1: by then the
 * client has given up, and a late response would only add to a jam (RFC 4320 §4.2).
 *
 * ```
 *  request ──>trying ── T: 100, 1xx ──> proceeding ── C ──> terminated
 *               │                      │ request again: last response again
 *               └ 200-699 ──> completed <┘                   ^
 *                              request again ────── J ───────┘
 * ```
 *
 * A response that cannot be sent ends nothing (RFC 6026 §8.8): the request that comes again, perhaps by a way that is
 * open, is still known and gets the same answer.
 */
export const NON_INVITE_SERVER: Machine<NonInviteServerState, NonInviteServerEvent> = {
  initial: 'trying',
  enter: [start('T')],
  steps: {
    trying: {
      T: step('proceeding', sendTrying, start('C')),
      provisional: step('proceeding', stop('T'), send, start('C')),
      success: step('completed', stop('T'), send, start('J')),
      failure: step('completed', stop('T'), send, start('J')),
    },
    proceeding: {
      C: step('terminated', reportTimeout),
      request: step('proceeding', send),
      provisional: step('proceeding', send),
      success: step('completed', stop('C'), send, start('J')),
      failure: step('completed', stop('C'), send, start('J')),
      'transport-error': step('proceeding', reportFailure),
    },
    completed: {
      request: step('completed', send),
      J: step('terminated'),
      'transport-error': step('completed', reportFailure),
    },
    terminated: {},
  },
};
