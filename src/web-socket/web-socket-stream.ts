import { isUtf8 } from 'node:buffer';
import { Duplex } from 'node:stream';
import type { RawData } from 'ws';
import { WebSocket } from 'ws';
import type { Clock } from '../core/clock.ts';
import { WebSocketLost } from './errors.ts';
import type { WebSocketLimits } from './limits.ts';
import { Liveness } from './liveness.ts';

/** RFC 6455 §7.4.1: all was said. */
const NORMAL_CLOSURE = 1000;

/**
 * One WebSocket connection. Every write is exactly one message, every chunk read is one. What is valid UTF-8 goes as a text
 * frame, anything else as a binary one (RFC 7118 §5, RFC 7977 §5); either is read. It is as slow as its reader: while
 * that one takes nothing, nothing is read from the network.
 */
export class WebSocketStream extends Duplex {
  readonly #socket: WebSocket;
  readonly #liveness: Liveness;
  #failure: Error | undefined;

  constructor(socket: WebSocket, clock: Clock, limits: WebSocketLimits) {
    super({
      readableObjectMode: true,
      readableHighWaterMark: limits.readAhead,
      writableHighWaterMark: limits.writeMark,
      // A WebSocket closes both ways at once.
      allowHalfOpen: false,
    });
    this.#socket = socket;
    this.#liveness = new Liveness(clock, limits, {
      ping: () => socket.ping(),
      dead: () => this.destroy(new WebSocketLost('the peer answers no ping')),
      deaf: () => socket.isPaused,
    });
    socket.on('message', (data) => this.#receive(data));
    for (const sign of ['ping', 'pong'] as const) socket.on(sign, () => this.#liveness.heard());
    // A message too long or not as it should be: the connection has begun to close, and says so to the peer.
    socket.on('error', (cause) => {
      this.#failure ??= new WebSocketLost(cause.message, { cause });
    });
    socket.on('close', () => {
      this.#liveness.stop();
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
    this.#socket.terminate();
    done(error);
  }

  #receive(data: RawData): void {
    this.#liveness.heard();
    if (!this.push(bytesOf(data))) this.#socket.pause();
  }
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
