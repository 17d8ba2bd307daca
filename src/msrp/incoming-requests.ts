import { parseByteRange, wholeByteRange } from './byte-range.ts';
import { MessageRefused } from './errors.ts';
import type { ContinuationFlag, RequestHead } from './frame.ts';
import { IncomingMessage } from './incoming-message.ts';
import type { MsrpLimits } from './limits.ts';
import type { ReceivedMessage } from './session.ts';
import { parseMsrpPath } from './uri.ts';

/** A SEND read to its end: its body is kept up to the limit, and beyond it only counted. */
export interface WholeRequest {
  readonly head: RequestHead;
  readonly body: Buffer;
  readonly flag: ContinuationFlag;
  /** The chunk was longer than any message may be; `body` is empty then. */
  readonly overlong: boolean;
}

/** What to answer, and whether the message was delivered for the first time. */
export interface Verdict {
  readonly status: number;
  readonly comment: string;
  /** Headers of a success report to send after the response; undefined when none is wanted or due. */
  readonly report?: { readonly messageId: string; readonly byteRange: string };
}

const OK: Verdict = { status: 200, comment: 'OK' };
/** Some clients send this instead of an empty SEND to see whether we are still there. */
const HEARTBEAT = /^\s*text\/x-msrp-heartbeat\s*(;|$)/i;

/** Whether a SEND says nothing: a bind or a keep-alive, not a part of any message. */
export function saysNothing({ head, body, flag, overlong }: WholeRequest): boolean {
  if (overlong) return false;
  return HEARTBEAT.test(head.headers.get('content-type') ?? '') || (body.length === 0 && flag === '$');
}

/** The SENDs of one session put together to messages, each handed to the owner once it is whole. */
export class IncomingRequests {
  readonly #limits: MsrpLimits;
  readonly #deliver: (message: ReceivedMessage) => Promise<void>;
  readonly #open = new Map<string, IncomingMessage>();
  /** Message-IDs refused before their last chunk came. */
  readonly #refused = new Set<string>();

  constructor(limits: MsrpLimits, deliver: (message: ReceivedMessage) => Promise<void>) {
    this.#limits = limits;
    this.#deliver = deliver;
  }

  /** Takes a SEND; resolves with its answer, for the chunk that makes a message whole after the owner took it. */
  async take(request: WholeRequest): Promise<Verdict> {
    const { head, body, flag, overlong } = request;
    const messageId = head.headers.get('message-id') ?? '';
    if (saysNothing(request) && !this.#open.has(messageId)) return OK;
    if (messageId === '') return { status: 400, comment: 'No Message-ID' };
    const rangeText = head.headers.get('byte-range');
    const range = parseByteRange(rangeText ?? '');
    if (rangeText !== undefined && range === undefined)
      return { status: 400, comment: 'Unreadable Byte-Range' };
    if (this.#refused.has(messageId)) return this.#refuse(messageId, flag);

    const message = this.#open.get(messageId) ?? this.#newMessage(head);
    if (head.headers.get('success-report')?.toLowerCase() === 'yes') message.reportWanted = true;
    const progress = overlong ? ({ kind: 'too large' } as const) : message.add(range, body, flag);
    this.#open.delete(messageId);
    if (progress.kind === 'too large') return this.#refuse(messageId, flag);
    if (progress.kind === 'aborted') return OK;
    if (progress.kind === 'whole') return await this.#handOver(head, message, progress.content);
    if (!this.#hasRoomFor(message)) {
      this.#remember(messageId);
      return { status: 413, comment: 'Too many unfinished messages' };
    }
    this.#open.set(messageId, message);
    return OK;
  }

  #newMessage(head: RequestHead): IncomingMessage {
    const { maxMessageBytes, stretches } = this.#limits;
    return new IncomingMessage(head.headers.get('content-type') ?? '', maxMessageBytes, stretches);
  }

  async #handOver(head: RequestHead, message: IncomingMessage, content: Buffer): Promise<Verdict> {
    const messageId = head.headers.get('message-id') ?? '';
    if (content.length === 0) return OK;
    try {
      const fromPath = parseMsrpPath(head.headers.get('from-path') ?? '');
      await this.#deliver({ messageId, contentType: message.contentType, content, fromPath });
    } catch (error) {
      // RFC 4975 §10.4: 408 says that it was not delivered in time, and may be tried again.
      return error instanceof MessageRefused ? error : { status: 408, comment: 'Not delivered' };
    }
    if (!message.reportWanted) return OK;
    return { ...OK, report: { messageId, byteRange: wholeByteRange(content.length) } };
  }

  /** RFC 4975 §10.5: 413 asks to stop sending this message. Chunks under way get the same answer. */
  #refuse(messageId: string, flag: ContinuationFlag): Verdict {
    if (flag === '+') this.#remember(messageId);
    else this.#refused.delete(messageId);
    return { status: 413, comment: `At most ${this.#limits.maxMessageBytes} bytes` };
  }

  #remember(messageId: string): void {
    this.#refused.add(messageId);
    const [oldest] = this.#refused;
    if (this.#refused.size > this.#limits.refusedMessages && oldest !== undefined)
      this.#refused.delete(oldest);
  }

  #hasRoomFor(message: IncomingMessage): boolean {
    const taken = [...this.#open.values()].reduce((sum, { room }) => sum + room, 0);
    const { openMessages, openRoom, maxMessageBytes } = this.#limits;
    return this.#open.size < openMessages && taken + message.room <= openRoom * maxMessageBytes;
  }
}
