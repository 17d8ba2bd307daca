import { SipHeaders } from '../message/sip-message.ts';
import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import { reasonPhrase } from '../message/reason-phrases.ts';
import { tagOf } from './match.ts';

const EMPTY = Buffer.alloc(0);

/**
 * A response as the request demands it (RFC 3261 §8.2.6.2): its Via, From, Call-ID and CSeq, and its To, to which
 * every response but 100 adds our tag unless the peer set one.
 * @param localTag '' adds none
 */
export function responseTo(
  request: Pick<SipRequest, 'headers'>,
  status: number,
  localTag: string,
  reason: string = reasonPhrase(status),
): SipResponse {
  const headers = SipHeaders.from([]);
  // Threat: a short list would grow to a long answer, had each of its values a line to itself.
  for (const via of request.headers.fields('Via')) headers.append('Via', via);
  const copied = ['From', 'To', 'Call-ID', 'CSeq'] as const;
  for (const name of copied) {
    const value = request.headers.get(name);
    if (value === undefined) continue;
    const tagged = name === 'To' && status > 100 && localTag !== '' && tagOf(value) === '';
    headers.append(name, tagged ? `${value};tag=${localTag}` : value);
  }
  // §8.2.6.1: the sender of a 100 measures the round trip by it.
  const timestamp = status === 100 ? request.headers.get('Timestamp') : undefined;
  if (timestamp !== undefined) headers.append('Timestamp', timestamp);
  return { kind: 'response', status, reason, headers, body: EMPTY };
}
