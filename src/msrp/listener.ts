import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { Server as TlsServer, createServer as createTlsServer } from 'node:tls';
import type { Logger } from '../core/logger.ts';
import { NoMsrpListener } from './errors.ts';
import type { MsrpLimits } from './limits.ts';

/** `ws` and `wss`: RFC 7977, over a listener of the caller's. */
export type MsrpTransport = 'tcp' | 'tls' | 'ws' | 'wss';

export interface ListenerAddress {
  readonly transport: MsrpTransport;
  readonly host: string;
  readonly port: number;
}

const MIN_VERSION = 'TLSv1.2';

export interface RunningListener {
  /** As bound. */
  readonly address: ListenerAddress;
  /** Shows another certificate over TLS from now on. @throws what TLS says when it does not serve */
  renewCertificate(tls: { readonly key: string; readonly cert: string }): void;
  /** Takes no more connections and ends those it took. */
  close(): Promise<void>;
}

/**
 * Listens for TCP or TLS connections.
 * @throws what the system says when the address cannot be had, or TLS when key and certificate cannot be read
 */
export async function listen(
  wanted: ListenerAddress,
  options: {
    readonly tls?: { readonly key: string; readonly cert: string };
    readonly limits: MsrpLimits;
    readonly logger: Logger;
    /** A connection that is ready, over TLS after its handshake. `admit` is to be called once a session runs over it. */
    readonly onConnection: (socket: Socket, admit: () => void) => void;
  },
): Promise<RunningListener> {
  const { tls, limits, logger, onConnection } = options;
  const secure = wanted.transport === 'tls';
  const server: Server = secure
    ? createTlsServer({
        ...tls,
        minVersion: MIN_VERSION,
        // Self-signed as they are, a session compares them with the fingerprint in its SDP; who named none need show none.
        requestCert: true,
        rejectUnauthorized: false,
        allowHalfOpen: true,
        handshakeTimeout: limits.strangerTimeout,
      })
    : createServer({ allowHalfOpen: true });
  const sockets = new Set<Socket>();
  /** Over which no session runs yet, the longest there first. */
  const strangers = new Map<string, Socket>();
  // Over TLS too this is the plain socket, so that one whose handshake never ends is closed with the rest.
  server.on('connection', (socket: Socket) => {
    const peer = nameOf(socket);
    sockets.add(socket);
    strangers.set(peer, socket);
    socket.on('close', () => {
      sockets.delete(socket);
      if (strangers.get(peer) === socket) strangers.delete(peer);
    });
    if (sockets.size <= limits.connections) return;
    // Whoever opens many connections and says nothing keeps nobody else out.
    const [oldest = socket] = strangers.values();
    logger.warn({ open: limits.connections }, 'MSRP connection closed to make room');
    oldest.destroy();
  });
  server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
    const peer = nameOf(socket);
    if (!socket.destroyed) onConnection(socket, () => strangers.delete(peer));
  });
  server.on('tlsClientError', (error: Error, socket: Socket) => {
    logger.debug({ error: error.message }, 'TLS handshake failed');
    // Node leaves a connection open whose handshake took too long.
    socket.destroy();
  });
  server.listen(wanted.port, wanted.host);
  await once(server, 'listening');
  server.on('error', (error) => logger.error({ error: error.message }, 'MSRP listener'));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new NoMsrpListener(wanted.transport);
  return {
    address: { transport: wanted.transport, host: bound.address, port: bound.port },
    renewCertificate: (renewed) => {
      if (server instanceof TlsServer) server.setSecureContext({ ...renewed, minVersion: MIN_VERSION });
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** The same for the plain socket and for TLS over it. */
function nameOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
}
