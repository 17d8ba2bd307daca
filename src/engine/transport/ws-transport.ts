import type { Duplex } from 'node:stream';
import type { Counter, Gauge } from '../../core/metrics.ts';
import { unmapped } from './addresses.ts';
import { OpenConnections } from './open-connections.ts';
import type { AttachedAddress, Endpoint, Flow, StreamEnds, TransportContext } from './transport.ts';
import { TransportError } from './transport.ts';
import { WsConnection } from './ws-connection.ts';

/** SIP over WebSockets (RFC 7118) that a listener of the caller's takes for us. */
export class WsTransport {
  readonly local: Endpoint;
  readonly #context: TransportContext;
  /** By remote address and port. */
  readonly #byRemote = new Map<string, WsConnection>();
  readonly #connections: OpenConnections<WsConnection>;
  readonly #open: Gauge;
  readonly #refused: Counter;
  #closed = false;

  constructor({ protocol, host, port }: AttachedAddress, context: TransportContext) {
    this.local = { protocol, address: host, port };
    this.#context = context;
    this.#connections = new OpenConnections(context.limits);
    this.#open = context.metrics.gauge('sip_connections', 'SIP connections open, by listener', ['listener']);
    this.#refused = context.metrics.counter(
      'sip_connections_refused_total',
      'SIP connections refused because there were too many',
    );
  }

  /** Connections there are now. */
  get size(): number {
    return this.#connections.size;
  }

  /** Serves a connection that came. */
  take(stream: Duplex, { address, port, localAddress }: StreamEnds): void {
    const remote: Endpoint = { protocol: this.local.protocol, address: unmapped(address), port };
    if (this.#closed || !this.#hasRoom(remote.address)) {
      stream.destroy();
      return;
    }
    const local: Endpoint = { ...this.local, address: unmapped(localAddress) };
    const key = keyOf(remote);
    const connection = new WsConnection(stream, { local, remote }, this.#context, {
      onSpoken: (spoken) => this.#connections.spoke(spoken),
      onClosed: (closed) => {
        this.#connections.delete(closed);
        if (this.#byRemote.get(key) === closed) this.#byRemote.delete(key);
        this.#count();
      },
    });
    this.#connections.add(connection, true);
    this.#byRemote.set(key, connection);
    this.#count();
  }

  /** Whether there is room for one more with `address`, or another goes for it. */
  #hasRoom(address: string): boolean {
    if (this.size < this.#context.limits.connections) return true;
    this.#refused.add();
    const leaving = this.#connections.whoGoesFor(address);
    if (leaving === undefined) return false;
    this.#connections.delete(leaving);
    leaving.close();
    return true;
  }

  /** The connection there is to `remote`. */
  openFlow(remote: Endpoint): Flow | undefined {
    const connection = this.#byRemote.get(keyOf(remote));
    return connection?.usable === true ? connection : undefined;
  }

  /** RFC 7118 §5: nobody can connect to a client, so there is a connection or none. @throws TransportError */
  flowTo(remote: Endpoint): Promise<Flow> {
    const open = this.openFlow(remote);
    if (open !== undefined) return Promise.resolve(open);
    const { protocol, address, port } = remote;
    return Promise.reject(new TransportError(`${protocol}:${address}:${port} is not connected`));
  }

  /** Ends every connection at once; the listener is the caller's. */
  close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.#connections) connection.close();
    return Promise.resolve();
  }

  #count(): void {
    this.#open.set(this.#connections.size, { listener: `${this.local.address}:${this.local.port}` });
  }
}

function keyOf({ address, port }: Endpoint): string {
  return `${address} ${port}`;
}
