import type { Duplex } from 'node:stream';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Gauge, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { ChatSession } from './chat-session.ts';
import type { Reaching } from './chat-session-options.ts';
import type { ConnectionOwner } from './connection.ts';
import { MsrpConnection } from './connection.ts';
import { dial } from './dial.ts';
import { NoMsrpListener } from './errors.ts';
import { formatFingerprint, matchesFingerprint, ownFingerprint } from './fingerprint.ts';
import type { MsrpLimits } from './limits.ts';
import { MSRP_LIMITS } from './limits.ts';
import type { ListenerAddress, MsrpTransport, RunningListener } from './listener.ts';
import { listen } from './listener.ts';
import type { MsrpSession, RemoteSide, SessionHandlers } from './session.ts';
import { SessionRegistry } from './session-registry.ts';
import { UnfinishedRoom } from './unfinished-room.ts';
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
  /** Of our certificate, over TLS: what stands after `a=fingerprint:` (RFC 8122). */
  readonly fingerprint: string | undefined;
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
  /**
   * Shows another certificate from now on; connections that are there live on, and sessions offered with the old one's
   * fingerprint that have none yet will not find it.
   * @throws what TLS says when it does not serve: the old one stays
   */
  renewCertificate(tls: { readonly key: string; readonly cert: string }): void;
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
  readonly #room: UnfinishedRoom;
  readonly #running: RunningListener[] = [];
  /** Listened on by somebody else. */
  readonly #attached: ListenerAddress[] = [];
  readonly #connections = new Set<MsrpConnection>();
  readonly #open: Gauge;
  readonly #mistrusted: Counter;
  #tls: { readonly key: string; readonly cert: string } | undefined;
  #fingerprint: string | undefined;

  constructor(options: MsrpEndpointOptions) {
    this.#options = options;
    this.#limits = { ...MSRP_LIMITS, ...options.limits };
    this.#registry = new SessionRegistry({ ...options, limits: this.#limits });
    this.#room = new UnfinishedRoom(this.#limits.unfinishedRoom, options.metrics);
    this.#open = options.metrics.gauge('msrp_connections', 'MSRP connections that are open');
    this.#mistrusted = options.metrics.counter(
      'msrp_fingerprint_mismatches_total',
      'MSRP peers that came without TLS to a session offered over it, or without a certificate they had named',
    );
    this.#tls = options.tls;
    this.#fingerprint = options.tls === undefined ? undefined : fingerprintOf(options.tls.cert);
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
    const secure = isSecure(address.transport);
    return (stream) => void this.#keep(stream, secure);
  }

  renewCertificate(tls: { readonly key: string; readonly cert: string }): void {
    // Nothing is changed by what does not serve.
    createSecureContext(tls);
    const fingerprint = fingerprintOf(tls.cert);
    for (const listener of this.#running) listener.renewCertificate(tls);
    this.#tls = tls;
    this.#fingerprint = fingerprint;
  }

  async listen(): Promise<void> {
    const { listen: wanted, logger } = this.#options;
    const tls = this.#tls;
    for (const address of wanted) {
      const running = await listen(address, {
        ...(tls === undefined ? {} : { tls }),
        limits: this.#limits,
        logger,
        onConnection: (socket, admit) => this.#keep(socket, isSecure(address.transport), admit),
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
      transport: transport === 'ws' || transport === 'wss' ? 'ws' : 'tcp',
      secure: isSecure(transport),
      sessionId: id,
    });
    this.#registry.expect(id);
    return {
      id,
      localPath: [local],
      fingerprint: transport === 'tls' ? this.#fingerprint : undefined,
      open: (remote, handlers) => this.#openSession(transport, local, remote, handlers),
      discard: () => this.#registry.forget(id),
    };
  }

  async close(): Promise<void> {
    this.#registry.close();
    for (const connection of this.#connections) connection.destroy();
    await Promise.all(this.#running.map((listener) => listener.close()));
  }

  #openSession(
    transport: MsrpTransport,
    local: MsrpUri,
    remote: RemoteSide,
    handlers: SessionHandlers,
  ): MsrpSession {
    const { clock, random } = this.#options;
    const session = new ChatSession({
      id: local.sessionId,
      local,
      remote,
      handlers,
      limits: this.#limits,
      room: this.#room,
      clock,
      random,
      trusts: (connection, peer) => this.#trusts(connection, peer, { transport, id: local.sessionId }),
      reach: (reaching, { path }, signal) => void this.#reach(reaching, path, signal),
      onOver: () => this.#registry.remove(local.sessionId),
    });
    this.#registry.add(session);
    session.reach();
    return session;
  }

  /**
   * RFC 4975 §6: an msrps URI is reached over TLS alone, from the last hop too when there are several. RFC 8122 §6.2: a
   * certificate that was named vouches for the peer, and no other does. With relays between, TLS goes from hop to hop (RFC 4975
   * §14.4), and the certificate is the relay's, which nobody named.
   */
  #trusts(
    connection: MsrpConnection,
    { path, fingerprints }: RemoteSide,
    session: { readonly transport: MsrpTransport; readonly id: string },
  ): boolean {
    const { transport, id } = session;
    const named = transport === 'tls' && path.length === 1 ? fingerprints : [];
    const vouched = named.length === 0 || matchesFingerprint(connection.certificate, named);
    if (vouched && (connection.secure || !isSecure(transport))) return true;
    this.#mistrusted.add();
    const shown = connection.certificate !== undefined;
    this.#options.logger.warn(
      { session: id, secure: connection.secure, shown },
      'MSRP peer without TLS, or without the certificate it named',
    );
    return false;
  }

  async #reach(session: Reaching, [hop]: readonly MsrpUri[], signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const tls = this.#tls;
    try {
      if (hop === undefined) throw new RangeError('a path of no URI');
      const socket = await dial(hop, {
        ...(tls === undefined ? {} : { tls }),
        clock,
        timeout: this.#limits.bindTimeout,
        signal,
      });
      if (signal.aborted) socket.destroy();
      else session.bindTo(this.#keep(socket, hop.scheme === 'msrps'));
    } catch (error) {
      if (signal.aborted) return;
      logger.info({ hop: hop?.text, error: describeError(error) }, 'MSRP peer not reached');
      session.onUnreachable();
    }
  }

  #keep(socket: Duplex, secure: boolean, admit?: () => void): MsrpConnection {
    const { clock, logger } = this.#options;
    const owner: ConnectionOwner = {
      wantsBody: (head) => this.#registry.wantsBody(head),
      onRequest: (from, request) => this.#registry.onRequest(from, request),
      onResponse: (from, response) => this.#registry.onResponse(from, response),
      onJoined: () => admit?.(),
      onMalformed: (from, error, head) => this.#registry.onMalformed(from, error, head),
      onClosed: (closed) => {
        this.#connections.delete(closed);
        this.#open.set(this.#connections.size);
      },
    };
    const connection = new MsrpConnection(
      socket,
      { limits: this.#limits, room: this.#room, clock, logger, secure },
      owner,
    );
    this.#connections.add(connection);
    this.#open.set(this.#connections.size);
    return connection;
  }
}

function fingerprintOf(certificate: string): string {
  return formatFingerprint(ownFingerprint(certificate));
}

function isSecure(transport: MsrpTransport): boolean {
  return transport === 'tls' || transport === 'wss';
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
