import type { ByteRange } from './byte-range.ts';
import type { ContinuationFlag } from './frame.ts';
import { MSRP_LIMITS } from './limits.ts';
import { MessageBytes } from './message-bytes.ts';

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
  #bytes: MessageBytes | undefined;
  /** In order, none touching the next. */
  #stretches: readonly Stretch[] = [];
  /** The last chunk came. */
  #ended = false;
  /** How far any chunk reached. */
  #reach = 0;
  /** Where the chunk after the latest one begins: as it claims, and in bytes. */
  #next = { claimed: 1, offset: 0 };

  constructor(contentType: string, maxBytes: number, maxStretches = MSRP_LIMITS.stretches) {
    this.contentType = contentType;
    this.#maxBytes = maxBytes;
    this.#maxStretches = maxStretches;
  }

  /** Bytes of memory it takes: as what came needs, whatever a range claims. */
  get room(): number {
    return this.#bytes?.room ?? 0;
  }

  /**
   * Takes a whole chunk; without a range it follows the latest one, the first begins the message. `bytes` is the message's own
   * from now: a message of one chunk is that chunk.
   */
  add(range: ByteRange | undefined, bytes: Buffer, flag: ContinuationFlag): Progress {
    if (flag === '#') return { kind: 'aborted' };
    const from = this.#placeOf(range, bytes.length);
    const to = from + bytes.length;
    if (to > this.#maxBytes) return { kind: 'too large' };
    this.#ended ||= flag === '$';
    this.#reach = Math.max(this.#reach, to);
    if (flag === '$' && from === 0 && this.#stretches.length === 0) return { kind: 'whole', content: bytes };
    if (bytes.length > 0) {
      this.#bytes ??= new MessageBytes(this.#maxBytes, range?.total ?? undefined);
      this.#bytes.write(bytes, from);
      this.#stretches = joined(this.#stretches, { from, to });
    }
    if (this.#stretches.length > this.#maxStretches) return { kind: 'too large' };
    return this.#progress();
  }

  /**
   * Some clients count characters: a chunk that follows the latest by its own count follows it in bytes too. A chunk that brought
   * less than it claimed was interrupted, and the next one follows what came.
   */
  #placeOf(range: ByteRange | undefined, length: number): number {
    const start = range?.start ?? this.#next.claimed;
    const from = start === this.#next.claimed ? this.#next.offset : start - 1;
    const end = start - 1 + length;
    this.#next = { claimed: Math.min(range?.end ?? end, end) + 1, offset: from + length };
    return from;
  }

  #progress(): Progress {
    const [first = { from: 0, to: 0 }] = this.#stretches;
    if (first.from === 0) this.#bytes?.joinTo(first.to);
    // What came beyond a last chunk was acknowledged too, so it is not cut off.
    if (!this.#ended || first.from > 0 || first.to < this.#reach) return { kind: 'open' };
    return { kind: 'whole', content: this.#bytes?.content ?? Buffer.alloc(0) };
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
