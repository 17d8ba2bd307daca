import type { Socket } from 'node:net';
import type { Timer } from '../../core/clock.ts';
import { BoundedStream } from './bounded-stream.ts';
import { deliverMalformed, deliverMessage } from './deliver.ts';
import { StreamFramer } from './stream-framer.ts';
import type { Endpoint, Flow, TransportContext } from './transport.ts';
import { TransportError } from './transport.ts';

/** Who keeps a connection. */
export interface ConnectionKeeper {
  /** The first message came over it. */
  onSpoken(connection: StreamConnection): void;
  /** So many bytes of it wait for the rest of a message. */
  onHolding(connection: StreamConnection, bytes: number): void;
  onClosed(connection: StreamConnection): void;
}

/** One TCP connection that carries SIP, over TLS or not, whoever opened it. */
export class StreamConnection implements Flow {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #socket: Socket;
  readonly #context: TransportContext;
  readonly #sender: BoundedStream;
  readonly #framer = new StreamFramer();
  readonly #keeper: ConnectionKeeper;
  #spoken = false;
  #lastActive: number;
  #idle: Timer;
  /** Runs while a message is arriving. */
  #arrival: Timer | undefined;
  #linger: Timer | undefined;

  constructor(
    socket: Socket,
    ends: { readonly local: Endpoint; readonly remote: Endpoint },
    context: TransportContext,
    keeper: ConnectionKeeper,
  ) {
    this.local = ends.local;
    this.remote = ends.remote;
    this.#socket = socket;
    this.#sender = new BoundedStream(socket, ends.remote, context);
    this.#context = context;
    this.#keeper = keeper;
    const { clock, events, limits } = context;
    this.#lastActive = clock.now();
    this.#idle = clock.after(limits.idle, () => this.#checkIdle());
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('end', () => this.#closeInTime());
    socket.on('close', () => {
      for (const timer of [this.#idle, this.#arrival, this.#linger]) timer?.cancel();
      keeper.onClosed(this);
      events.onFlowFailed(this, this.#sender.failure ?? new TransportError('the connection was closed'));
    });
  }

  /** Whether anything can still be sent. */
  get usable(): boolean {
    return this.#sender.usable;
  }

  async send(bytes: Buffer): Promise<void> {
    if (this.usable) this.#lastActive = this.#context.clock.now();
    await this.#sender.send(bytes);
  }

  /** Ends it at once. */
  close(): void {
    this.#socket.destroy();
  }

  /** Ends it at once, for what it has sent of a message is too much for the listener. */
  giveWay(): void {
    this.#sender.fail('its unfinished message gave way to others');
  }

  #receive(chunk: Buffer): void {
    this.#lastActive = this.#context.clock.now();
    let pinged = false;
    const arrived = this.#framer.push(chunk);
    for (const framed of arrived) {
      if (this.#socket.destroyed) return;
      switch (framed.kind) {
        case 'message':
          this.#speak();
          deliverMessage(framed.message, this, this.#context.events);
          break;
        case 'malformed':
          deliverMalformed(framed.error, this, this.#context.events);
          break;
        case 'ping':
          pinged = true;
          break;
        case 'fault':
          deliverMalformed(framed.error, this, this.#context.events);
          this.#endAfterAnswer(framed.error);
          break;
      }
    }
    if (pinged) this.#sender.pong();
    this.#watchArrival(arrived.length > 0);
    this.#keeper.onHolding(this, this.#framer.holding);
  }

  #speak(): void {
    if (this.#spoken) return;
    this.#spoken = true;
    this.#keeper.onSpoken(this);
  }

  /** Threat: bytes that drip in keep a connection busy for ever. A message has a time within which it is there. */
  #watchArrival(progress: boolean): void {
    if (progress || !this.#framer.midMessage) {
      this.#arrival?.cancel();
      this.#arrival = undefined;
    }
    if (!this.#framer.midMessage) return;
    this.#arrival ??= this.#context.clock.after(this.#context.limits.messageArrival, () =>
      this.#sender.fail('a message took too long to arrive'),
    );
  }

  /** The peer is given time to read the answer: closing on unread bytes would reset the connection under it. */
  #endAfterAnswer(error: Error): void {
    this.#sender.blame(error);
    this.#socket.end();
    this.#closeInTime();
  }

  /*
   * A peer that ends its side has ended the connection: answers take another one (RFC 3261 §18.2.2). What was written before
   * is given time to be read.
   */
  #closeInTime(): void {
    const { clock, limits } = this.#context;
    this.#linger ??= clock.after(limits.linger, () => this.#socket.destroy());
  }

  #checkIdle(): void {
    const rest = this.#lastActive + this.#context.limits.idle - this.#context.clock.now();
    if (rest <= 0) this.#sender.fail('nothing was said on the connection');
    else this.#idle = this.#context.clock.after(rest, () => this.#checkIdle());
  }
}
