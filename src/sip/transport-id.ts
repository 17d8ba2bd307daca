import type { DrachtioRequest } from './drachtio.ts';

/**
 * What names a MESSAGE, whichever way it goes: a proxy that forks or retries it leaves Call-ID and CSeq as they are (RFC 3261
 * §16.6), so that a copy of the same text is known by them.
 */
export function transportIdOf(message: Pick<DrachtioRequest, 'get'>): string {
  return transportId(message.get('Call-ID') ?? '', message.get('CSeq') ?? '');
}

export function transportId(callId: string, cseq: string): string {
  return `sip:${callId} ${cseq}`;
}
