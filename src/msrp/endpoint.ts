import type { Duplex } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Gauge, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { ChatSession } from './chat-session.ts';
import type { ConnectionOwner } from './connection.ts';
import { MsrpConnection } from './connection.ts';
import { dial } from './dial.ts';
import { NoMsrpListener } from './errors.ts';
import type { MsrpLimits } from './limits.ts';
import { MSRP_LIMITS } from './limits.ts';
import type { ListenerAddress, MsrpTransport, RunningListener } from './listener.ts';
import { listen } from './listener.ts';
import type { MsrpSession, RemoteSide, SessionHandlers } from './session.ts';
import { SessionRegistry } from './session-registry.ts';
import type { MsrpUri } from './uri.ts';
import { localMsrpUri } from './uri.ts';

export type { MsrpTransport };

export interface MsrpEndpointOptions {
  readonly listen: readonly ListenerAddress[];
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

export type { RemoteSide };

/** Our side of a session before the call is answered: its path goes into our SDP. */
export interface PreparedSession {
  readonly id: string;
  readonly localPath: readonly MsrpUri[];
  /** The peer's path is known. What it sent before is taken now. */
  open(remote: RemoteSide, handlers: SessionHandlers): MsrpSession;
  /** There will be no session. */
  discard(): void;
}

/** All MSRP sessions and connections of one node. */
export interface MsrpEndpoint {
  /** As peers reach them. */
  readonly listeners: readonly ListenerAddress[];
  /**
   * Counts a listener of the caller's among ours, as it is for WebSockets, which share their port with SIP. What is returned
   * takes each of its connections: a stream on which every write is one WebSocket message, and that reads their contents.
   */
  attach(address: ListenerAddress): (stream: Duplex) => void;
  /** @throws NoMsrpListener */
  prepare(transport: MsrpTransport): PreparedSession;
  /** Ends all sessions and connections. */
  close(): Promise<void>;
}

/** Random bits of a session id: RFC 4975 §14.1 asks for 80 at least. */
const SESSION_ID_BITS = 128;

class Endpoint implements MsrpEndpoint {
  readonly #options: MsrpEndpointOptions;
  readonly #limits: MsrpLimits;
  readonly #registry: SessionRegistry;
  readonly #running: RunningListener[] = [];
  /** Listened on by somebody else. */
  readonly #attached: ListenerAddress[] = [];
  readonly #connections = new Set<MsrpConnection>();
  readonly #open: Gauge;

  constructor(options: MsrpEndpointOptions) {
    this.#options = options;
    this.#limits = { ...MSRP_LIMITS, ...options.limits };
    this.#registry = new SessionRegistry({ ...options, limits: this.#limits });
    this.#open = options.metrics.gauge('msrp_connections', 'MSRP connections that are open');
  }

  get listeners(): ListenerAddress[] {
    const { advertisedHost } = this.#options;
    return [...this.#running.map(({ address }) => address), ...this.#attached].map((address) => ({
      ...address,
      host: advertisedHost ?? address.host,
    }));
  }

  attach(address: ListenerAddress): (stream: Duplex) => void {
    this.#attached.push(address);
    return (stream) => void this.#keep(stream);
  }

  async listen(): Promise<void> {
    const { listen: wanted, tls, logger } = this.#options;
    for (const address of wanted) {
      const running = await listen(address, {
        ...(tls === undefined ? {} : { tls }),
        limits: this.#limits,
        logger,
        onConnection: (socket) => this.#keep(socket),
      });
      this.#running.push(running);
    }
  }

  prepare(transport: MsrpTransport): PreparedSession {
    const listener = this.listeners.find((candidate) => candidate.transport === transport);
    if (listener === undefined) throw new NoMsrpListener(transport);
    const id = hexToken(this.#options.random, SESSION_ID_BITS);
    const local = localMsrpUri({
      ...listener,
      secure: transport === 'tls' || transport === 'wss',
      sessionId: id,
    });
    this.#registry.expect(id);
    return {
      id,
      localPath: [local],
      open: (remote, handlers) => this.#openSession(local, remote, handlers),
      discard: () => this.#registry.forget(id),
    };
  }

  async close(): Promise<void> {
    this.#registry.close();
    for (const connection of this.#connections) connection.destroy();
    await Promise.all(this.#running.map((listener) => listener.close()));
  }

  #openSession(local: MsrpUri, remote: RemoteSide, handlers: SessionHandlers): MsrpSession {
    const { clock, random } = this.#options;
    const over = new AbortController();
    const session = new ChatSession({
      id: local.sessionId,
      local,
      remote: remote.path,
      handlers,
      limits: this.#limits,
      clock,
      random,
      onOver: () => {
        this.#registry.remove(local.sessionId);
        over.abort();
      },
    });
    this.#registry.add(session);
    if (remote.setup === 'active') void this.#reach(session, remote.path, over.signal);
    return session;
  }

  async #reach(session: ChatSession, [hop]: readonly MsrpUri[], signal: AbortSignal): Promise<void> {
    try {
      if (hop === undefined) throw new RangeError('a path of no URI');
      const socket = await dial(hop, {
        clock: this.#options.clock,
        timeout: this.#limits.bindTimeout,
        signal,
      });
      session.bindTo(this.#keep(socket));
    } catch (error) {
      this.#options.logger.info({ hop: hop?.text, error: describeError(error) }, 'MSRP peer not reached');
      session.onUnreachable();
    }
  }

  #keep(socket: Duplex): MsrpConnection {
    const { clock, logger } = this.#options;
    const owner: ConnectionOwner = {
      onRequest: (from, request) => this.#registry.onRequest(from, request),
      onResponse: (from, response) => this.#registry.onResponse(from, response),
      onMalformed: (from, error, head) => this.#registry.onMalformed(from, error, head),
      onClosed: (closed) => {
        this.#connections.delete(closed);
        this.#open.set(this.#connections.size);
      },
    };
    const connection = new MsrpConnection(socket, { limits: this.#limits, clock, logger }, owner);
    this.#connections.add(connection);
    this.#open.set(this.#connections.size);
    return connection;
  }
}

/** Listens for MSRP. @throws what the system or TLS says when a listener cannot be had */
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
