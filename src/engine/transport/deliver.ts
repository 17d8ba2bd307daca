import { MalformedMessage } from '../message/malformed-message.ts';
import { parseMessage } from '../message/parse-message.ts';
import { MalformedVia } from '../message/via.ts';
import { stampTopVia } from './incoming-via.ts';
import type { Flow, TransportEvents } from './transport.ts';

/** Reads `bytes` that came over `flow` and tells `events`. */
export function deliver(bytes: Buffer, flow: Flow, events: TransportEvents): void {
  try {
    const message = parseMessage(bytes);
    if (message.kind === 'request') stampTopVia(message, flow.remote);
    events.onMessage({ message, source: flow.remote, local: flow.local, flow });
  } catch (error) {
    if (error instanceof MalformedVia) {
      events.onMalformed(new MalformedMessage(400, 'Bad Via'), flow.remote, flow);
    } else if (error instanceof MalformedMessage) {
      events.onMalformed(error, flow.remote, flow);
    } else {
      throw error;
    }
  }
}
