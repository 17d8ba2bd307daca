import { MalformedMessage } from '../message/malformed-message.ts';
import { parseMessage } from '../message/parse-message.ts';
import type { SipMessage } from '../message/sip-message.ts';
import { MalformedVia } from '../message/via.ts';
import { stampTopVia } from './incoming-via.ts';
import type { Flow, TransportEvents } from './transport.ts';

/** Reads a datagram that came over `flow` and tells `events`. */
export function deliverDatagram(bytes: Buffer, flow: Flow, events: TransportEvents): void {
  if (events.screen?.(bytes, flow) === false) return;
  let message: SipMessage;
  try {
    message = parseMessage(bytes);
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    deliverMalformed(error, flow, events);
    return;
  }
  deliverMessage(message, flow, events);
}

/** Tells `events` of a message that came over `flow`; the top Via of a request says where from. */
export function deliverMessage(message: SipMessage, flow: Flow, events: TransportEvents): void {
  if (message.kind === 'request' && !stamp(message, flow)) {
    events.onMalformed(new MalformedMessage(400, 'Bad Via', message), flow.remote, flow);
    return;
  }
  events.onMessage({ message, source: flow.remote, local: flow.local, flow });
}

/** Tells `events` of bytes that are no message. */
export function deliverMalformed(error: MalformedMessage, flow: Flow, events: TransportEvents): void {
  if (error.request !== undefined) stamp(error.request, flow);
  events.onMalformed(error, flow.remote, flow);
}

function stamp({ headers }: Pick<SipMessage, 'headers'>, flow: Flow): boolean {
  try {
    stampTopVia(headers, flow.remote);
    return true;
  } catch (error) {
    if (error instanceof MalformedVia) return false;
    throw error;
  }
}
