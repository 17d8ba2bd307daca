import { MailboxError } from '../../core/errors.ts';

/** A CSeq that cannot be read. */
export class MalformedCSeq extends MailboxError {
  constructor(text: string) {
    super('MALFORMED_CSEQ', `not a CSeq: ${JSON.stringify(text.slice(0, 100))}`);
  }
}

/** RFC 3261 §20.16: CSeq = 1*DIGIT LWS Method; zeros may lead the number, which is below 2**32. @throws MalformedCSeq */
export function parseCSeq(text: string): { sequence: number; method: string } {
  const match = /^\s*0*(\d{1,10})\s+(\S+)\s*$/.exec(text);
  const sequence = Number(match?.[1]);
  if (match?.[2] === undefined || sequence >= 2 ** 32) throw new MalformedCSeq(text);
  return { sequence, method: match[2] };
}
