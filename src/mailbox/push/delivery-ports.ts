import type { AddressOfRecord } from '../../core/address-of-record.ts';
import { MailboxError } from '../../core/errors.ts';
import type { OutgoingMessage } from '../../msrp/session.ts';
import type { SipHeader } from '../kept-headers.ts';
import type { PeerFormats } from '../presentation.ts';

/** Whom a request to a user who is online comes from and goes to. */
export interface PushTarget {
  readonly to: AddressOfRecord;
  /** SIP URI in From: MESSAGE_ACCOUNT, or the author with PUSH_FROM=author. */
  readonly from: string;
  /** '' for none. */
  readonly fromName: string;
  /** SIP URI of the hop that told that she is online; null when unknown. OUTBOUND_PROXY goes before it. */
  readonly hop: string | null;
}

/** Why a call to a user did not come to a chat. */
export class CallFailed extends MailboxError {
  /** SIP status, 408 too when it rang for too long; 0 when nothing came back at all. */
  readonly status: number;

  constructor(status: number, reason: string, options?: { cause?: unknown }) {
    super('CALL_FAILED', `the call came to no chat: ${status} ${reason}`, options);
    this.status = status;
  }
}

/** Nothing was sent at all: no SIP server is connected, or as many chats run as may. That says nothing of the phone. */
export class NothingSent extends MailboxError {
  constructor(options: { cause: unknown }) {
    super('NOTHING_SENT', 'nothing can be sent now', options);
  }
}

/** A chat session in a call of ours that was answered. */
export interface CalledChat {
  /** What the phone takes, as its answer says. */
  readonly peer: PeerFormats;
  /**
   * Resolves when the phone has acknowledged the message (RFC 4975 §7.2 and, where it reports, its success report).
   * @throws SendFailed, SessionClosed
   */
  send(message: OutgoingMessage): Promise<void>;
  /** Ends the call, once everything that was sent is answered; resolves when the BYE is. Calling it twice is harmless. */
  hangUp(reason: string): Promise<void>;
  /** Ends the call now: what is not answered fails. */
  drop(reason: string): void;
}

/** Calls users for a chat: INVITE with an MSRP offer. */
export interface ChatCaller {
  /** Resolves when the call is answered and the session stands: from here on texts can be sent. @throws CallFailed, NothingSent */
  call(target: PushTarget): Promise<CalledChat>;
}

/** Sends texts as SIP MESSAGEs to users who are online. */
export interface PushPager {
  /** Longest body it takes, bytes of UTF-8. */
  readonly maxBytes: number;
  /** Resolves when the phone answered 2xx. `writtenAt`: epoch ms, for the Date header. @throws PagerDeliveryFailed, NothingSent */
  send(
    target: PushTarget,
    body: {
      readonly contentType: string;
      readonly content: string;
      readonly writtenAt: number;
      /** '' for none. */
      readonly subject: string;
      /** Headers of the MESSAGE the text came in that were kept with it. */
      readonly headers?: readonly SipHeader[];
    },
  ): Promise<void>;
}
