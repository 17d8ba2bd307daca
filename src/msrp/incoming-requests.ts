import { formatByteRange, parseByteRange } from './byte-range.ts';
import { MessageRefused } from './errors.ts';
import type { ContinuationFlag, RequestHead } from './frame.ts';
import { IncomingMessage } from './incoming-message.ts';
import type { MsrpLimits } from './limits.ts';
import type { ReceivedMessage } from './session.ts';
import { parseMsrpPath } from './uri.ts';

/** What to answer, and whether the message was delivered for the first time. */
export interface Verdict {
  readonly status: number;
  readonly comment: string;
  /** Headers of a success report to send after the response; undefined when none is wanted or due. */
  readonly report?: { readonly messageId: string; readonly byteRange: string };
}

const OK: Verdict = { status: 200, comment: 'OK' };

/** The SENDs of one session put together to messages, each handed to the owner once it is whole. */
export class IncomingRequests {
  readonly #limits: MsrpLimits;
  readonly #deliver: (message: ReceivedMessage) => Promise<void>;
  readonly #open = new Map<string, IncomingMessage>();
  /** Messages whose success report was asked for by any of their chunks. */
  readonly #reportWanted = new Set<string>();

  constructor(limits: MsrpLimits, deliver: (message: ReceivedMessage) => Promise<void>) {
    this.#limits = limits;
    this.#deliver = deliver;
  }

  /** Takes a whole SEND; resolves with its answer, for the last chunk of a message after the owner took it. */
  async take(head: RequestHead, body: Buffer, flag: ContinuationFlag): Promise<Verdict> {
    const contentType = head.headers.get('content-type') ?? '';
    const messageId = head.headers.get('message-id') ?? '';
    if (body.length === 0 && flag === '$' && !this.#open.has(messageId)) return OK;
    if (messageId === '') return { status: 400, comment: 'No Message-ID' };
    const message = this.#messageOf(messageId, contentType);
    if (message === undefined) return { status: 413, comment: 'Too many unfinished messages' };
    if (head.headers.get('success-report')?.toLowerCase() === 'yes') this.#reportWanted.add(messageId);
    const progress = message.add(parseByteRange(head.headers.get('byte-range') ?? ''), body, flag);
    if (progress.kind === 'open') return OK;
    this.#open.delete(messageId);
    const reportWanted = this.#reportWanted.delete(messageId);
    if (progress.kind === 'too large') {
      return { status: 413, comment: `At most ${this.#limits.maxMessageBytes} bytes` };
    }
    if (progress.kind !== 'whole' || progress.content.length === 0) return OK;
    const { content } = progress;
    try {
      const fromPath = parseMsrpPath(head.headers.get('from-path') ?? '');
      await this.#deliver({ messageId, contentType: message.contentType, content, fromPath });
    } catch (error) {
      // RFC 4975 §10.4: 408 says that it was not delivered in time, and may be tried again.
      return error instanceof MessageRefused ? error : { status: 408, comment: 'Not delivered' };
    }
    if (!reportWanted) return OK;
    const byteRange = formatByteRange({ start: 1, end: content.length, total: content.length });
    return { ...OK, report: { messageId, byteRange } };
  }

  #messageOf(messageId: string, contentType: string): IncomingMessage | undefined {
    const known = this.#open.get(messageId);
    if (known !== undefined) return known;
    if (this.#open.size >= this.#limits.openMessages) return undefined;
    const message = new IncomingMessage(contentType, this.#limits.maxMessageBytes);
    this.#open.set(messageId, message);
    return message;
  }
}
