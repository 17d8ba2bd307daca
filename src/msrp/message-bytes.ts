import { GrowingBytes } from './growing-bytes.ts';

/** What came ahead of its turn is kept in pieces of this size. */
const BLOCK = 4_096;

/**
 * The bytes of a message whose chunks come in any order: its beginning in one piece, and what came ahead in blocks, so that a
 * byte at a far place takes the memory of one block, not of all that should come before it.
 */
export class MessageBytes {
  readonly #beginning: GrowingBytes;
  readonly #blockSize: number;
  /** By their number in the message. */
  readonly #blocks = new Map<number, Buffer>();
  /** As many blocks lie before the end of the beginning. */
  #passed = 0;

  /** @param announced length of the message, as the peer says */
  constructor(max: number, announced?: number) {
    this.#beginning = new GrowingBytes(max, announced);
    this.#blockSize = Math.min(BLOCK, max);
  }

  /** Bytes of memory it takes. */
  get room(): number {
    return this.#beginning.room + this.#blocks.size * this.#blockSize;
  }

  /** The first bytes without a hole. */
  get content(): Buffer {
    return this.#beginning.content;
  }

  write(bytes: Buffer, at: number): void {
    if (at <= this.#beginning.length) {
      this.#beginning.write(bytes, at);
      return;
    }
    for (const { number, from, offset, length } of this.#parts(at, at + bytes.length)) {
      const block = this.#blocks.get(number) ?? Buffer.alloc(this.#blockSize);
      this.#blocks.set(number, block);
      bytes.copy(block, offset, from - at, from - at + length);
    }
  }

  /** Nothing is missing any more before `end`: what came ahead up to there joins the beginning. */
  joinTo(end: number): void {
    if (this.#blocks.size === 0) return;
    for (const { number, offset, length } of this.#parts(this.#beginning.length, end)) {
      const block = this.#blocks.get(number);
      if (block !== undefined) this.#beginning.append(block.subarray(offset, offset + length));
    }
    for (; (this.#passed + 1) * this.#blockSize <= this.#beginning.length; this.#passed++) {
      this.#blocks.delete(this.#passed);
    }
  }

  /** The parts of blocks that the bytes from `from` to before `to` are. */
  *#parts(
    from: number,
    to: number,
  ): Generator<{ number: number; from: number; offset: number; length: number }> {
    for (let at = from; at < to;) {
      const number = Math.floor(at / this.#blockSize);
      const offset = at - number * this.#blockSize;
      const length = Math.min(this.#blockSize - offset, to - at);
      yield { number, from: at, offset, length };
      at += length;
    }
  }
}
