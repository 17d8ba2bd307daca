import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as TlsServer, createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import type { Clock, Timer } from '../core/clock.ts';
import { sparingLogger } from '../core/logger.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Gauge, Metrics } from '../core/metrics.ts';
import { NoWebSocketListener } from './errors.ts';
import type { WebSocketLimits } from './limits.ts';
import { WEB_SOCKET_LIMITS } from './limits.ts';
import { OpeningHandshakes } from './opening-handshakes.ts';
import { UnfinishedMessages } from './unfinished-messages.ts';
import type { Refusal, Subprotocol } from './upgrade.ts';
import { judgeUpgrade, upgradeRequired } from './upgrade.ts';
import { WebSocketStream } from './web-socket-stream.ts';

export type { Subprotocol } from './upgrade.ts';

/** Where WebSockets are taken; `wss` is over TLS. */
export interface WebSocketAddress {
  readonly protocol: 'ws' | 'wss';
  readonly host: string;
  readonly port: number;
}

/** The ends of one connection, as its socket says. */
export interface StreamEnds {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
}

/** Who serves one subprotocol. */
export interface SubprotocolServer {
  /** A longer message closes its connection (RFC 6455 §7.4.1: 1009). */
  readonly maxMessageBytes: number;
  /** Given each connection: a stream on which every write is one message, and every chunk read is one. */
  readonly onStream: (stream: Duplex, ends: StreamEnds) => void;
}

export interface WebSocketListenerOptions {
  /** Port 0 takes any free one. */
  readonly address: WebSocketAddress;
  /** PEM; needed for wss. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** What will be served; until it is taken its clients are told to come back in a second. */
  readonly subprotocols: readonly Subprotocol[];
  /** Web pages that may connect, such as `https://chat.example.com`; undefined for any. */
  readonly origins?: readonly string[];
  readonly limits?: Partial<WebSocketLimits>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A listener that runs. */
export interface WebSocketListener {
  /** As bound. */
  readonly address: WebSocketAddress;
  /** Serves a subprotocol from now on. */
  take(subprotocol: Subprotocol, server: SubprotocolServer): void;
  /**
   * Shows another certificate over TLS from now on; connections that are there live on.
   * @throws what TLS says when it does not serve: the old one stays
   */
  renewCertificate(tls: { readonly key: string; readonly cert: string }): void;
  /** Takes no more connections and ends those it took (RFC 6455 §7.4.1: 1001). */
  close(): Promise<void>;
}

/** RFC 6455 §7.4.1: the server goes down. */
const GOING_AWAY = 1001;

const MIN_VERSION = 'TLSv1.2';

/** @throws NoWebSocketListener when the address cannot be had, or key and certificate cannot be read */
export async function startWebSocketListener(options: WebSocketListenerOptions): Promise<WebSocketListener> {
  const { protocol, host, port } = options.address;
  const fail = (cause: unknown): NoWebSocketListener =>
    new NoWebSocketListener(`cannot listen on ${protocol}:${host}:${port}`, { cause });
  try {
    const server = createHttpServer(options);
    server.listen(port, host);
    await once(server, 'listening');
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new TypeError('no address was bound');
    return new Listener(server, { protocol, host: bound.address, port: bound.port }, options);
  } catch (cause) {
    throw fail(cause);
  }
}

function createHttpServer({ address, tls, limits }: WebSocketListenerOptions): Server {
  if (address.protocol === 'ws') return createServer();
  return createTlsServer({
    ...tls,
    minVersion: MIN_VERSION,
    handshakeTimeout: limits?.handshake ?? WEB_SOCKET_LIMITS.handshake,
  });
}

class Listener implements WebSocketListener {
  readonly address: WebSocketAddress;
  readonly #server: Server;
  readonly #options: WebSocketListenerOptions;
  readonly #logger: Logger;
  readonly #limits: WebSocketLimits;
  readonly #serving = new Map<Subprotocol, SubprotocolServer & { readonly upgrades: WebSocketServer }>();
  /** As accepted: over TLS the plain ones, so that those are closed too whose handshake never ends. */
  readonly #sockets = new Set<Socket>();
  readonly #opening: OpeningHandshakes;
  /** Runs while a connection is not upgraded. */
  readonly #handshakes = new Map<Duplex, Timer>();
  readonly #open = new Set<WebSocket>();
  readonly #unfinished: UnfinishedMessages;
  readonly #counts = new Map<Subprotocol, number>();
  readonly #origins: ReadonlySet<string> | undefined;
  readonly #gauge: Gauge;
  readonly #refused: Counter;

  constructor(server: Server, address: WebSocketAddress, options: WebSocketListenerOptions) {
    const { metrics, origins } = options;
    const logger = sparingLogger(options.logger, options.clock);
    this.#logger = logger;
    this.address = address;
    this.#server = server;
    this.#options = options;
    this.#limits = { ...WEB_SOCKET_LIMITS, ...options.limits };
    this.#opening = new OpeningHandshakes(this.#limits.handshakesOfSource);
    this.#unfinished = new UnfinishedMessages(this.#limits.unfinishedRoom);
    this.#origins = origins === undefined ? undefined : new Set(origins.map((each) => each.toLowerCase()));
    this.#gauge = metrics.gauge('web_socket_connections', 'WebSocket connections open, by what is spoken', [
      'subprotocol',
    ]);
    this.#refused = metrics.counter(
      'web_socket_refused_total',
      'HTTP requests that became no WebSocket, by the status they got; 0: there were too many connections',
      ['status'],
    );
    server.maxConnections = this.#limits.connections;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      this.#opening.begin(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on(address.protocol === 'wss' ? 'secureConnection' : 'connection', (socket: Socket) =>
      this.#awaitHandshake(socket),
    );
    server.on('tlsClientError', (error: Error, socket: Socket) => {
      logger.debug({ error: error.message }, 'TLS handshake failed');
      socket.destroy();
    });
    server.on('drop', () => {
      logger.warn({ open: this.#limits.connections }, 'WebSocket connection refused: too many');
      this.#refused.add({ status: '0' });
    });
    server.on('error', (error) => logger.error({ error: error.message }, 'WebSocket listener'));
    server.on('request', (_request: IncomingMessage, response: ServerResponse) => {
      const { status, reason, text, headers } = upgradeRequired();
      this.#refused.add({ status: String(status) });
      response.writeHead(status, reason, { ...headers, ...textHeaders(text) }).end(text);
    });
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
  }

  take(subprotocol: Subprotocol, server: SubprotocolServer): void {
    const { closing, fragments, reads, bytesPerRead } = this.#limits;
    const options = {
      noServer: true,
      clientTracking: false,
      // Compressed messages would let a small one grow beyond every limit, and texts are short.
      perMessageDeflate: false,
      maxPayload: server.maxMessageBytes,
      maxFragments: fragments,
      maxBufferedChunks: Math.max(reads, Math.ceil(server.maxMessageBytes / bytesPerRead)),
      closeTimeout: closing,
      handleProtocols: () => subprotocol,
    };
    this.#serving.set(subprotocol, { ...server, upgrades: new WebSocketServer(options) });
  }

  renewCertificate(tls: { readonly key: string; readonly cert: string }): void {
    createSecureContext(tls);
    if (this.#server instanceof TlsServer) this.#server.setSecureContext({ ...tls, minVersion: MIN_VERSION });
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const webSocket of this.#open) webSocket.close(GOING_AWAY);
    // The close frames leave now or not at all: a peer that does not read does not hold up our end.
    await setImmediate();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #awaitHandshake(socket: Socket): void {
    const timer = this.#options.clock.after(this.#limits.handshake, () => socket.destroy());
    this.#handshakes.set(socket, timer);
    socket.on('close', () => this.#endHandshake(socket));
  }

  #endHandshake(socket: Duplex): void {
    this.#handshakes.get(socket)?.cancel();
    this.#handshakes.delete(socket);
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const logger = this.#logger;
    socket.on('error', (error) => logger.debug({ error: error.message }, 'WebSocket connection failed'));
    const verdict = judgeUpgrade(request.headers, {
      served: new Map(
        this.#options.subprotocols.map((name) => [name, this.#serving.has(name) ? 'now' : 'soon'] as const),
      ),
      origins: this.#origins,
    });
    const serving = typeof verdict === 'string' ? this.#serving.get(verdict) : undefined;
    if (typeof verdict === 'string' && serving !== undefined) {
      serving.upgrades.handleUpgrade(request, socket, head, (webSocket) =>
        this.#opened(verdict, serving, webSocket, socket),
      );
    } else if (typeof verdict !== 'string') {
      logger.info({ from: socket.remoteAddress, status: verdict.status }, 'WebSocket refused');
      this.#refused.add({ status: String(verdict.status) });
      refuse(socket, verdict);
    }
  }

  #opened(subprotocol: Subprotocol, server: SubprotocolServer, webSocket: WebSocket, socket: Socket): void {
    const { remoteAddress, remotePort, localAddress } = socket;
    this.#endHandshake(socket);
    this.#opening.end(socket);
    if (remoteAddress === undefined || remotePort === undefined || localAddress === undefined) {
      webSocket.terminate();
      return;
    }
    this.#open.add(webSocket);
    this.#count(subprotocol, 1);
    webSocket.on('close', () => {
      this.#open.delete(webSocket);
      this.#count(subprotocol, -1);
    });
    const stream = new WebSocketStream(webSocket, socket, {
      clock: this.#options.clock,
      limits: this.#limits,
      unfinished: this.#unfinished,
    });
    server.onStream(stream, { address: remoteAddress, port: remotePort, localAddress });
  }

  #count(subprotocol: Subprotocol, change: number): void {
    const open = (this.#counts.get(subprotocol) ?? 0) + change;
    this.#counts.set(subprotocol, open);
    this.#gauge.set(open, { subprotocol });
  }
}

function refuse(socket: Socket, { status, reason, text, headers }: Refusal): void {
  const fields = Object.entries({ ...headers, ...textHeaders(text) }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  socket.once('finish', () => socket.destroy());
  socket.end([`HTTP/1.1 ${status} ${reason}`, ...fields, '', text].join('\r\n'));
}

function textHeaders(text: string): Record<string, string> {
  return {
    Connection: 'close',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(text)),
  };
}
