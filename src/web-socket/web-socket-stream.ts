import { isUtf8 } from 'node:buffer';
import { Duplex } from 'node:stream';
import type { Readable } from 'node:stream';
import type { RawData } from 'ws';
import { WebSocket } from 'ws';
import type { Clock } from '../core/clock.ts';
import { WebSocketLost } from './errors.ts';
import type { WebSocketLimits } from './limits.ts';
import { Liveness } from './liveness.ts';
import type { Arriving, UnfinishedMessages } from './unfinished-messages.ts';

/** RFC 6455 §7.4.1: all was said. */
const NORMAL_CLOSURE = 1000;
/** RFC 6455 §5.2, §5.5: what a client's ping or pong has beside its content, with the mask. */
const CONTROL_HEADER = 6;

/** What a connection shares with the others of its listener. */
export interface StreamSurroundings {
  readonly clock: Clock;
  readonly limits: WebSocketLimits;
  readonly unfinished: UnfinishedMessages;
}

/**
 * One WebSocket connection. Every write is exactly one message, every chunk read is one. What is valid UTF-8 goes as a text
 * frame, anything else as a binary one (RFC 7118 §5, RFC 7977 §5); either is read. It is as slow as its reader: while
 * that one takes nothing, nothing is read from the network.
 */
export class WebSocketStream extends Duplex implements Arriving {
  readonly #socket: WebSocket;
  readonly #liveness: Liveness;
  readonly #unfinished: UnfinishedMessages;
  #failure: Error | undefined;

  /** @param network what the WebSocket reads from; it is left to it */
  constructor(socket: WebSocket, network: Readable, { clock, limits, unfinished }: StreamSurroundings) {
    super({
      readableObjectMode: true,
      readableHighWaterMark: limits.readAhead,
      writableHighWaterMark: limits.writeMark,
      // A WebSocket closes both ways at once.
      allowHalfOpen: false,
    });
    this.#socket = socket;
    this.#unfinished = unfinished;
    this.#liveness = new Liveness(clock, limits, {
      ping: () => socket.ping(),
      dead: () => this.destroy(new WebSocketLost('the peer answers no ping')),
      deaf: () => socket.isPaused || socket.bufferedAmount > 0,
    });
    socket.on('message', (data) => this.#receive(data));
    // Before the WebSocket reads them: a message may take longer than a ping may wait, and its bytes are a sign of life.
    network.prependListener('data', (bytes: Buffer) => {
      this.#liveness.heard();
      if (!this.destroyed) unfinished.arrived(this, bytes.length);
    });
    for (const control of ['ping', 'pong'] as const) {
      socket.on(control, (content: Buffer) => unfinished.passed(this, CONTROL_HEADER + content.length));
    }
    // A message too long or not as it should be: the connection has begun to close, and says so to the peer.
    socket.on('error', (cause) => {
      this.#failure ??= new WebSocketLost(cause.message, { cause });
    });
    socket.on('close', () => {
      this.#liveness.stop();
      unfinished.finished(this);
      if (this.#failure === undefined) this.push(null);
      else this.destroy(this.#failure);
    });
  }

  override _read(): void {
    if (!this.#socket.isPaused) return;
    this.#liveness.heard();
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      done(new WebSocketLost('the connection is closing', { cause: this.#failure }));
      return;
    }
    this.#socket.send(chunk, { binary: !isUtf8(chunk) }, done);
  }

  override _final(done: () => void): void {
    this.#socket.close(NORMAL_CLOSURE);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#liveness.stop();
    this.#unfinished.finished(this);
    this.#socket.terminate();
    done(error);
  }

  /** What it has sent of a message is too much for the listener. */
  giveWay(): void {
    this.destroy(new WebSocketLost('its unfinished message gave way to others'));
  }

  #receive(data: RawData): void {
    this.#unfinished.finished(this);
    if (!this.push(bytesOf(data))) this.#socket.pause();
  }
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
