import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { withDeadline } from '../../core/deadline.ts';
import type { Counter, Gauge } from '../../core/metrics.ts';
import { unmapped } from './addresses.ts';
import { TcpConnection } from './tcp-connection.ts';
import type { Endpoint, Flow, ListenAddress, TransportContext } from './transport.ts';
import { TransportError } from './transport.ts';

/** SIP over TCP: one listener, and the connections that came to it or that we made (RFC 3261 §18). */
export class TcpTransport {
  readonly local: Endpoint;
  readonly #server: Server;
  readonly #context: TransportContext;
  /** By remote address and port: a request to a peer takes the connection that is there (RFC 5923 §5). */
  readonly #connections = new Map<string, TcpConnection>();
  readonly #connecting = new Map<string, Promise<TcpConnection>>();
  /** Sockets of connections that are not made yet. */
  readonly #unmade = new Set<Socket>();
  readonly #open: Gauge;
  readonly #refused: Counter;
  #closed = false;
  /** Whether the last one that came was refused: a flood is logged once. */
  #refusing = false;

  private constructor(server: Server, context: TransportContext) {
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new TransportError('no TCP address was bound');
    this.local = { protocol: 'tcp', address: bound.address, port: bound.port };
    this.#server = server;
    this.#context = context;
    this.#open = context.metrics.gauge('sip_connections', 'SIP connections open, by listener', ['listener']);
    this.#refused = context.metrics.counter(
      'sip_connections_refused_total',
      'SIP connections refused because there were too many',
    );
    server.on('connection', (socket) => this.#accept(socket));
    server.on('error', (error) =>
      context.logger.warn({ local: this.local, error: error.message }, 'TCP listener'),
    );
  }

  /** @throws TransportError when the address cannot be had */
  static async open({ host, port }: ListenAddress, context: TransportContext): Promise<TcpTransport> {
    const server = createServer({ noDelay: true });
    try {
      server.listen(port, host);
      await once(server, 'listening');
    } catch (cause) {
      throw new TransportError(`cannot listen on tcp:${host}:${port}`, { cause });
    }
    return new TcpTransport(server, context);
  }

  /** Connections there are now, and being made. */
  get size(): number {
    return this.#connections.size + this.#unmade.size;
  }

  /** The connection there is to `remote`. */
  openFlow(remote: Endpoint): Flow | undefined {
    const connection = this.#connections.get(keyOf(remote));
    return connection?.usable === true ? connection : undefined;
  }

  /** The connection there is to `remote`, else a new one. @throws TransportError */
  async flowTo(remote: Endpoint): Promise<Flow> {
    const open = this.openFlow(remote);
    if (open !== undefined) return open;
    const key = keyOf(remote);
    let underWay = this.#connecting.get(key);
    if (underWay === undefined) {
      underWay = this.#connect(remote).finally(() => this.#connecting.delete(key));
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
    for (const socket of this.#unmade) socket.destroy(new Error('the transport was closed'));
    for (const connection of this.#connections.values()) connection.close();
    await closed;
  }

  async #connect(remote: Endpoint): Promise<TcpConnection> {
    if (this.#closed) throw new TransportError('the transport is closed');
    const { clock, limits } = this.#context;
    if (this.size >= limits.connections) {
      throw new TransportError('no room for another connection');
    }
    const socket = connect({ host: remote.address, port: remote.port, noDelay: true });
    this.#unmade.add(socket);
    try {
      await withDeadline(clock, limits.connect, 'connecting', once(socket, 'connect'));
    } catch (cause) {
      socket.destroy();
      throw new TransportError(`cannot connect to tcp:${remote.address}:${remote.port}`, { cause });
    } finally {
      this.#unmade.delete(socket);
    }
    return this.#keep(socket, remote);
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    const { limits, logger } = this.#context;
    const full = this.size >= limits.connections;
    if (full && !this.#refusing) {
      logger.warn({ from: remoteAddress, open: this.size }, 'SIP connections are refused: too many');
    }
    this.#refusing = full;
    if (full) this.#refused.add();
    if (full || remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    this.#keep(socket, { protocol: 'tcp', address: unmapped(remoteAddress), port: remotePort });
  }

  #keep(socket: Socket, remote: Endpoint): TcpConnection {
    const key = keyOf(remote);
    // The port is the listener's: that is where a peer reaches us again.
    const local: Endpoint = { ...this.local, address: unmapped(socket.localAddress ?? this.local.address) };
    const connection = new TcpConnection(socket, { local, remote }, this.#context, (closed) => {
      if (this.#connections.get(key) === closed) this.#connections.delete(key);
      this.#count();
    });
    this.#connections.set(key, connection);
    this.#count();
    return connection;
  }

  #count(): void {
    this.#open.set(this.#connections.size, { listener: `${this.local.address}:${this.local.port}` });
  }
}

function keyOf({ address, port }: Endpoint): string {
  return `${address} ${port}`;
}
