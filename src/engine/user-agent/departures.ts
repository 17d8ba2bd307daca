import { withDeadline } from '../../core/deadline.ts';
import type { SipRequest } from '../message/sip-message.ts';
import { serializeMessage } from '../message/serialize-message.ts';
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
}

export interface Journey {
  /** SIP URI of where the request is sent. */
  readonly nextHop: string;
  /** Writes the request for the way it takes. */
  readonly compose: (way: Way) => SipRequest;
  /** A flow to take when no address of the next hop can be reached; a WebSocket is the only way to who made it. */
  readonly fallback?: Flow;
}

/**
 * The ways a request may take, best first. The next one is asked for when a request could not be delivered by the one
 * before (RFC 3263 §4.3); each has a branch of its own.
 */
export async function* departures(
  surroundings: Surroundings,
  { nextHop, compose, fallback }: Journey,
): AsyncGenerator<Departure, void, undefined> {
  const { transport, addresses, clock } = surroundings;
  if (fallback !== undefined && isWebSocket(fallback.remote)) {
    yield prepare(surroundings, compose, fallback);
    return;
  }
  const resolved = await surroundings.resolve(nextHop).catch(() => []);
  const endpoints = resolved.filter(({ protocol }) => addresses.listensOn(protocol));
  const transportGiven = /;transport=/i.test(nextHop);
  for (const endpoint of endpoints.slice(0, SENDING_LIMITS.addresses)) {
    const flow = await transport.flowTo(endpoint).catch(() => undefined);
    if (flow === undefined) continue;
    const departure = prepare(surroundings, compose, flow);
    const tooLong = endpoint.protocol === 'udp' && departure.bytes.length > SENDING_LIMITS.datagram;
    if (tooLong && !transportGiven && addresses.listensOn('tcp')) {
      // RFC 3261 §18.1.1: a long request goes over TCP, and over UDP after all where that is not taken.
      const connecting = transport.flowTo({ ...endpoint, protocol: 'tcp' });
      const tcp = await withDeadline(clock, SENDING_LIMITS.tcpAttempt, 'connecting', connecting).catch(
        () => undefined,
      );
      if (tcp !== undefined) yield prepare(surroundings, compose, tcp);
    }
    yield departure;
  }
  if (fallback !== undefined) yield prepare(surroundings, compose, fallback);
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
): Departure {
  const branch = identifiers.branch();
  const request = compose(addresses.way(flow.local, flow.remote, branch));
  return { request, bytes: serializeMessage(request), branch, flow };
}
