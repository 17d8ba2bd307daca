import { MalformedCSeq, parseCSeq } from './cseq.ts';
import { MalformedMessage } from './malformed-message.ts';
import type { MessageHead } from './message-head.ts';
import { requestOf } from './message-head.ts';
import type { SipHeaders, SipMessage } from './sip-message.ts';
import { MalformedUri, parseUri } from './uri.ts';

/** RFC 3261 §8.1.1: without these nothing can be done with a message. */
const MANDATORY = ['Via', 'From', 'To', 'Call-ID', 'CSeq'] as const;

/** §7.3.1: these stand there once; a message is what they say it is, so none is said twice. */
const ONCE: ReadonlySet<string> = new Set(['From', 'To', 'Call-ID', 'CSeq']);

/**
 * §7.3.1: these have one value too. Said twice alike they do no harm; where they differ, a proxy may have gone by the one
 * and the application may go by the other.
 */
const ONE_VALUE: ReadonlySet<string> = new Set([
  'Content-Disposition',
  'Content-Type',
  'Event',
  'Expires',
  'Max-Forwards',
  'Refer-To',
  'SIP-If-Match',
  'Subscription-State',
]);

/**
 * absoluteURI of any scheme: whether one can be served is for others to say (416). Control characters are in none, and a NUL
 * would become a blank on the way to the application, which could not read the line.
 */
const REQUEST_URI = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s\p{Cc}<>"]+$/u;
const SIP_SCHEME = /^sips?:/i;

/**
 * Makes a message of its head and body, if its head is one.
 * @throws MalformedMessage with 400 or 505; 513 for a head over a limit
 */
export function assembleMessage(head: MessageHead, body: Buffer): SipMessage {
  const { startLine, headers, flaw } = head;
  const refuse = (status: number, reason: string): MalformedMessage =>
    new MalformedMessage(status, reason, requestOf(head));
  if (flaw !== undefined) throw refuse(flaw.status, flaw.reason);
  switch (startLine.kind) {
    case 'unknown':
      throw refuse(400, 'Bad Request Line');
    case 'response': {
      const { version, status, reason } = startLine;
      const problem = version === '2.0' ? problemOf(headers) : 'Version Not Supported';
      if (problem !== undefined) throw refuse(400, problem);
      if (status < 100 || status > 699) throw refuse(400, 'Bad Status Code');
      return { kind: 'response', status, reason, headers, body };
    }
    case 'request': {
      const { version, method, uri } = startLine;
      if (version !== '2.0') throw refuse(505, 'Version Not Supported');
      if (!isRequestUri(uri)) throw refuse(400, 'Bad Request-URI');
      const problem = problemOf(headers) ?? problemOfRequest(method, headers);
      if (problem !== undefined) throw refuse(400, problem);
      return { kind: 'request', method, uri, headers, body };
    }
  }
}

/** §19.1.1, table 1: no Request-URI has headers; who took them for the request's would let the sender write any. */
function isRequestUri(uri: string): boolean {
  if (!REQUEST_URI.test(uri)) return false;
  if (!SIP_SCHEME.test(uri)) return true;
  try {
    return parseUri(uri).headers === '';
  } catch (error) {
    if (error instanceof MalformedUri) return false;
    throw error;
  }
}

function problemOf(headers: SipHeaders): string | undefined {
  const counts = new Map<string, number>();
  for (const [name] of headers.entries()) counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const name of MANDATORY) {
    const count = counts.get(name) ?? 0;
    if (count === 0 || headers.get(name) === '') return `Missing ${name}`;
    if (count > 1 && ONCE.has(name)) return `More Than One ${name}`;
  }
  return cseqMethod(headers) === undefined ? 'Bad CSeq' : undefined;
}

function problemOfRequest(method: string, headers: SipHeaders): string | undefined {
  // §8.1.1.5: the method in CSeq is the request's.
  if (cseqMethod(headers) !== method) return 'Bad CSeq';
  for (const name of ['From', 'To'] as const) {
    if (isOpenEnded(headers.get(name) ?? '')) return `Bad ${name}`;
  }
  for (const [name, value] of headers.entries()) {
    if (ONE_VALUE.has(name) && headers.get(name) !== value) return `More Than One ${name}`;
  }
  return undefined;
}

/** Whether a quoted string or a bracket is not closed: where the tag is that names the dialog would be a guess. */
function isOpenEnded(value: string): boolean {
  if (!value.includes('"')) return value.lastIndexOf('<') > value.lastIndexOf('>');
  let quoted = false;
  let bracketed = false;
  for (let i = 0; i < value.length; i++) {
    const character = value[i];
    if (quoted && character === '\\') i++;
    else if (character === '"' && !bracketed) quoted = !quoted;
    else if (character === '<' && !quoted) bracketed = true;
    else if (character === '>' && !quoted) bracketed = false;
  }
  return quoted || bracketed;
}

function cseqMethod(headers: SipHeaders): string | undefined {
  try {
    return parseCSeq(headers.get('CSeq') ?? '').method;
  } catch (error) {
    if (error instanceof MalformedCSeq) return undefined;
    throw error;
  }
}
