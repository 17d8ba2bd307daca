import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { withDeadline } from '../../core/deadline.ts';
import { describeError } from '../../core/errors.ts';
import type { Counter, Gauge } from '../../core/metrics.ts';
import { boundAt, nameOf, unmapped } from './addresses.ts';
import { BySource } from './by-source.ts';
import { OpenConnections } from './open-connections.ts';
import { StreamConnection } from './stream-connection.ts';
import type { StreamSockets } from './stream-sockets.ts';
import type { Endpoint, Flow, ListenAddress, LocalEndpoint, Target, TransportContext } from './transport.ts';
import { TransportError } from './transport.ts';
import { UnfinishedMessages } from './unfinished-messages.ts';

/** SIP over TCP or TLS: one listener, and the connections that came to it or that we made (RFC 3261 §18). */
export class StreamTransport {
  readonly local: LocalEndpoint;
  readonly #sockets: StreamSockets;
  readonly #server: Server;
  readonly #context: TransportContext;
  readonly #connections: OpenConnections<StreamConnection>;
  readonly #unfinished: UnfinishedMessages<StreamConnection>;
  /** The newest by remote address and port, and by the name it was made for. */
  readonly #byTarget = new Map<string, StreamConnection>();
  readonly #connecting = new Map<string, Promise<StreamConnection>>();
  /** Sockets of connections that are not made yet. */
  readonly #unmade = new BySource<Socket>();
  readonly #open: Gauge;
  readonly #refused: Counter;
  #closed = false;
  /** Whether the last one that came was refused: a flood is logged once. */
  #refusing = false;

  private constructor(
    sockets: StreamSockets,
    server: Server,
    { advertised }: ListenAddress,
    context: TransportContext,
  ) {
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new TransportError('no address was bound');
    this.local = boundAt(sockets.protocol, bound, advertised);
    this.#sockets = sockets;
    this.#server = server;
    this.#context = context;
    this.#connections = new OpenConnections(context.limits);
    this.#unfinished = new UnfinishedMessages(context.limits.unfinishedRoom);
    this.#open = context.metrics.gauge('sip_connections', 'SIP connections open, by listener', ['listener']);
    this.#refused = context.metrics.counter(
      'sip_connections_refused_total',
      'SIP connections refused because there were too many',
    );
    server.on('error', (error) =>
      context.logger.warn({ local: this.local, error: error.message }, 'SIP listener'),
    );
  }

  /**
   * @param ipv6Only whether a listener on all IPv6 addresses leaves those of IPv4 to another
   * @throws TransportError when the address cannot be had
   */
  static async open(
    sockets: StreamSockets,
    listen: ListenAddress,
    ipv6Only: boolean,
    context: TransportContext,
  ): Promise<StreamTransport> {
    // Nobody comes before it is listened, and then there is a transport.
    const server = sockets.createServer({
      admits: (socket) => transport.#admits(socket),
      ready: (socket) => transport.#accept(socket),
    });
    const { protocol, host, port } = listen;
    try {
      server.listen({ port, host, ipv6Only });
      await once(server, 'listening');
    } catch (cause) {
      throw new TransportError(`cannot listen on ${nameOf(protocol, host, port)}`, { cause });
    }
    const transport = new StreamTransport(sockets, server, listen, context);
    return transport;
  }

  /** Connections there are now, and being made. */
  get size(): number {
    return this.#connections.size + this.#unmade.size;
  }

  /** The connection there is to `target`. */
  openFlow(target: Target): Flow | undefined {
    const connection = this.#byTarget.get(this.#keyOf(target));
    return connection?.usable === true ? connection : undefined;
  }

  /** The connection there is to `target`, else a new one. @throws TransportError */
  async flowTo(target: Target): Promise<Flow> {
    const open = this.openFlow(target);
    if (open !== undefined) return open;
    const key = this.#keyOf(target);
    let underWay = this.#connecting.get(key);
    if (underWay === undefined) {
      underWay = this.#connect(target).finally(() => this.#connecting.delete(key));
      this.#connecting.set(key, underWay);
    }
    return await underWay;
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#sockets.close();
    for (const socket of this.#unmade) socket.destroy(new Error('the transport was closed'));
    for (const connection of this.#connections) connection.close();
    await closed;
  }

  async #connect(target: Target): Promise<StreamConnection> {
    if (this.#closed) throw new TransportError('the transport is closed');
    const { clock, limits, logger } = this.#context;
    const { protocol, address, port } = target;
    // Threat: one who is to be answered at a thousand ports of his, and takes no connection.
    if (this.#unmade.countOf(address) >= limits.connecting || this.#isFull(address)) {
      throw new TransportError('no room for another connection');
    }
    const socket = this.#sockets.connect(target);
    this.#unmade.add(address, socket);
    // One that breaks in the moment it is made has nobody else who listens yet.
    socket.on('error', () => undefined);
    try {
      await withDeadline(clock, limits.connect, 'connecting', once(socket, this.#sockets.connectedEvent));
      if (socket.destroyed) throw socket.errored ?? new TransportError('the connection broke');
    } catch (cause) {
      socket.destroy();
      logger.info({ target, error: describeError(cause) }, 'SIP peer not reached');
      throw new TransportError(`cannot connect to ${nameOf(protocol, address, port)}`, { cause });
    } finally {
      this.#unmade.delete(address, socket);
    }
    return this.#keep(socket, { protocol, address, port }, this.#keyOf(target));
  }

  #admits({ remoteAddress = '' }: Socket): boolean {
    const full = this.#isFull(unmapped(remoteAddress));
    if (full && !this.#refusing) {
      this.#context.logger.warn(
        { from: remoteAddress, open: this.size },
        'SIP connections are refused: too many',
      );
    }
    this.#refusing = full;
    if (full) this.#refused.add();
    return !full && !this.#closed;
  }

  #accept(socket: Socket): void {
    const { remoteAddress = '', remotePort } = socket;
    const address = unmapped(remoteAddress);
    // Others may have come while a TLS handshake took its time.
    const full = this.#isFull(address);
    if (full) this.#refused.add();
    if (full || this.#closed || address === '' || remotePort === undefined) {
      socket.destroy();
      return;
    }
    this.#keep(socket, { protocol: this.#sockets.protocol, address, port: remotePort });
  }

  /** Whether there is no room for one more with `address`, though another would go for it. */
  #isFull(address: string): boolean {
    if (this.size < this.#context.limits.connections) return false;
    const leaving = this.#connections.whoGoesFor(address);
    if (leaving === undefined) return true;
    this.#refused.add();
    this.#connections.delete(leaving);
    leaving.close();
    return false;
  }

  #keep(socket: Socket, remote: Endpoint, madeFor?: string): StreamConnection {
    const keys = new Set([keyOf(remote), ...(madeFor === undefined ? [] : [madeFor])]);
    // The port is the listener's: that is where a peer reaches us again.
    const local: LocalEndpoint = {
      ...this.local,
      address: unmapped(socket.localAddress ?? this.local.address),
    };
    const connection = new StreamConnection(socket, { local, remote }, this.#context, {
      onSpoken: (spoken) => this.#connections.spoke(spoken),
      onHolding: (holder, bytes) => {
        for (const leaving of this.#unfinished.holds(holder, bytes)) leaving.giveWay();
      },
      onClosed: (closed) => {
        this.#unfinished.holds(closed, 0);
        this.#connections.delete(closed);
        for (const key of keys) if (this.#byTarget.get(key) === closed) this.#byTarget.delete(key);
        this.#count();
      },
    });
    this.#connections.add(connection, madeFor === undefined);
    for (const key of keys) this.#byTarget.set(key, connection);
    this.#count();
    return connection;
  }

  /**
   * RFC 5923 §5: a request takes the connection that is there to its address and port, whoever made it. Where a certificate
   * counts and a name was asked for, only one that was made for that name will do: nobody speaks for a domain by being at
   * its address.
   */
  #keyOf(target: Target): string {
    const { domain } = target;
    return this.#sockets.verifiesNames && domain !== undefined
      ? `${keyOf(target)} ${domain.toLowerCase()}`
      : keyOf(target);
  }

  #count(): void {
    this.#open.set(this.#connections.size, { listener: `${this.local.address}:${this.local.port}` });
  }
}

function keyOf({ address, port }: Endpoint): string {
  return `${address} ${port}`;
}
