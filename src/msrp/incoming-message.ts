import type { ByteRange } from './byte-range.ts';
import type { ContinuationFlag } from './frame.ts';

interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Whether a message is whole: still open, whole, given up by its sender, or longer than allowed. */
export type Progress =
  { readonly kind: 'open' | 'aborted' | 'too large' } | { readonly kind: 'whole'; readonly content: Buffer };

/**
 * One message put together from its chunks (RFC 4975 §7.3.1), in any order, overlapping or not. Memory is bounded by what
 * really came and by `maxBytes`, never by what a range claims.
 */
export class IncomingMessage {
  readonly contentType: string;
  readonly #maxBytes: number;
  #pieces: Piece[] = [];
  #kept = 0;
  /** Length of the message, known from its last chunk. */
  #total: number | undefined;
  /** Where the chunk after the last one begins: as it claims, and in bytes. */
  #next = { claimed: 1, offset: 0 };

  constructor(contentType: string, maxBytes: number) {
    this.contentType = contentType;
    this.#maxBytes = maxBytes;
  }

  /** Takes a whole chunk. */
  add(range: ByteRange | undefined, bytes: Buffer, flag: ContinuationFlag): Progress {
    if (flag === '#') return { kind: 'aborted' };
    const start = range?.start ?? 1;
    // Some clients count characters: a chunk that follows the last one by its own count follows it in bytes too.
    const offset = start === this.#next.claimed ? this.#next.offset : start - 1;
    const end = offset + bytes.length;
    this.#kept += bytes.length;
    if (end > this.#maxBytes || this.#kept > 2 * this.#maxBytes) return { kind: 'too large' };
    this.#pieces.push({ offset, bytes });
    this.#next = { claimed: (range?.end ?? start - 1 + bytes.length) + 1, offset: end };
    if (flag === '$') this.#total = end;
    return this.#assemble();
  }

  #assemble(): Progress {
    const total = this.#total;
    if (total === undefined) return { kind: 'open' };
    const [only] = this.#pieces;
    if (this.#pieces.length === 1 && only?.offset === 0) return { kind: 'whole', content: only.bytes };
    const ordered = [...this.#pieces].sort((a, b) => a.offset - b.offset);
    let covered = 0;
    for (const { offset, bytes } of ordered) {
      if (offset > covered) return { kind: 'open' };
      covered = Math.max(covered, offset + bytes.length);
    }
    if (covered < total) return { kind: 'open' };
    const content = Buffer.alloc(covered);
    for (const { offset, bytes } of ordered) bytes.copy(content, offset);
    return { kind: 'whole', content: content.subarray(0, total) };
  }
}
