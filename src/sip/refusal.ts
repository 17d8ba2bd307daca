import { MailboxError } from '../core/errors.ts';
import type { DrachtioResponse, HeaderMap } from './drachtio.ts';
import { RETRY_AFTER_SECONDS } from './limits.ts';

/** A request that gets a final answer other than 2xx: the status, the reason phrase and the headers to say it with. */
export class SipRefusal extends MailboxError {
  readonly status: number;
  readonly reason: string;
  readonly headers: HeaderMap;

  constructor(status: number, reason: string, headers: HeaderMap = {}, options?: { cause?: unknown }) {
    super('SIP_REFUSAL', `${status} ${reason}`, options);
    this.status = status;
    this.reason = reason;
    this.headers = headers;
  }
}

/** The database does not answer: the sender shall come again (RFC 3261 §21.5.4). */
export function unavailable(cause: unknown): SipRefusal {
  const headers = { 'Retry-After': String(RETRY_AFTER_SECONDS) };
  return new SipRefusal(503, 'Mailbox storage unavailable', headers, { cause });
}

/** Sends `refusal`, unless a final answer has left already. */
export function sendRefusal(response: DrachtioResponse, refusal: SipRefusal): void {
  if (response.finalResponseSent) return;
  response.send(refusal.status, refusal.reason, { headers: { ...refusal.headers } });
}
