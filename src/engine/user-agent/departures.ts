import { withDeadline } from '../../core/deadline.ts';
import type { SipRequest } from '../message/sip-message.ts';
import { serializeMessage } from '../message/serialize-message.ts';
import { isSecure } from '../transport/addresses.ts';
import type { Endpoint, Flow } from '../transport/transport.ts';
import { isWebSocket } from '../transport/transport.ts';
import type { Way } from './compose-request.ts';
import { SENDING_LIMITS } from './limits.ts';
import type { Surroundings } from './surroundings.ts';

/** A request ready to go, and the flow it goes over. */
export interface Departure {
  readonly request: SipRequest;
  readonly bytes: Buffer;
  readonly branch: string;
  readonly flow: Flow;
  /** There is another address to try when this one stays silent. */
  readonly more: boolean;
}

/** A request to send, and by what way, before it is known which addresses that comes to. */
export interface Journey {
  /** SIP URI of where the request is sent. */
  readonly nextHop: string;
  /** Writes the request for the way it takes. */
  readonly compose: (way: Way) => SipRequest;
  /**
   * Of a request in a dialog, the flow to take when no address of the next hop can be reached; a WebSocket is the only way
   * to who made it.
   */
  readonly fallback?: Flow;
  /** It begins nothing, and goes also where new requests are not welcome while others would take them (RFC 3261 §21.5.4). */
  readonly continues?: boolean;
}

/**
 * Why the next way is asked for: the one before could not be taken or broke ('failed'), led to nobody who answers
 * ('silent'), or to one who says 503 ('refused').
 */
export type Outcome = 'failed' | 'silent' | 'refused';

/**
 * The ways a request may take, best first. The next one is asked for when a request could not be delivered by the one
 * before (RFC 3263 §4.3); each has a branch of its own.
 */
export async function* departures(
  surroundings: Surroundings,
  { nextHop, compose, fallback: back, continues = back !== undefined }: Journey,
): AsyncGenerator<Departure, void, Outcome | undefined> {
  const { transport, addresses, clock, setbacks } = surroundings;
  // A WebSocket client may say sips of what is a plain connection here: its TLS ends at the web server before us.
  if (back !== undefined && isWebSocket(back.remote)) {
    yield prepare(surroundings, compose, back, false);
    return;
  }
  // RFC 3261 §26.2.2: what is sips never goes in the clear.
  const fallback = back !== undefined && /^sips:/i.test(nextHop) && !isSecure(back.remote) ? undefined : back;
  const found = await surroundings.resolve(nextHop).catch(() => []);
  const welcome = continues ? found : found.filter((each) => setbacks.shunned(each) === 0);
  // A proxy may pass on the 503 of one user's phone: what is for all others has no way but this one.
  const targets = setbacks.order(welcome.length > 0 ? welcome : found).slice(0, SENDING_LIMITS.addresses);
  const transportGiven = /;transport=/i.test(nextHop);
  let outcome: Outcome | undefined;
  for (const [index, target] of targets.entries()) {
    const more = index < targets.length - 1;
    const flow = await transport.flowTo(target).catch(() => undefined);
    if (flow === undefined) {
      setbacks.failed(target, { kind: 'unreachable' });
      continue;
    }
    const departure = prepare(surroundings, compose, flow, more);
    const tooLong = target.protocol === 'udp' && departure.bytes.length > SENDING_LIMITS.datagram;
    if (tooLong && !transportGiven && addresses.listensOn('tcp')) {
      // RFC 3261 §18.1.1: a long request goes over TCP, and over UDP after all where that is not taken.
      const connecting = transport.flowTo({ ...target, protocol: 'tcp' });
      const tcp = await withDeadline(clock, SENDING_LIMITS.tcpAttempt, 'connecting', connecting).catch(
        () => undefined,
      );
      if (tcp !== undefined) {
        outcome = yield prepare(surroundings, compose, tcp, more);
        // Who took the connection is not asked again by UDP.
        if (outcome === 'silent' || outcome === 'refused') continue;
      }
    }
    outcome = yield departure;
  }
  if (fallback !== undefined && (outcome === undefined || outcome === 'failed')) {
    yield prepare(surroundings, compose, fallback, false);
  }
}

/** The request as it would have gone, for one that goes nowhere. */
export function undeliverable(surroundings: Surroundings, compose: (way: Way) => SipRequest): SipRequest {
  const { transport, addresses, identifiers } = surroundings;
  const local: Endpoint = transport.local[0] ?? { protocol: 'udp', address: '127.0.0.1', port: 5060 };
  return compose(addresses.way(local, local, identifiers.branch()));
}

function prepare(
  { addresses, identifiers }: Surroundings,
  compose: (way: Way) => SipRequest,
  flow: Flow,
  more: boolean,
): Departure {
  const branch = identifiers.branch();
  const request = compose(addresses.way(flow.local, flow.remote, branch));
  return { request, bytes: serializeMessage(request), branch, flow, more };
}
