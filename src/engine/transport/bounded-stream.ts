import type { Duplex } from 'node:stream';
import type { Timer } from '../../core/clock.ts';
import type { Endpoint, TransportContext } from './transport.ts';
import { TransportError } from './transport.ts';

/** RFC 5626 §4.4.1: the answer to a ping. */
const PONG = Buffer.from('\r\n');

/** Sends over a connection within the bounds of a peer that reads slowly or not at all. */
export class BoundedStream {
  readonly #stream: Duplex;
  readonly #remote: Endpoint;
  readonly #context: Pick<TransportContext, 'clock' | 'limits'>;
  /** Runs while the peer has too much left to read, and nothing is read from it. */
  #stalled: Timer | undefined;
  /** The answer to a ping is on its way. */
  #ponging = false;
  #failure: Error | undefined;

  constructor(stream: Duplex, remote: Endpoint, context: Pick<TransportContext, 'clock' | 'limits'>) {
    this.#stream = stream;
    this.#remote = remote;
    this.#context = context;
    stream.on('error', (error) => {
      this.#failure ??= error;
    });
    stream.on('close', () => this.#stalled?.cancel());
  }

  /** Whether anything can still be sent. */
  get usable(): boolean {
    return this.#stream.writable;
  }

  /** Why the connection ended; undefined when it just did. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Resolves when the bytes are on their way. @throws TransportError */
  async send(bytes: Buffer): Promise<void> {
    if (!this.usable) {
      throw new TransportError(`the connection to ${this.#remote.address}:${this.#remote.port} is gone`);
    }
    if (this.#stream.writableLength + bytes.length > this.#context.limits.queuedPerConnection) {
      throw this.fail('the peer does not read');
    }
    const written = new Promise<void>((resolve, reject) => {
      this.#stream.write(bytes, (error) => {
        if (this.#stream.writableLength === 0) this.#drained();
        // A write that was under way when the socket was destroyed ends without an error.
        const failed = this.#stream.destroyed || (error !== undefined && error !== null);
        if (failed) reject(new TransportError('the connection broke', { cause: error ?? this.#failure }));
        else resolve();
      });
    });
    if (this.#stream.writableLength > this.#context.limits.pauseReadingAt) this.#stall();
    await written;
  }

  /**
   * Answers a ping. Pings that come before the answer has left get no other one: two bytes that wait take a hundred times
   * as much memory, and a flood of pings is not worth more.
   */
  pong(): void {
    if (this.#ponging) return;
    this.#ponging = true;
    this.send(PONG)
      .catch(() => undefined)
      .finally(() => (this.#ponging = false));
  }

  /** Says why the connection is about to end; the first word counts. */
  blame(error: Error): void {
    this.#failure ??= error;
  }

  /** Ends the connection at once, and returns why. */
  fail(what: string): Error {
    const failure = new TransportError(what);
    this.blame(failure);
    this.#stream.destroy();
    return failure;
  }

  #stall(): void {
    if (this.#stalled !== undefined) return;
    this.#stream.pause();
    this.#stalled = this.#context.clock.after(this.#context.limits.stalled, () =>
      this.fail('the peer does not read'),
    );
  }

  #drained(): void {
    if (this.#stalled === undefined) return;
    this.#stalled.cancel();
    this.#stalled = undefined;
    this.#stream.resume();
  }
}
