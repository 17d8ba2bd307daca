import { isAscii, isUtf8 } from 'node:buffer';
import { MESSAGE_LIMITS } from './limits.ts';
import { MalformedMessage } from './malformed-message.ts';
import type { UnreadableRequest } from './malformed-message.ts';
import { SipHeaders } from './sip-message.ts';

/** Start line and headers, before it is asked whether they make a message. */
export interface MessageHead {
  readonly startLine: StartLine;
  readonly headers: SipHeaders;
  /** The first thing wrong with the lines themselves; the headers are those that could be read all the same. */
  readonly flaw: Flaw | undefined;
}

/** A status to answer and its reason phrase. */
export interface Flaw {
  readonly status: number;
  readonly reason: string;
}

/** What the first line says. */
export type StartLine =
  | { readonly kind: 'request'; readonly method: string; readonly uri: string; readonly version: string }
  | { readonly kind: 'response'; readonly version: string; readonly status: number; readonly reason: string }
  /** No line of SIP; `method` is its first word when that is a token. */
  | { readonly kind: 'unknown'; readonly method: string | undefined };

/*
 * RFC 3261 §25.1:
 *   Request-Line = Method SP Request-URI SP SIP-Version CRLF      Method = token
 *   Status-Line  = SIP-Version SP Status-Code SP Reason-Phrase CRLF
 *   SIP-Version  = "SIP" "/" 1*DIGIT "." 1*DIGIT
 *   message-header = header-name HCOLON header-value CRLF; a line that begins with SP or HTAB continues the one before
 */
const TOKEN = /^[A-Za-z0-9\-.!%*_+`'~]+$/;
const VERSION = /^SIP\/(\d+\.\d+)$/i;
const STATUS_LINE = /^SIP\/(\d+\.\d+) (\d{3})(?: ([^\r\0]*))?$/i;
/** §25.1: a NUL stands in a quoted string alone, behind a backslash; elsewhere some take it for the end of the text. */
const BARE_NUL = /(?<!\\)\0/;
const BLANK_LINE = Buffer.from('\r\n\r\n');
const [TAB, LF, CR, SPACE] = [0x09, 0x0a, 0x0d, 0x20];

const BAD_LINE: Flaw = { status: 400, reason: 'Bad Header Line' };

/** Where the headers end: the index of the CRLF CRLF after them, -1 when it is not there. */
export function findHeadEnd(bytes: Buffer, from: number): number {
  return bytes.indexOf(BLANK_LINE, from);
}

/** RFC 3261 §7.5: empty lines before the start line are ignored. */
export function skipLineEnds(bytes: Buffer): number {
  let start = 0;
  while (bytes[start] === CR || bytes[start] === LF) start++;
  return start;
}

/** Reads what stands before the blank line. Never throws: what is wrong is told as its flaw. */
export function readHead(section: Buffer): MessageHead {
  const tooLong = section.length > MESSAGE_LIMITS.headerSection;
  const text = decode(tooLong ? section.subarray(0, MESSAGE_LIMITS.headerSection) : section);
  let flaw: Flaw | undefined = tooLong ? { status: 513, reason: 'Message Too Large' } : undefined;
  const entries: [name: string, value: string][] = [];
  let at = lineEnd(text, 0);
  const startLine = readStartLine(withoutCr(text, 0, at));
  if (section.includes(0) && BARE_NUL.test(text.slice(at))) flaw ??= BAD_LINE;
  while (at < text.length) {
    const start = at + 1;
    if (start === text.length) break;
    at = lineEnd(text, start);
    // The line that the limit cut in two says nothing.
    if (tooLong && at === text.length) break;
    const line = withoutCr(text, start, at);
    // A CR that ends no line here ends one for others, and what follows would be a header to them.
    if (line.includes('\r')) flaw ??= BAD_LINE;
    const first = line.charCodeAt(0);
    const last = entries[entries.length - 1];
    if (first === SPACE || first === TAB) {
      // §7.3.1: a folded line; the break and the blanks after it count as one space.
      if (last === undefined) flaw ??= BAD_LINE;
      else last[1] = joined(last[1], trimBlanks(line));
      continue;
    }
    const colon = line.indexOf(':');
    const name = colon === -1 ? '' : trimBlanks(line.slice(0, colon));
    if (!TOKEN.test(name)) {
      flaw ??= BAD_LINE;
    } else if (entries.length === MESSAGE_LIMITS.headerFields) {
      flaw ??= { status: 513, reason: 'Too Many Headers' };
      break;
    } else {
      entries.push([name, trimBlanks(line.slice(colon + 1))]);
    }
  }
  return { startLine, headers: SipHeaders.from(entries), flaw };
}

/**
 * What Content-Length says; undefined when it says nothing.
 * @throws MalformedMessage when it is no number, or there are several that differ
 */
export function contentLengthOf(head: MessageHead): number | undefined {
  const lengths = head.headers.all('Content-Length');
  const [first] = lengths;
  if (first === undefined) return undefined;
  if (!/^0*\d{1,10}$/.test(first) || lengths.some((length) => length !== first)) {
    throw new MalformedMessage(400, 'Bad Content-Length', requestOf(head));
  }
  return Number(first);
}

/** What an answer to a malformed request is made from; undefined when nobody can be answered. */
export function requestOf({ startLine, headers }: MessageHead): UnreadableRequest | undefined {
  if (startLine.kind === 'response' || startLine.method === undefined || !headers.has('Via'))
    return undefined;
  return { method: startLine.method, headers };
}

/** Older clients write names in Latin-1; a header is never a reason to lose a text. */
function decode(section: Buffer): string {
  return isAscii(section) || !isUtf8(section) ? section.toString('latin1') : section.toString('utf8');
}

function readStartLine(line: string): StartLine {
  const status = STATUS_LINE.exec(line);
  if (status !== null) {
    const [, version = '', code = '', reason = ''] = status;
    return { kind: 'response', version, status: Number(code), reason };
  }
  const first = line.indexOf(' ');
  const last = line.lastIndexOf(' ');
  const method = first === -1 ? '' : line.slice(0, first);
  if (!TOKEN.test(method)) return { kind: 'unknown', method: undefined };
  const version = VERSION.exec(line.slice(last + 1))?.[1];
  if (version === undefined || first === last) return { kind: 'unknown', method };
  return { kind: 'request', method, uri: line.slice(first + 1, last), version };
}

/** Lines end with CRLF; a lone LF is taken for it. */
function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}

function withoutCr(text: string, start: number, end: number): string {
  return text.slice(start, end > start && text.charCodeAt(end - 1) === CR ? end - 1 : end);
}

function joined(value: string, more: string): string {
  return value === '' || more === '' ? value + more : `${value} ${more}`;
}

/** Without the spaces and tabs around it. Other white space belongs to the value. */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
