import type { Duplex } from 'node:stream';
import type { Timer } from '../../core/clock.ts';
import { BoundedStream } from './bounded-stream.ts';
import { deliverDatagram } from './deliver.ts';
import type { Endpoint, Flow, TransportContext } from './transport.ts';
import { TransportError } from './transport.ts';

/** RFC 5626 §4.4.1. */
const PING = '\r\n\r\n';

/** Who keeps a connection. */
export interface WsConnectionKeeper {
  /** The first message came over it. */
  onSpoken(connection: WsConnection): void;
  onClosed(connection: WsConnection): void;
}

/**
 * A WebSocket client's connection that carries SIP. RFC 7118 §5: one SIP message is one WebSocket message, so that its
 * Content-Length may be left out.
 */
export class WsConnection implements Flow {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #stream: Duplex;
  readonly #sender: BoundedStream;
  readonly #context: TransportContext;
  /** Runs until the first message: one who talks may be silent for long, its pings tell that it lives. */
  readonly #silence: Timer;
  readonly #keeper: WsConnectionKeeper;
  #spoken = false;

  constructor(
    stream: Duplex,
    ends: { readonly local: Endpoint; readonly remote: Endpoint },
    context: TransportContext,
    keeper: WsConnectionKeeper,
  ) {
    const { clock, events, limits } = context;
    this.local = ends.local;
    this.remote = ends.remote;
    this.#stream = stream;
    this.#sender = new BoundedStream(stream, ends.remote, context);
    this.#context = context;
    this.#keeper = keeper;
    this.#silence = clock.after(limits.idle, () => this.#sender.fail('nothing was said on the connection'));
    stream.on('data', (content: Buffer) => this.#receive(content));
    stream.on('close', () => {
      this.#silence.cancel();
      keeper.onClosed(this);
      events.onFlowFailed(this, this.#sender.failure ?? new TransportError('the connection was closed'));
    });
  }

  /** Whether anything can still be sent. */
  get usable(): boolean {
    return this.#sender.usable;
  }

  async send(bytes: Buffer): Promise<void> {
    await this.#sender.send(bytes);
  }

  /** Ends it at once. */
  close(): void {
    this.#stream.destroy();
  }

  #receive(content: Buffer): void {
    if (this.#stream.destroyed) return;
    if (isLineEnds(content)) {
      if (content.toString('latin1') === PING) this.#sender.pong();
      return;
    }
    if (!this.#spoken) {
      this.#spoken = true;
      this.#silence.cancel();
      this.#keeper.onSpoken(this);
    }
    deliverDatagram(content, this, this.#context.events);
  }
}

function isLineEnds(content: Buffer): boolean {
  return content.every((byte) => byte === 0x0d || byte === 0x0a);
}
