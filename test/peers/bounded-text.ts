import { StringDecoder } from 'node:string_decoder';

const LIMIT = 1_048_576;

/** What a program wrote: all of it up to a limit, then only the newest part. */
export class BoundedText {
  readonly #decoder = new StringDecoder('utf8');
  readonly #limit: number;
  #kept = '';
  #dropped = 0;

  /** Keeps at least the newest half of `limit` characters. */
  constructor(limit: number = LIMIT) {
    this.#limit = limit;
  }

  /** Takes bytes as they come; a character split between two chunks is put together. */
  add(chunk: Buffer): void {
    this.#kept += this.#decoder.write(chunk);
    if (this.#kept.length <= this.#limit) return;
    const surplus = this.#kept.length - Math.floor(this.#limit / 2);
    this.#dropped += surplus;
    this.#kept = this.#kept.slice(surplus);
  }

  /** What is kept. */
  text(): string {
    return this.#kept;
  }

  /** Characters written so far, whether still kept or not: a place to read on from. */
  get length(): number {
    return this.#dropped + this.#kept.length;
  }

  /** What was written since `length` said `position`, as far as it is kept. */
  since(position: number): string {
    return this.#kept.slice(Math.max(0, position - this.#dropped));
  }
}
