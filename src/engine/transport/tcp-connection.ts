import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../core/clock.ts';
import { deliver } from './deliver.ts';
import { TRANSPORT_LIMITS } from './limits.ts';
import { StreamFramer } from './stream-framer.ts';
import type { Endpoint, Flow, TransportEvents } from './transport.ts';
import { TransportError } from './transport.ts';

const PONG = Buffer.from('\r\n');

/** One TCP connection that carries SIP, whoever opened it. */
export class TcpConnection implements Flow {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #events: TransportEvents;
  readonly #framer = new StreamFramer();
  #idle: Timer | undefined;
  #failure: Error | undefined;

  constructor(
    socket: Socket,
    ends: { readonly local: Endpoint; readonly remote: Endpoint },
    clock: Clock,
    events: TransportEvents,
    onClosed: (connection: TcpConnection) => void,
  ) {
    this.local = ends.local;
    this.remote = ends.remote;
    this.#socket = socket;
    this.#clock = clock;
    this.#events = events;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => {
      this.#failure = error;
    });
    socket.on('close', () => {
      this.#idle?.cancel();
      onClosed(this);
      events.onFlowFailed(this, this.#failure ?? new TransportError('the connection was closed'));
    });
    this.#touch();
  }

  async send(bytes: Buffer): Promise<void> {
    if (this.#socket.destroyed || !this.#socket.writable) {
      throw new TransportError(`the connection to ${this.remote.address}:${this.remote.port} is gone`);
    }
    if (this.#socket.writableLength + bytes.length > TRANSPORT_LIMITS.queuedPerConnection) {
      this.#failure = new TransportError('the peer does not read');
      this.#socket.destroy();
      throw this.#failure;
    }
    this.#touch();
    await new Promise<void>((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(new TransportError('the connection broke', { cause: error }));
      });
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#touch();
    for (const framed of this.#framer.push(chunk)) {
      switch (framed.kind) {
        case 'message':
          deliver(framed.bytes, this, this.#events);
          break;
        case 'ping':
          // A peer that pings and does not read is bounded like any other.
          this.send(PONG).catch(() => undefined);
          break;
        case 'fault':
          this.#events.onMalformed(framed.error, this.remote, this);
          this.#failure = framed.error;
          this.#socket.end(() => this.#socket.destroy());
          break;
      }
    }
  }

  #touch(): void {
    this.#idle?.cancel();
    this.#idle = this.#clock.after(TRANSPORT_LIMITS.idle, () => this.#socket.destroy());
  }
}
