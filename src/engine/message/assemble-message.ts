import { MalformedCSeq, parseCSeq } from './cseq.ts';
import { MalformedMessage } from './malformed-message.ts';
import type { MessageHead } from './message-head.ts';
import { requestOf } from './message-head.ts';
import type { SipHeaders, SipMessage } from './sip-message.ts';

/** RFC 3261 §8.1.1: without these nothing can be done with a message. All but Via stand there once (§7.3.1). */
const MANDATORY = ['Via', 'From', 'To', 'Call-ID', 'CSeq'] as const;
const SINGLE: ReadonlySet<string> = new Set(['From', 'To', 'Call-ID', 'CSeq']);

/**
 * absoluteURI of any scheme: whether one can be served is for others to say (416). Control characters are in none, and a NUL
 * would become a blank on the way to the application, which could not read the line.
 */
const REQUEST_URI = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s\p{Cc}<>"]+$/u;

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
      if (!REQUEST_URI.test(uri)) throw refuse(400, 'Bad Request-URI');
      // §8.1.1.5: the method in CSeq is the request's.
      const problem = problemOf(headers) ?? (cseqMethod(headers) === method ? undefined : 'Bad CSeq');
      if (problem !== undefined) throw refuse(400, problem);
      return { kind: 'request', method, uri, headers, body };
    }
  }
}

function problemOf(headers: SipHeaders): string | undefined {
  const counts = new Map<string, number>();
  for (const [name] of headers.entries()) counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const name of MANDATORY) {
    const count = counts.get(name) ?? 0;
    if (count === 0 || headers.get(name) === '') return `Missing ${name}`;
    if (count > 1 && SINGLE.has(name)) return `More Than One ${name}`;
  }
  return cseqMethod(headers) === undefined ? 'Bad CSeq' : undefined;
}

function cseqMethod(headers: SipHeaders): string | undefined {
  try {
    return parseCSeq(headers.get('CSeq') ?? '').method;
  } catch (error) {
    if (error instanceof MalformedCSeq) return undefined;
    throw error;
  }
}
