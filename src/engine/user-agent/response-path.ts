import { isIP } from 'node:net';
import type { Via } from '../message/via.ts';
import type { ResponsePath } from '../transaction/server-transaction.ts';
import { defaultPort } from '../transport/addresses.ts';
import type { Flow, ReceivedMessage, Target, TransportLayer } from '../transport/transport.ts';
import { isWebSocket } from '../transport/transport.ts';

/** A response that goes to one place or nowhere. */
class DirectPath implements ResponsePath {
  readonly reliable: boolean;
  readonly #flow: Flow;

  constructor(flow: Flow) {
    this.reliable = flow.remote.protocol !== 'udp';
    this.#flow = flow;
  }

  send(bytes: Buffer): Promise<void> {
    return this.#flow.send(bytes);
  }
}

/** A response goes where a flow has yet to be made to. */
class DetourPath implements ResponsePath {
  readonly reliable: boolean;
  readonly #target: Target;
  readonly #transport: TransportLayer;
  readonly #first: Flow | undefined;

  constructor(target: Target, transport: TransportLayer, first?: Flow) {
    this.reliable = target.protocol !== 'udp';
    this.#target = target;
    this.#transport = transport;
    this.#first = first;
  }

  async send(bytes: Buffer): Promise<void> {
    try {
      if (this.#first !== undefined) {
        await this.#first.send(bytes);
        return;
      }
    } catch {
      // The connection is gone; the peer may be reached by another.
    }
    await (await this.#transport.flowTo(this.#target)).send(bytes);
  }
}

/**
 * RFC 3261 §18.2.2 with RFC 3581 §4: a response goes back the way its request came. Over UDP, to the port the sender
 * says in Via unless it asked for the one it sent from; over a connection that is gone, by a new one to that port. No new
 * one can be made to a client that came by WebSocket (RFC 7118 §5).
 */
export function responsePath(
  via: Via,
  { flow, source }: ReceivedMessage,
  transport: TransportLayer,
): ResponsePath {
  if (isWebSocket(source)) return new DirectPath(flow);
  const port = via.port ?? defaultPort(source.protocol);
  if (source.protocol !== 'udp') {
    // Over TLS whoever is there now has to be who asked.
    const domain = isIP(via.host) === 0 ? { domain: via.host } : {};
    return new DetourPath({ ...source, port, ...domain }, transport, flow);
  }
  if (via.params.has('rport') || port === source.port) return new DirectPath(flow);
  return new DetourPath({ ...source, port }, transport);
}
