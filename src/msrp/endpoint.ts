import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import type { Clock, Timer } from '../core/clock.ts';
import { MailboxError, describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { ChatSession, respondTo } from './chat-session.ts';
import type { ConnectionOwner, WholeRequest } from './connection.ts';
import { MsrpConnection } from './connection.ts';
import type { MsrpResponse, RequestHead } from './frame.ts';
import type { MsrpLimits } from './limits.ts';
import { MSRP_LIMITS } from './limits.ts';
import type { MsrpSession, SessionHandlers } from './session.ts';
import type { MsrpUri } from './uri.ts';
import { localMsrpUri, parseMsrpPath } from './uri.ts';

export type MsrpTransport = 'tcp' | 'tls';

export interface MsrpListener {
  readonly transport: MsrpTransport;
  /** As peers reach it. */
  readonly host: string;
  readonly port: number;
}

export interface MsrpEndpointOptions {
  readonly listen: readonly MsrpListener[];
  /** IP address put into paths in place of the one listened on. */
  readonly advertisedHost?: string;
  /** PEM; needed for a TLS listener. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly limits?: Partial<MsrpLimits>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Our side of a session before the call is answered: its path goes into our SDP. */
export interface PreparedSession {
  readonly id: string;
  readonly localPath: readonly MsrpUri[];
  /** The peer's path is known. What it sent before is taken now. `setup` is our role. */
  open(
    remote: { readonly path: readonly MsrpUri[]; readonly setup: 'active' | 'passive' },
    handlers: SessionHandlers,
  ): MsrpSession;
  /** There will be no session. */
  discard(): void;
}

/** All MSRP sessions and connections of one node. */
export interface MsrpEndpoint {
  readonly listeners: readonly MsrpListener[];
  /** @throws NoMsrpListener */
  prepare(transport: MsrpTransport): PreparedSession;
  close(): Promise<void>;
}

/** Nothing listens for this transport. */
export class NoMsrpListener extends MailboxError {
  constructor(transport: MsrpTransport) {
    super('NO_MSRP_LISTENER', `nothing listens for MSRP over ${transport}`);
  }
}

/** Random bits of a session id: RFC 4975 §14.1 asks for 80 at least. */
const SESSION_ID_BITS = 128;

/** A session's URI was given out; it is opened or discarded later. */
interface Awaited {
  readonly local: MsrpUri;
  readonly opened: Promise<void>;
  readonly release: () => void;
  readonly timer: Timer;
}

class Endpoint implements MsrpEndpoint, ConnectionOwner {
  readonly #options: MsrpEndpointOptions;
  readonly #limits: MsrpLimits;
  readonly #servers: Server[] = [];
  readonly #connections = new Set<MsrpConnection>();
  readonly #awaited = new Map<string, Awaited>();
  readonly #sessions = new Map<string, ChatSession>();
  readonly #requests: Counter;
  listeners: MsrpListener[] = [];

  constructor(options: MsrpEndpointOptions) {
    this.#options = options;
    this.#limits = { ...MSRP_LIMITS, ...options.limits };
    this.#requests = options.metrics.counter('msrp_requests_total', 'MSRP requests received', ['method']);
  }

  async listen(): Promise<void> {
    for (const { transport, host, port } of this.#options.listen) {
      const server =
        transport === 'tls'
          ? createTlsServer({ ...this.#options.tls, minVersion: 'TLSv1.2' })
          : createServer({ noDelay: true });
      server.on(transport === 'tls' ? 'secureConnection' : 'connection', (socket: Socket) =>
        this.#accept(socket),
      );
      server.on('tlsClientError', (error: Error) =>
        this.#options.logger.debug({ error: error.message }, 'TLS handshake failed'),
      );
      server.listen(port, host);
      await once(server, 'listening');
      this.#servers.push(server);
      const bound = server.address();
      if (bound === null || typeof bound === 'string') throw new NoMsrpListener(transport);
      this.listeners.push({
        transport,
        host: this.#options.advertisedHost ?? bound.address,
        port: bound.port,
      });
    }
  }

  prepare(transport: MsrpTransport): PreparedSession {
    const listener = this.listeners.find((candidate) => candidate.transport === transport);
    if (listener === undefined) throw new NoMsrpListener(transport);
    const id = hexToken(this.#options.random, SESSION_ID_BITS);
    const local = localMsrpUri({ ...listener, secure: transport === 'tls', sessionId: id });
    this.#await(id, local);
    return {
      id,
      localPath: [local],
      open: (remote, handlers) => this.#open(id, local, remote, handlers),
      discard: () => this.#forget(id),
    };
  }

  async close(): Promise<void> {
    for (const id of [...this.#awaited.keys()]) this.#forget(id);
    for (const session of [...this.#sessions.values()]) session.close();
    const closed = this.#servers.map((server) => once(server, 'close'));
    for (const server of this.#servers) server.close();
    for (const connection of this.#connections) connection.destroy();
    await Promise.all(closed);
  }

  holdBack(head: RequestHead): Promise<void> | undefined {
    const id = sessionIdOf(head);
    return id === undefined ? undefined : this.#awaited.get(id)?.opened;
  }

  /** RFC 4975 §7.3: 400 for what cannot be read, 481 for a session nobody knows, 506 for one bound elsewhere. */
  async onRequest(connection: MsrpConnection, request: WholeRequest): Promise<void> {
    const { head } = request;
    this.#requests.add({
      method: head.method === 'SEND' || head.method === 'REPORT' ? head.method : 'other',
    });
    const id = sessionIdOf(head);
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (session?.belongsTo(connection) === true) {
      await session.onRequest(connection, request);
      return;
    }
    // Reports are never answered (§7.1.2).
    if (head.method === 'REPORT') return;
    const [own = ''] = (head.headers.get('to-path') ?? '').split(/\s+/);
    const [status, comment] =
      id === undefined
        ? ([400, 'Unreadable path'] as const)
        : session === undefined
          ? ([481, 'No such session'] as const)
          : ([506, 'The session is bound to another connection'] as const);
    this.#options.logger.info({ status, method: head.method }, 'MSRP request refused');
    respondTo(connection, head, own, status, comment);
  }

  onResponse(connection: MsrpConnection, response: MsrpResponse): void {
    const [path = ''] = (response.headers.get('to-path') ?? '').split(/\s+/);
    const id = sessionIdIn(path);
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (session?.belongsTo(connection) === true) session.onResponse(response);
  }

  onClosed(connection: MsrpConnection): void {
    this.#connections.delete(connection);
    for (const session of [...this.#sessions.values()]) {
      if (session.isBoundTo(connection)) session.onConnectionClosed();
    }
  }

  #await(id: string, local: MsrpUri): void {
    let release = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      release = resolve;
    });
    const timer = this.#options.clock.after(this.#limits.bindTimeout, () => this.#forget(id));
    this.#awaited.set(id, { local, opened, release, timer });
  }

  /** Whoever waits for the session is answered now: 481 unless it was opened. */
  #forget(id: string): void {
    const awaited = this.#awaited.get(id);
    this.#awaited.delete(id);
    awaited?.timer.cancel();
    awaited?.release();
  }

  #open(
    id: string,
    local: MsrpUri,
    remote: { readonly path: readonly MsrpUri[]; readonly setup: 'active' | 'passive' },
    handlers: SessionHandlers,
  ): MsrpSession {
    const { clock, random, logger } = this.#options;
    const session = new ChatSession({
      id,
      local,
      remote: remote.path,
      handlers,
      limits: this.#limits,
      clock,
      random,
      logger,
      onOver: () => this.#sessions.delete(id),
    });
    this.#sessions.set(id, session);
    this.#forget(id);
    if (remote.setup === 'active') void this.#connect(session, remote.path);
    return session;
  }

  async #connect(session: ChatSession, [hop]: readonly MsrpUri[]): Promise<void> {
    if (hop === undefined) {
      session.onUnreachable();
      return;
    }
    // The peer's certificate is its own, as ours is; RFC 8122's fingerprint is what would vouch for it.
    const address = { host: hop.host, port: hop.port };
    const secure = hop.scheme === 'msrps';
    const socket: Socket = secure ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address);
    const timer = this.#options.clock.after(this.#limits.bindTimeout, () => socket.destroy());
    try {
      await once(socket, secure ? 'secureConnect' : 'connect');
      session.bindTo(this.#keep(socket));
    } catch (error) {
      this.#options.logger.info({ hop: hop.text, error: describeError(error) }, 'MSRP peer not reached');
      socket.destroy();
      session.onUnreachable();
    } finally {
      timer.cancel();
    }
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#limits.connections) {
      this.#options.logger.warn({ open: this.#connections.size }, 'MSRP connection refused');
      socket.destroy();
      return;
    }
    this.#keep(socket);
  }

  #keep(socket: Socket): MsrpConnection {
    const { clock, logger } = this.#options;
    const connection = new MsrpConnection(socket, { limits: this.#limits, clock, logger }, this);
    this.#connections.add(connection);
    return connection;
  }
}

/** Sessions are found by their id alone: relays and session border controllers rewrite the rest (RFC 6714 §5). */
function sessionIdOf(head: RequestHead): string | undefined {
  return sessionIdIn((head.headers.get('to-path') ?? '').trim().split(/\s+/)[0] ?? '');
}

function sessionIdIn(uri: string): string | undefined {
  try {
    return parseMsrpPath(uri)[0]?.sessionId;
  } catch {
    // What cannot be read names no session; the caller answers 400.
    return undefined;
  }
}

/** Listens for MSRP. */
export async function startMsrpEndpoint(options: MsrpEndpointOptions): Promise<MsrpEndpoint> {
  const endpoint = new Endpoint(options);
  try {
    await endpoint.listen();
  } catch (error) {
    await endpoint.close();
    throw error;
  }
  return endpoint;
}
