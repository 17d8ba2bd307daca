import { MalformedCSeq, parseCSeq } from './cseq.ts';
import { MalformedMessage } from './malformed-message.ts';
import type { MessageHead } from './message-head.ts';
import { requestOf } from './message-head.ts';
import type { SipHeaders, SipMessage } from './sip-message.ts';
import { isPlainSipUri } from './uri.ts';

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
      const problem = problemOf(headers, method);
      if (problem !== undefined) throw refuse(400, problem);
      return { kind: 'request', method, uri, headers, body };
    }
  }
}

/** Who took the headers of a Request-URI for the request's would let its sender write any. */
function isRequestUri(uri: string): boolean {
  return REQUEST_URI.test(uri) && (!SIP_SCHEME.test(uri) || isPlainSipUri(uri));
}

/** @param method of a request; a response has none */
function problemOf(headers: SipHeaders, method?: string): string | undefined {
  const found = new Map<string, string>();
  let repeated: string | undefined;
  let different: string | undefined;
  for (const [name, value] of headers.entries()) {
    const once = ONCE.has(name);
    if (!once && name !== 'Via' && !ONE_VALUE.has(name)) continue;
    const first = found.get(name);
    if (first === undefined) found.set(name, value);
    else if (once) repeated ??= name;
    else if (name !== 'Via' && first !== value) different ??= name;
  }
  for (const name of MANDATORY) {
    const value = found.get(name);
    if (value === undefined || value === '') return `Missing ${name}`;
  }
  if (repeated !== undefined) return `More Than One ${repeated}`;
  const named = cseqMethod(found.get('CSeq') ?? '');
  if (named === undefined) return 'Bad CSeq';
  if (method === undefined) return undefined;
  // §8.1.1.5: the method in CSeq is the request's.
  if (named !== method) return 'Bad CSeq';
  if (isOpenEnded(found.get('From') ?? '')) return 'Bad From';
  if (isOpenEnded(found.get('To') ?? '')) return 'Bad To';
  return different === undefined ? undefined : `More Than One ${different}`;
}

const [QUOTE, LESS, GREATER, BACKSLASH] = [0x22, 0x3c, 0x3e, 0x5c];

/** Whether a quoted string or a bracket is not closed: where the tag is that names the dialog would be a guess. */
function isOpenEnded(value: string): boolean {
  if (!value.includes('"')) return value.lastIndexOf('<') > value.lastIndexOf('>');
  let quoted = false;
  let bracketed = false;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (quoted && code === BACKSLASH) i++;
    else if (code === QUOTE && !bracketed) quoted = !quoted;
    else if (code === LESS && !quoted) bracketed = true;
    else if (code === GREATER && !quoted) bracketed = false;
  }
  return quoted || bracketed;
}

function cseqMethod(cseq: string): string | undefined {
  try {
    return parseCSeq(cseq).method;
  } catch (error) {
    if (error instanceof MalformedCSeq) return undefined;
    throw error;
  }
}
