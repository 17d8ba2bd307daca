import { isAscii } from 'node:buffer';
import { canonicalName } from '../message/header-names.ts';
import { SipHeaders } from '../message/sip-message.ts';
import type { SipRequest } from '../message/sip-message.ts';
import { ADMISSION_LIMITS } from './limits.ts';

/*
 * Request-Line = Method SP Request-URI SP SIP-Version CRLF (RFC 3261 §25.1), of methods that may ask for something new: what
 * answers, acknowledges, ends or goes on with what was begun is none of them.
 */
const BEGINS_SOMETHING = /^(?!ACK |BYE |CANCEL |PRACK |UPDATE )([A-Z]+) (\S+) SIP\/2\.0$/;

/** Headers that find a transaction and a dialog, and that an answer repeats. */
const LOOKED_AT: ReadonlySet<string> = new Set(['Via', 'From', 'To', 'Call-ID', 'CSeq']);

const NO_BODY = Buffer.alloc(0);

/**
 * What a datagram asks, by as much of it as it takes to turn it away: the start line and five headers. Undefined when it is
 * none that may be turned away, or is written in a way that takes more than a look; it is read in full then.
 */
export function firstLook(datagram: Buffer): SipRequest | undefined {
  const section = datagram.subarray(0, ADMISSION_LIMITS.firstLook);
  const end = section.indexOf('\r\n\r\n');
  // Names in other letters are decoded with more care.
  if (end < 0 || !isAscii(section.subarray(0, end))) return undefined;
  const text = section.toString('latin1', 0, end);
  const [startLine = '', ...lines] = text.split('\r\n');
  const start = BEGINS_SOMETHING.exec(startLine);
  if (start === null) return undefined;
  const [, method = '', uri = ''] = start;
  const fields: [string, string][] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    // A folded line begins with a blank.
    if (colon < 1 || line.startsWith(' ') || line.startsWith('\t')) return undefined;
    const name = canonicalName(line.slice(0, colon).trimEnd());
    if (LOOKED_AT.has(name)) fields.push([name, line.slice(colon + 1).trim()]);
  }
  return { kind: 'request', method, uri, headers: SipHeaders.from(fields), body: NO_BODY };
}
