import { canonicalName } from './header-names.ts';
import { MESSAGE_LIMITS } from './limits.ts';
import { MalformedMessage } from './malformed-message.ts';
import type { SipMessage, SipRequest, SipResponse } from './sip-message.ts';
import { SipHeaders } from './sip-message.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/*
 * RFC 3261 §25.1:
 *   Request-Line = Method SP Request-URI SP SIP-Version CRLF      Method = token
 *   Status-Line  = SIP-Version SP Status-Code SP Reason-Phrase CRLF
 *   message-header = header-name HCOLON header-value CRLF; a line that begins with SP or HTAB continues the one before
 */
const TOKEN = /^[A-Za-z0-9\-.!%*_+`'~]+$/;
const STATUS_LINE = /^SIP\/(\d+\.\d+) (\d{3}) ?(.*)$/i;
const MANDATORY = ['Via', 'From', 'To', 'Call-ID', 'CSeq'] as const;

/**
 * Reads a whole message: a datagram, or what a stream's framer cut out. The body is what Content-Length says, or the rest of
 * the bytes without one (§18.3).
 * @throws MalformedMessage
 */
export function parseMessage(bytes: Buffer): SipMessage {
  if (bytes.length > MESSAGE_LIMITS.message) throw new MalformedMessage(513, 'Message Too Large');
  const start = skipLineEnds(bytes);
  const { head, bodyStart } = splitHead(bytes, start);
  const lines = unfold(head);
  const startLine = lines[0] ?? '';
  const status = STATUS_LINE.exec(startLine);
  const headers = readHeaders(lines);
  if (status !== null) return readResponse(status, headers, bytes, bodyStart);
  return readRequest(startLine, headers, bytes, bodyStart);
}

/** RFC 3261 §7.5: empty lines before the start line are ignored. */
function skipLineEnds(bytes: Buffer): number {
  let start = 0;
  while (start < bytes.length && (bytes[start] === 0x0d || bytes[start] === 0x0a)) start++;
  return start;
}

function splitHead(bytes: Buffer, start: number): { head: string; bodyStart: number } {
  const blank = bytes.indexOf('\r\n\r\n', start, 'latin1');
  const end = blank === -1 ? bytes.length : blank;
  if (end - start > MESSAGE_LIMITS.headerSection) throw new MalformedMessage(513, 'Message Too Large');
  const section = bytes.subarray(start, end);
  let head: string;
  try {
    head = utf8.decode(section);
  } catch {
    // Older clients write names in Latin-1; a header is never a reason to lose a text.
    head = section.toString('latin1');
  }
  return { head, bodyStart: blank === -1 ? bytes.length : blank + 4 };
}

/** Start line and header lines, continued lines joined (§7.3.1). A bare LF ends a line as well. */
function unfold(head: string): string[] {
  const lines: string[] = [];
  for (const raw of head.split('\n')) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    const first = line.charCodeAt(0);
    const last = lines.length - 1;
    if ((first === 0x20 || first === 0x09) && last > 0) lines[last] = `${lines[last] ?? ''} ${line.trim()}`;
    else lines.push(line);
  }
  if (lines.length > MESSAGE_LIMITS.headerFields + 1) throw new MalformedMessage(513, 'Too Many Headers');
  return lines;
}

function readHeaders(lines: readonly string[]): SipHeaders | undefined {
  const entries: [string, string][] = [];
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? '';
    if (line === '') continue;
    const colon = line.indexOf(':');
    const name = colon === -1 ? '' : line.slice(0, colon).trim();
    if (!TOKEN.test(name)) return undefined;
    entries.push([canonicalName(name), line.slice(colon + 1).trim()]);
  }
  return SipHeaders.from(entries);
}

function readResponse(
  [, version = '', code = '', reason = '']: RegExpExecArray,
  headers: SipHeaders | undefined,
  bytes: Buffer,
  bodyStart: number,
): SipResponse {
  const status = Number(code);
  if (version !== '2.0' || headers === undefined || status < 100 || status > 699) {
    throw new MalformedMessage(400, 'Bad Response');
  }
  for (const name of MANDATORY) {
    if (!headers.has(name)) throw new MalformedMessage(400, `Response Without ${name}`);
  }
  return { kind: 'response', status, reason, headers, body: readBody(headers, bytes, bodyStart) };
}

function readRequest(
  startLine: string,
  headers: SipHeaders | undefined,
  bytes: Buffer,
  bodyStart: number,
): SipRequest {
  const [method = '', uri = '', version = '', ...rest] = startLine.split(' ');
  if (headers === undefined) throw new MalformedMessage(400, 'Bad Header Line');
  const request = { method, headers };
  if (!TOKEN.test(method)) throw new MalformedMessage(400, 'Bad Method');
  const answerable = MANDATORY.every((name) => headers.has(name)) ? request : undefined;
  if (rest.length > 0 || !/^SIP\/\d+\.\d+$/i.test(version)) {
    throw new MalformedMessage(400, 'Bad Request Line', answerable);
  }
  if (version.toUpperCase() !== 'SIP/2.0') {
    throw new MalformedMessage(505, 'Version Not Supported', answerable);
  }
  for (const name of MANDATORY) {
    if (!headers.has(name)) throw new MalformedMessage(400, `Missing ${name}`, answerable);
  }
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>]+$/.test(uri)) {
    throw new MalformedMessage(400, 'Bad Request-URI', answerable);
  }
  // §8.2.6 and §20.16: the CSeq method is the request's.
  const cseq = /^(\d{1,10})\s+(\S+)$/.exec(headers.get('CSeq') ?? '');
  if (cseq?.[2] !== method || Number(cseq[1]) >= 2 ** 32) {
    throw new MalformedMessage(400, 'Bad CSeq', answerable);
  }
  return { kind: 'request', method, uri, headers, body: readBody(headers, bytes, bodyStart, answerable) };
}

function readBody(
  headers: SipHeaders,
  bytes: Buffer,
  bodyStart: number,
  request?: { readonly method: string; readonly headers: SipHeaders },
): Buffer {
  const lengths = headers.all('Content-Length');
  const [first] = lengths;
  if (first === undefined) return bytes.subarray(bodyStart);
  if (!/^\d{1,10}$/.test(first) || lengths.some((length) => length !== first)) {
    throw new MalformedMessage(400, 'Bad Content-Length', request);
  }
  const length = Number(first);
  // §18.3: bytes beyond it are dropped, a body that ends before it is an error.
  if (bytes.length - bodyStart < length) throw new MalformedMessage(400, 'Body Too Short', request);
  return bytes.subarray(bodyStart, bodyStart + length);
}
