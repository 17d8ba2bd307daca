import { announcedLength, parseByteRange } from './byte-range.ts';
import type { ContinuationFlag, RequestHead } from './frame.ts';
import { GrowingBytes } from './growing-bytes.ts';
import type { WholeRequest } from './incoming-requests.ts';
import type { RoomShare } from './unfinished-room.ts';

/** A request that is coming: its body is kept while it is no longer than a message may be and there is room for it. */
export class UnfinishedRequest {
  readonly #head: RequestHead;
  readonly #max: number;
  readonly #share: RoomShare;
  #body: GrowingBytes;
  #lost: WholeRequest['lost'];

  constructor(head: RequestHead, max: number, share: RoomShare) {
    this.#head = head;
    this.#max = max;
    this.#share = share;
    const range = parseByteRange(head.headers.get('byte-range') ?? '');
    this.#body = new GrowingBytes(max, range === undefined ? undefined : announcedLength(range));
  }

  /** The next bytes of its body, copied. */
  add(bytes: Buffer): void {
    if (this.#lost !== undefined) return;
    const length = this.#body.length + bytes.length;
    if (length > this.#max) this.#lose('too long');
    else if (!this.#share.resize(this.#body.roomFor(length))) this.#lose('no room');
    else this.#body.append(bytes);
  }

  finish(flag: ContinuationFlag): WholeRequest {
    return { head: this.#head, body: this.#body.content, flag, lost: this.#lost };
  }

  /** It is done with, and its body is nobody's any more, or somebody else's. */
  release(): void {
    this.#share.release();
  }

  #lose(why: WholeRequest['lost']): void {
    this.#lost = why;
    this.#body = new GrowingBytes(0);
    this.#share.release();
  }
}
