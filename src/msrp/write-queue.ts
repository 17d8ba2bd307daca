import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../core/clock.ts';
import { Fifo } from './fifo.ts';
import type { MsrpLimits } from './limits.ts';

interface Piece {
  readonly bytes: Buffer;
  /** Of the last piece of a message. */
  readonly taken: (() => void) | undefined;
}

export interface WriteQueueOptions {
  readonly limits: Pick<MsrpLimits, 'writeMark' | 'writePiece' | 'stalledTimeout'>;
  readonly clock: Clock;
  /** The queue was full and is no more. */
  readonly onRoom: () => void;
  /** The peer has read nothing for too long though something waited. */
  readonly onStalled: () => void;
}

/** An end-line in one piece with what precedes it: a client was seen to lose one that came in two. */
const LEAST_PIECE = 256;

/**
 * What waits to be written to one connection. A message goes to the system as a whole when it is short, and in pieces, one
 * after the other, when it is long: so it shows whether a slow peer reads at all. On a WebSocket a message is never cut
 * (RFC 7977: one WebSocket message for each of MSRP).
 */
export class WriteQueue {
  readonly #stream: Duplex;
  readonly #options: WriteQueueOptions;
  readonly #longest: number;
  readonly #pieces = new Fifo<Piece>();
  /** Bytes the system has not taken yet. */
  #waiting = 0;
  #wasFull = false;
  #ending = false;
  #stalled: Timer | undefined;

  constructor(stream: Duplex, options: WriteQueueOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#longest = stream instanceof Socket ? options.limits.writePiece : Infinity;
  }

  /** Bytes the system has not taken yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether so much waits that nothing should be begun that can be put off. */
  get isFull(): boolean {
    return this.#waiting >= this.#options.limits.writeMark;
  }

  /** `taken` is called when the system took the last byte; never when the connection is lost before. */
  write(bytes: Buffer, taken?: () => void): void {
    if (this.#ending || !this.#stream.writable) return;
    this.#waiting += bytes.length;
    this.#wasFull ||= this.isFull;
    let at = 0;
    for (; bytes.length - at >= this.#longest + LEAST_PIECE; at += this.#longest) {
      this.#pieces.push({ bytes: bytes.subarray(at, at + this.#longest), taken: undefined });
    }
    this.#pieces.push({ bytes: at === 0 ? bytes : bytes.subarray(at), taken });
    this.#pump();
  }

  /** Ends the stream after what waits. */
  end(): void {
    this.#ending = true;
    if (this.#pieces.length === 0) this.#stream.end();
  }

  /** The connection is lost: nothing is written any more. */
  stop(): void {
    this.#stalled?.cancel();
    this.#pieces.clear();
  }

  /** Hands the stream about one piece at a time; more would be taken as one and show no progress. */
  #pump(): void {
    while (this.#stream.writableLength < this.#options.limits.writePiece) {
      const piece = this.#pieces.shift();
      if (piece === undefined) break;
      this.#stream.write(piece.bytes, (error) => {
        if (error === null || error === undefined) this.#took(piece);
      });
    }
    if (this.#ending && this.#pieces.length === 0) this.#stream.end();
    this.#watch();
  }

  #took(piece: Piece): void {
    this.#waiting -= piece.bytes.length;
    this.#stalled?.cancel();
    this.#stalled = undefined;
    if (this.#stream.destroyed) return;
    piece.taken?.();
    if (this.#pieces.length > 0) this.#pump();
    else this.#watch();
    if (!this.#wasFull || this.isFull) return;
    this.#wasFull = false;
    this.#options.onRoom();
  }

  /** What the system took at once needs no watching. */
  #watch(): void {
    if (this.#stream.writableLength === 0 || this.#stream.destroyed) return;
    const { clock, limits, onStalled } = this.#options;
    this.#stalled ??= clock.after(limits.stalledTimeout, onStalled);
  }
}
