import { MESSAGE_LIMITS } from '../message/limits.ts';
import { MalformedMessage } from '../message/malformed-message.ts';

/** What a stream holds: whole messages, keep-alives, or a fault after which nothing can be told apart any more. */
export type Framed =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  /** RFC 5626 §4.4.1: a double CRLF asks for a single one. */
  | { readonly kind: 'ping' }
  | { readonly kind: 'fault'; readonly error: MalformedMessage };

const CONTENT_LENGTH = /(?:^|\n)(?:Content-Length|l)[ \t]*:[ \t]*(\S*)[ \t]*(?=\r?\n|$)/i;

/** Cuts a stream into messages by their Content-Length (RFC 3261 §18.3, §20.14). Bytes in, messages out, no I/O. */
export class StreamFramer {
  #waiting: Buffer[] = [];
  #size = 0;
  /** Bytes that are needed before another look can bring anything. */
  #needed = 1;
  #broken = false;

  /** Takes the next bytes and returns what they complete. After a fault it takes no more. */
  push(chunk: Buffer): Framed[] {
    if (this.#broken || chunk.length === 0) return [];
    this.#waiting.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#needed) return [];
    const framed: Framed[] = [];
    let rest = this.#waiting.length === 1 ? chunk : Buffer.concat(this.#waiting);
    for (;;) {
      const cut = this.#cut(rest);
      if (cut === undefined) break;
      if (cut.framed !== undefined) framed.push(cut.framed);
      rest = rest.subarray(cut.length);
      if (this.#broken) break;
    }
    this.#waiting = rest.length === 0 ? [] : [rest];
    this.#size = rest.length;
    return framed;
  }

  /** The next thing at the start of `bytes`, or undefined when more are needed. */
  #cut(bytes: Buffer): { framed: Framed | undefined; length: number } | undefined {
    this.#needed = bytes.length + 1;
    if (bytes.length === 0) return undefined;
    if (bytes[0] === 0x0d || bytes[0] === 0x0a) return this.#cutLineEnds(bytes);
    const blank = bytes.indexOf('\r\n\r\n', 0, 'latin1');
    if (
      blank > MESSAGE_LIMITS.headerSection ||
      (blank === -1 && bytes.length > MESSAGE_LIMITS.headerSection)
    ) {
      return this.#fail(new MalformedMessage(513, 'Message Too Large'), bytes.length);
    }
    if (blank === -1) return undefined;
    const head = bytes.toString('latin1', 0, blank);
    const length = CONTENT_LENGTH.exec(head)?.[1] ?? '0';
    if (!/^\d{1,10}$/.test(length)) {
      return this.#fail(new MalformedMessage(400, 'Bad Content-Length'), bytes.length);
    }
    const whole = blank + 4 + Number(length);
    if (whole > MESSAGE_LIMITS.message) {
      return this.#fail(new MalformedMessage(513, 'Message Too Large'), bytes.length);
    }
    if (bytes.length < whole) {
      this.#needed = whole;
      return undefined;
    }
    return { framed: { kind: 'message', bytes: bytes.subarray(0, whole) }, length: whole };
  }

  #cutLineEnds(bytes: Buffer): { framed: Framed | undefined; length: number } | undefined {
    if (bytes.length >= 4 && bytes.toString('latin1', 0, 4) === '\r\n\r\n') {
      return { framed: { kind: 'ping' }, length: 4 };
    }
    const onlyLineEnds = bytes.length < 4 && '\r\n\r\n'.startsWith(bytes.toString('latin1'));
    return onlyLineEnds ? undefined : { framed: undefined, length: 1 };
  }

  #fail(error: MalformedMessage, length: number): { framed: Framed; length: number } {
    this.#broken = true;
    return { framed: { kind: 'fault', error }, length };
  }
}
