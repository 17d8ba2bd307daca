import type { ByteRange } from './byte-range.ts';
import { parseByteRange, wholeByteRange } from './byte-range.ts';
import { MessageRefused } from './errors.ts';
import type { ContinuationFlag, RequestHead } from './frame.ts';
import { IncomingMessage } from './incoming-message.ts';
import type { MsrpLimits } from './limits.ts';
import type { ReceivedMessage } from './session.ts';
import type { RoomShare, UnfinishedRoom } from './unfinished-room.ts';
import type { MsrpUri } from './uri.ts';
import { parseMsrpPath } from './uri.ts';
import type { Verdict } from './verdicts.ts';
import { VERDICTS } from './verdicts.ts';

/** A SEND read to its end. */
export interface WholeRequest {
  readonly head: RequestHead;
  /** Of the request alone: whoever takes it need not copy it. */
  readonly body: Buffer;
  readonly flag: ContinuationFlag;
  /** Why the body was only read past, and is empty: longer than any message may be, or no room for what is unfinished. */
  readonly lost?: 'too long' | 'no room' | undefined;
}

/** Some clients send this instead of an empty SEND to see whether we are still there. */
const HEARTBEAT = /^\s*text\/x-msrp-heartbeat\s*(;|$)/i;

/** Whether a SEND says nothing: a bind or a keep-alive, not a part of any message. */
export function saysNothing({ head, body, flag, lost }: WholeRequest): boolean {
  if (lost !== undefined) return false;
  if (HEARTBEAT.test(head.headers.get('content-type') ?? '')) return true;
  if (body.length > 0 || flag !== '$') return false;
  // An empty chunk may still be the last of a message whose others come later.
  const range = parseByteRange(head.headers.get('byte-range') ?? '');
  return range === undefined || range.start === 1;
}

/** A message whose last chunk is still to come. */
interface Unfinished {
  readonly message: IncomingMessage;
  readonly share: RoomShare;
}

/** The SENDs of one session put together to messages, each handed to the owner once it is whole. */
export class IncomingRequests {
  readonly #limits: MsrpLimits;
  readonly #room: UnfinishedRoom;
  readonly #deliver: (message: ReceivedMessage) => Promise<void>;
  readonly #open = new Map<string, Unfinished>();
  /** Message-IDs refused before their last chunk came. */
  readonly #refused = new Set<string>();

  constructor(
    limits: MsrpLimits,
    room: UnfinishedRoom,
    deliver: (message: ReceivedMessage) => Promise<void>,
  ) {
    this.#limits = limits;
    this.#room = room;
    this.#deliver = deliver;
  }

  /** Takes a SEND; resolves with its answer, for the chunk that makes a message whole after the owner took it. */
  async take(request: WholeRequest): Promise<Verdict> {
    const { head, body, flag, lost } = request;
    const messageId = head.headers.get('message-id') ?? '';
    const isKnown = this.#open.has(messageId) || this.#refused.has(messageId);
    if (saysNothing(request) && !isKnown) return VERDICTS.ok;
    const range = readRange(head);
    if (messageId === '') return VERDICTS.noMessageId;
    if (range === 'unreadable') return VERDICTS.unreadableRange;
    if (readPath(head) === undefined) return VERDICTS.unreadablePath;
    if (this.#refused.has(messageId) || lost === 'too long')
      return this.#refuse(messageId, flag, VERDICTS.tooLarge);
    if (lost === 'no room')
      return this.#refuse(messageId, flag, flag === '+' ? VERDICTS.noRoom : VERDICTS.noRoomAtLast);

    const unfinished = this.#open.get(messageId) ?? this.#begin(head);
    const { message, share } = unfinished;
    if (head.headers.get('success-report')?.toLowerCase() === 'yes') message.reportWanted = true;
    const progress = message.add(range, body, flag);
    if (progress.kind === 'too large') return this.#refuse(messageId, flag, VERDICTS.tooLarge);
    if (progress.kind === 'aborted') {
      this.#drop(messageId);
      return VERDICTS.ok;
    }
    if (progress.kind === 'whole') {
      this.#open.delete(messageId);
      try {
        return await this.#handOver(head, message, progress.content);
      } finally {
        share.release();
      }
    }
    this.#open.set(messageId, unfinished);
    if (!this.#keepsWithinLimits()) return this.#refuse(messageId, '+', VERDICTS.tooMany);
    return share.resize(message.room) ? VERDICTS.ok : this.#refuse(messageId, '+', VERDICTS.noRoom);
  }

  /** The session is over: what is unfinished will never be whole. */
  close(): void {
    for (const messageId of [...this.#open.keys()]) this.#drop(messageId);
    this.#refused.clear();
  }

  #begin(head: RequestHead): Unfinished {
    const { maxMessageBytes, stretches } = this.#limits;
    const contentType = head.headers.get('content-type') ?? '';
    return {
      message: new IncomingMessage(contentType, maxMessageBytes, stretches),
      share: this.#room.share(),
    };
  }

  async #handOver(head: RequestHead, message: IncomingMessage, content: Buffer): Promise<Verdict> {
    const messageId = head.headers.get('message-id') ?? '';
    if (content.length === 0) return VERDICTS.ok;
    try {
      const fromPath = readPath(head) ?? [];
      await this.#deliver({ messageId, contentType: message.contentType, content, fromPath });
    } catch (error) {
      return error instanceof MessageRefused ? error : VERDICTS.notDelivered;
    }
    if (!message.reportWanted) return VERDICTS.ok;
    return { ...VERDICTS.ok, report: { messageId, byteRange: wholeByteRange(content.length) } };
  }

  /** Chunks of the message that are under way get the same answer, up to its last. */
  #refuse(messageId: string, flag: ContinuationFlag, why: Verdict): Verdict {
    this.#drop(messageId);
    if (flag === '+') this.#remember(messageId);
    else this.#refused.delete(messageId);
    return why;
  }

  #drop(messageId: string): void {
    this.#open.get(messageId)?.share.release();
    this.#open.delete(messageId);
  }

  #remember(messageId: string): void {
    this.#refused.add(messageId);
    const [oldest] = this.#refused;
    if (this.#refused.size > this.#limits.refusedMessages && oldest !== undefined)
      this.#refused.delete(oldest);
  }

  #keepsWithinLimits(): boolean {
    const { openMessages, openRoom, maxMessageBytes } = this.#limits;
    const taken = [...this.#open.values()].reduce((sum, { message }) => sum + message.room, 0);
    return this.#open.size <= openMessages && taken <= openRoom * maxMessageBytes;
  }
}

function readRange({ headers }: RequestHead): ByteRange | undefined | 'unreadable' {
  const text = headers.get('byte-range');
  return text === undefined ? undefined : (parseByteRange(text) ?? 'unreadable');
}

function readPath({ headers }: RequestHead): readonly MsrpUri[] | undefined {
  try {
    return parseMsrpPath(headers.get('from-path') ?? '');
  } catch {
    return undefined;
  }
}
