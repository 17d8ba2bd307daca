import { assembleMessage } from '../message/assemble-message.ts';
import { MESSAGE_LIMITS } from '../message/limits.ts';
import { MalformedMessage } from '../message/malformed-message.ts';
import type { MessageHead } from '../message/message-head.ts';
import { contentLengthOf, findHeadEnd, readHead, requestOf } from '../message/message-head.ts';
import type { SipMessage } from '../message/sip-message.ts';

/** What a stream holds. */
export type Framed =
  | { readonly kind: 'message'; readonly message: SipMessage }
  /** A message whose end is known and that cannot be used; the next one follows. */
  | { readonly kind: 'malformed'; readonly error: MalformedMessage }
  /** RFC 5626 §4.4.1: a double CRLF asks for a single one. */
  | { readonly kind: 'ping' }
  /** After this nothing can be told apart any more. */
  | { readonly kind: 'fault'; readonly error: MalformedMessage };

const [LF, CR] = [0x0a, 0x0d];
const PING = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);

/**
 * Cuts a stream into messages by their Content-Length (RFC 3261 §18.3, §20.14). Bytes in, messages out, no I/O.
 *
 *   between messages --head complete--> awaiting the body --body complete--> between messages
 *         \---------- no length, or one over the limit ----------> broken
 */
export class StreamFramer {
  /** Bytes that wait for more: the first `#size` of `#held`. */
  #held = NOTHING;
  #size = 0;
  /** The head whose body is awaited, and where in the held bytes that body is. */
  #awaiting: { readonly head: MessageHead; readonly bodyStart: number; readonly end: number } | undefined;
  /** Up to here no end of the headers was found. */
  #searched = 0;
  #broken = false;

  /** Whether a message has begun to arrive and is not complete. */
  get midMessage(): boolean {
    const first = this.#held[0];
    return this.#size > 0 && first !== CR && first !== LF;
  }

  /** Bytes of memory that wait for more of a message. */
  get holding(): number {
    return this.#held.length;
  }

  /** Takes the next bytes and returns what they complete. After a fault it takes no more. */
  push(chunk: Buffer): Framed[] {
    if (this.#broken || chunk.length === 0) return [];
    let bytes = this.#size === 0 ? chunk : this.#hold(chunk);
    const all = bytes;
    const framed: Framed[] = [];
    for (;;) {
      const cut = this.#cut(bytes);
      if (cut === undefined) break;
      this.#searched = 0;
      this.#awaiting = undefined;
      bytes = bytes.subarray(cut.length);
      if (cut.framed !== undefined) framed.push(cut.framed);
      if (cut.framed?.kind === 'fault') {
        this.#broken = true;
        bytes = NOTHING;
        break;
      }
    }
    if (bytes !== all || this.#size === 0) this.#keep(bytes);
    return framed;
  }

  /** Appends to the held bytes and returns them all, with room to spare: a stream that drips costs no more than one that flows. */
  #hold(chunk: Buffer): Buffer {
    const size = this.#size + chunk.length;
    if (size > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(2 * size);
      this.#held.copy(larger, 0, 0, this.#size);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#size);
    this.#size = size;
    return this.#held.subarray(0, size);
  }

  /** The rest of what was cut waits in bytes of its own: bodies handed out are views of the old ones. */
  #keep(rest: Buffer): void {
    this.#held = rest.length === 0 ? NOTHING : Buffer.from(rest);
    this.#size = rest.length;
  }

  /** The next thing at the start of `bytes`, or undefined when more are needed. */
  #cut(bytes: Buffer): { framed: Framed | undefined; length: number } | undefined {
    if (bytes.length === 0) return undefined;
    if (bytes[0] === CR || bytes[0] === LF) return cutLineEnds(bytes);
    try {
      const awaited = this.#awaiting ?? this.#readHead(bytes);
      if (awaited === undefined) return undefined;
      this.#awaiting = awaited;
      const { head, bodyStart, end } = awaited;
      if (bytes.length < end) return undefined;
      return { framed: assembled(head, bytes.subarray(bodyStart, end)), length: end };
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      return { framed: { kind: 'fault', error }, length: bytes.length };
    }
  }

  /** @throws MalformedMessage when it cannot be told where the message ends */
  #readHead(bytes: Buffer): { head: MessageHead; bodyStart: number; end: number } | undefined {
    const blank = findHeadEnd(bytes, this.#searched);
    if (blank === -1 && bytes.length <= MESSAGE_LIMITS.headerSection) {
      this.#searched = Math.max(0, bytes.length - 3);
      return undefined;
    }
    const head = readHead(bytes.subarray(0, blank === -1 ? bytes.length : blank));
    const { flaw, startLine } = head;
    if (flaw !== undefined) throw new MalformedMessage(flaw.status, flaw.reason, requestOf(head));
    if (startLine.kind === 'unknown') throw new MalformedMessage(400, 'Bad Request Line', requestOf(head));
    const bodyStart = blank + 4;
    const end = bodyStart + lengthOnStream(head);
    if (end > MESSAGE_LIMITS.message) throw new MalformedMessage(513, 'Message Too Large', requestOf(head));
    return { head, bodyStart, end };
  }
}

/**
 * §18.3: on a stream Content-Length is mandatory. Where it lacks there is no body, unless Content-Type says that there is
 * one: then its end is unknown, and a text must not pass for an empty one.
 */
function lengthOnStream(head: MessageHead): number {
  const length = contentLengthOf(head);
  if (length === undefined && head.headers.has('Content-Type')) {
    throw new MalformedMessage(400, 'Missing Content-Length', requestOf(head));
  }
  return length ?? 0;
}

function assembled(head: MessageHead, body: Buffer): Framed {
  try {
    return { kind: 'message', message: assembleMessage(head, body) };
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    return { kind: 'malformed', error };
  }
}

/** Line ends between messages: two are a ping, one alone means nothing (§7.5). */
function cutLineEnds(bytes: Buffer): { framed: Framed | undefined; length: number } | undefined {
  const seen = Math.min(bytes.length, PING.length);
  const like = bytes.compare(PING, 0, seen, 0, seen) === 0;
  if (!like) return { framed: undefined, length: 1 };
  return seen === PING.length ? { framed: { kind: 'ping' }, length: seen } : undefined;
}
