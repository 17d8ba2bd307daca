import type { Timer } from '../core/clock.ts';
import { parseByteRange } from './byte-range.ts';
import type { MsrpLimits } from './limits.ts';
import { chunkLength } from './outgoing-chunks.ts';
import { ReportedRanges } from './reported-ranges.ts';
import type { OutgoingMessage } from './session.ts';

/** The connection a session is bound to, as its sending side sees it. */
export interface OutgoingLink {
  /** So much waits for the peer to read that nothing more should be sent now. */
  readonly isFull: boolean;
  /** `taken` is called when the system took the last byte; never when the connection is lost before. */
  write(bytes: Buffer, taken: () => void): void;
}

/** Tells the sender of a message what became of it. */
export interface Outcome {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** One message of ours on its way. */
export class Delivery {
  readonly messageId: string;
  readonly message: OutgoingMessage;
  readonly chunkLength: number;
  readonly outcome: Outcome;
  readonly #reported: ReportedRanges;
  #settled = false;
  /** Bytes that went out. */
  sent = 0;
  /** Its last chunk went out. */
  complete = false;
  /** Chunks in flight. */
  unanswered = 0;
  /** Each was answered 200; a report may still come. */
  answered = false;
  /** Its 200 is not the last word: where it went the path led over a relay, or the peer was seen to report. */
  reportIsDue = false;
  /** Over which its latest chunk went. */
  link: OutgoingLink | undefined;
  /** The wait for a report. */
  timer: Timer | undefined;

  constructor(
    messageId: string,
    message: OutgoingMessage,
    outcome: Outcome,
    limits: Pick<MsrpLimits, 'chunkOver' | 'chunkBytes' | 'stretches'>,
  ) {
    this.messageId = messageId;
    this.message = message;
    this.outcome = outcome;
    this.chunkLength = chunkLength(message.content.length, limits);
    this.#reported = new ReportedRanges(message.content.length, limits.stretches);
  }

  /** Its sender was told, or it was begun anew. */
  get settled(): boolean {
    return this.#settled;
  }

  get wantsReport(): boolean {
    return this.message.successReport !== false;
  }

  /** A report of success on some part of it. */
  report(byteRange: string): void {
    this.#reported.add(parseByteRange(byteRange));
  }

  /**
   * RFC 4975 §7.1.2: reports whose ranges together cover the message. A report on its end alone will do once each chunk was
   * answered: some clients report the last chunk only, or count characters.
   */
  get isReported(): boolean {
    if (!this.complete) return false;
    const inOneChunk = this.chunkLength === this.message.content.length;
    return this.#reported.coverAll || (this.#reported.reachEnd && (this.unanswered === 0 || inOneChunk));
  }

  /** False when it was settled before. */
  settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.timer?.cancel();
    return true;
  }
}
