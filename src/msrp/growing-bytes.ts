const NOTHING = Buffer.alloc(0);
/** Sizes of large memory are this many times apart, so that little is left behind in growing. */
const STEP = 16;
/** Below this what is left behind does not matter, and what is set aside for nothing may: sizes double. */
const LARGE = 64 * 1024;
/** No smaller size is worth a step. */
const LEAST = 256;

/**
 * Bytes that come one after another, in one piece of memory. What a peer announces is not set aside at once: the last sizes it
 * grows through are the announced one over 256, over 16, and itself. So it takes less than 16 times what came, and leaves a
 * fifteenth of the whole behind.
 */
export class GrowingBytes {
  readonly #max: number;
  readonly #announced: number;
  #bytes: Buffer = NOTHING;
  #length = 0;

  /** @param announced how many bytes are to come, as the peer says; never more than `max` are taken */
  constructor(max: number, announced = max) {
    this.#max = max;
    this.#announced = Math.min(max, announced);
  }

  /** How many came. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of memory it takes. */
  get room(): number {
    return this.#bytes.length;
  }

  /** Those that came; what is written later may change them. */
  get content(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The room it will take when it is `length` long. */
  roomFor(length: number): number {
    if (length <= this.room) return this.room;
    let size = length <= this.#announced ? this.#announced : this.#max;
    while (size > LARGE && Math.ceil(size / STEP) >= length) size = Math.ceil(size / STEP);
    if (length > LARGE / 2) return Math.max(size, length);
    let doubled = LEAST;
    while (doubled < length) doubled *= 2;
    return Math.max(Math.min(size, doubled), length);
  }

  /** Makes room for `length` bytes in all. */
  grow(length: number): void {
    const room = this.roomFor(length);
    if (room === this.room) return;
    // Zeros come from the system page by page, as they are written over.
    const grown = Buffer.alloc(room);
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }

  append(bytes: Buffer): void {
    this.write(bytes, this.#length);
  }

  /** Writes over what is there, or goes on from it; `at` is not beyond its end. */
  write(bytes: Buffer, at: number): void {
    const end = at + bytes.length;
    this.grow(end);
    bytes.copy(this.#bytes, at);
    this.#length = Math.max(this.#length, end);
  }
}
