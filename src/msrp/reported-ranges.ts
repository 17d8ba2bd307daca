import type { ByteRange } from './byte-range.ts';

/**
 * What of a message of ours the peer reported as received. RFC 4975 §7.1.2: a message may be reported in several REPORTs, whose
 * ranges together cover it.
 */
export class ReportedRanges {
  readonly #length: number;
  readonly #most: number;
  /** From 0, the end not in it; in order, none touching the next. */
  #stretches: readonly (readonly [from: number, to: number])[] = [];
  #reachEnd = false;

  /** @param most stretches that are remembered */
  constructor(length: number, most: number) {
    this.#length = length;
    this.#most = most;
  }

  /** Undefined for a report whose range cannot be read: it is taken as one on the whole message. */
  add(range: ByteRange | undefined): void {
    if (range === undefined || range.end === null) {
      this.#reachEnd = true;
      return;
    }
    // Some clients count characters, and come to a smaller total than ours.
    if (range.end >= Math.min(range.total ?? Infinity, this.#length)) this.#reachEnd = true;
    let [from, to] = [range.start - 1, range.end];
    const apart: (readonly [number, number])[] = [];
    for (const stretch of this.#stretches) {
      if (stretch[1] < from || stretch[0] > to) apart.push(stretch);
      else [from, to] = [Math.min(from, stretch[0]), Math.max(to, stretch[1])];
    }
    const joined = [...apart, [from, to] as const].sort(([a], [b]) => a - b);
    if (joined.length <= this.#most) this.#stretches = joined;
  }

  /** Whether some report comes to the end of the message, by our count or the peer's. */
  get reachEnd(): boolean {
    return this.#reachEnd;
  }

  /** Whether each byte was reported. */
  get coverAll(): boolean {
    const [first] = this.#stretches;
    return first !== undefined && first[0] <= 0 && first[1] >= this.#length;
  }
}
