import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { Target } from './transport.ts';

/** What becomes of connections that come. */
export interface Reception {
  /** Whether one more is taken; over TLS this is asked before its handshake. */
  readonly admits: (socket: Socket) => boolean;
  /** It can carry messages, over TLS after its handshake. */
  readonly ready: (socket: Socket) => void;
}

/** What differs between TCP and TLS over it. */
export interface StreamSockets {
  readonly protocol: 'tcp' | 'tls';
  /** Whether a peer we connect to must prove the name it was looked up by. */
  readonly verifiesNames: boolean;
  createServer(reception: Reception): Server;
  /** Begins a connection; {@link connectedEvent} tells that it can carry messages. */
  connect(target: Target): Socket;
  readonly connectedEvent: 'connect' | 'secureConnect';
  /** Ends those that came and are not ready. */
  close(): void;
}

/** TCP in the clear: there is nothing to prove, and a connection that is made is ready. */
export const TCP_SOCKETS: StreamSockets = {
  protocol: 'tcp',
  verifiesNames: false,
  connectedEvent: 'connect',
  createServer: ({ admits, ready }) =>
    createServer({ noDelay: true }, (socket) => {
      if (admits(socket)) ready(socket);
      else socket.destroy();
    }),
  connect: ({ address, port }) => connect({ host: address, port, noDelay: true }),
  close: () => undefined,
};
