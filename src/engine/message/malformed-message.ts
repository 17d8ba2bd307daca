import { MailboxError } from '../../core/errors.ts';
import type { SipHeaders } from './sip-message.ts';

/** What could be read of a request that is malformed: a Via at least, which is enough to answer it without state. */
export interface UnreadableRequest {
  readonly method: string;
  readonly headers: SipHeaders;
}

/** Bytes that are no SIP message. `status` and `reason` answer it when `request` says to whom. */
export class MalformedMessage extends MailboxError {
  readonly status: number;
  readonly reason: string;
  readonly request: UnreadableRequest | undefined;

  constructor(status: number, reason: string, request?: UnreadableRequest) {
    super('MALFORMED_SIP_MESSAGE', `${status} ${reason}`);
    this.status = status;
    this.reason = reason;
    this.request = request;
  }
}
