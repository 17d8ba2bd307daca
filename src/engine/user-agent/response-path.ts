import type { Via } from '../message/via.ts';
import type { ResponsePath } from '../transaction/server-transaction.ts';
import type { Endpoint, ReceivedMessage, TransportLayer } from '../transport/transport.ts';

const DEFAULT_PORT = 5060;

/**
 * RFC 3261 §18.2.2 with RFC 3581 §4: a response goes back the way its request came. Over UDP, to the port the sender
 * says in Via unless it asked for the one it sent from; over a connection that is gone, by a new one to that port.
 */
export function responsePath(
  via: Via,
  { flow, source }: ReceivedMessage,
  transport: TransportLayer,
): ResponsePath {
  const asked: Endpoint = { ...source, port: via.port ?? DEFAULT_PORT };
  if (source.protocol === 'udp') {
    const straight = via.params.has('rport') || asked.port === source.port;
    const send = straight
      ? (bytes: Buffer) => flow.send(bytes)
      : async (bytes: Buffer) => await (await transport.flowTo(asked)).send(bytes);
    return { reliable: false, send };
  }
  return {
    reliable: true,
    send: async (bytes) => {
      try {
        await flow.send(bytes);
      } catch {
        await (await transport.flowTo(asked)).send(bytes);
      }
    },
  };
}
