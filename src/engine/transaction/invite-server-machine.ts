import type { Machine } from './machine.ts';
import { pass, reportFailure, reportTimeout, send, sendTrying, start, step, stop } from './machine.ts';
import type { TimerName } from './timers.ts';

/** RFC 3261 §17.2.1, and `terminated`: gone. */
export type InviteServerState = 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated';

/** `request` is a retransmission of the INVITE; `provisional`, `success`, `failure` are what the user answers. */
export type InviteServerEvent =
  | 'request'
  | 'ack'
  | 'provisional'
  | 'success'
  | 'failure'
  | 'transport-error'
  | Extract<TimerName, 'C' | 'G' | 'H' | 'I' | 'L' | 'T'>;

/**
 * The INVITE server transaction, RFC 3261 §17.2.1 as corrected by RFC 6026 §7.1.
 *
 * ```
 *            T: 100, 1xx, INVITE again: last response again
 *              ┌──┐
 *  INVITE ───>proceeding ── 300-699 ──> completed ── ACK ──> confirmed
 *              │                         │  G, INVITE: again    │ I
 *              │ 2xx                     │ H: no ACK            v
 *              └────> accepted ── L ─────┴──────────────> terminated
 *                       2xx again: send; ACK: pass; INVITE: absorbed
 * ```
 *
 * A response that cannot be sent ends nothing (RFC 6026 §8.8): the peer asks again, perhaps by a way that is open.
 */
export const INVITE_SERVER: Machine<InviteServerState, InviteServerEvent> = {
  initial: 'proceeding',
  enter: [start('T')],
  steps: {
    proceeding: {
      T: step('proceeding', sendTrying, start('C')),
      C: step('proceeding', reportTimeout),
      request: step('proceeding', send),
      provisional: step('proceeding', stop('T'), start('C'), send),
      success: step('accepted', stop('T'), stop('C'), send, start('L')),
      failure: step('completed', stop('T'), stop('C'), send, start('G'), start('H')),
      'transport-error': step('proceeding', reportFailure),
    },
    accepted: {
      success: step('accepted', send),
      ack: step('accepted', pass),
      L: step('terminated'),
      'transport-error': step('accepted', reportFailure),
    },
    completed: {
      G: step('completed', send, start('G')),
      H: step('terminated', reportTimeout),
      request: step('completed', send),
      ack: step('confirmed', stop('G'), stop('H'), start('I')),
      'transport-error': step('completed', reportFailure),
    },
    // Nothing is sent any more: further ACKs and INVITEs are absorbed.
    confirmed: {
      I: step('terminated'),
    },
    terminated: {},
  },
};
