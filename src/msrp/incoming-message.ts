import type { ByteRange } from './byte-range.ts';
import type { ContinuationFlag } from './frame.ts';
import { MSRP_LIMITS } from './limits.ts';

/** Whether a message is whole: still open, whole, given up by its sender, or more than it may be. */
export type Progress =
  { readonly kind: 'open' | 'aborted' | 'too large' } | { readonly kind: 'whole'; readonly content: Buffer };

/** A part of the message that is there: offsets from 0, `to` is not in it. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

/**
 * One message put together from its chunks (RFC 4975 §7.3.1), in any order, overlapping or not; where two chunks differ, the
 * later one counts. What a chunk really brings counts, whatever its range says of its end.
 */
export class IncomingMessage {
  readonly contentType: string;
  /** Some chunk asked for a report of success. */
  reportWanted = false;
  readonly #maxBytes: number;
  readonly #maxStretches: number;
  #content: Buffer = Buffer.alloc(0);
  /** In order, none touching the next. */
  #stretches: readonly Stretch[] = [];
  /** Length of the message, known from its last chunk. */
  #total: number | undefined;
  /** Where the chunk after the latest one begins: as it claims, and in bytes. */
  #next = { claimed: 1, offset: 0 };

  constructor(contentType: string, maxBytes: number, maxStretches = MSRP_LIMITS.stretches) {
    this.contentType = contentType;
    this.#maxBytes = maxBytes;
    this.#maxStretches = maxStretches;
  }

  /** Bytes of memory it takes: never more than the greatest message, whatever a range claims. */
  get room(): number {
    return this.#content.length;
  }

  /** Takes a whole chunk; without a range it follows the latest one, the first begins the message. */
  add(range: ByteRange | undefined, bytes: Buffer, flag: ContinuationFlag): Progress {
    if (flag === '#') return { kind: 'aborted' };
    const start = range?.start ?? this.#next.claimed;
    // Some clients count characters: a chunk that follows the latest by its own count follows it in bytes too.
    const from = start === this.#next.claimed ? this.#next.offset : start - 1;
    const to = from + bytes.length;
    if (to > this.#maxBytes) return { kind: 'too large' };
    this.#next = { claimed: (range?.end ?? start - 1 + bytes.length) + 1, offset: to };
    if (flag === '$') this.#total = to;
    if (bytes.length > 0) {
      this.#grow(to);
      bytes.copy(this.#content, from);
      this.#stretches = joined(this.#stretches, { from, to });
    }
    if (this.#stretches.length > this.#maxStretches) return { kind: 'too large' };
    return this.#progress();
  }

  #progress(): Progress {
    if (this.#total === undefined) return { kind: 'open' };
    const [first = { from: 0, to: 0 }] = this.#stretches;
    if (first.from > 0 || first.to < this.#total) return { kind: 'open' };
    return { kind: 'whole', content: this.#content.subarray(0, this.#total) };
  }

  #grow(size: number): void {
    if (size <= this.#content.length) return;
    const grown = Buffer.alloc(Math.min(this.#maxBytes, Math.max(size, 2 * this.#content.length)));
    this.#content.copy(grown);
    this.#content = grown;
  }
}

function joined(stretches: readonly Stretch[], added: Stretch): Stretch[] {
  const before = stretches.filter(({ to }) => to < added.from);
  const after = stretches.filter(({ from }) => from > added.to);
  const touching = stretches.slice(before.length, stretches.length - after.length);
  const from = Math.min(added.from, ...touching.map((stretch) => stretch.from));
  const to = Math.max(added.to, ...touching.map((stretch) => stretch.to));
  return [...before, { from, to }, ...after];
}
