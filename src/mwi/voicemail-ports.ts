import type { AddressOfRecord } from '../core/address-of-record.ts';

/** What a NOTIFY of message-summary says (RFC 6665 §4.1.3). */
export interface SummaryNotification {
  readonly state: 'active' | 'pending' | 'terminated';
  /** Seconds the subscription lives from now; null when the NOTIFY does not tell. */
  readonly expires: number | null;
  /** Why it ended, in lower case; '' when the NOTIFY does not tell. */
  readonly reason: string;
  /** Seconds, from `retry-after`; null when there is none. */
  readonly retryAfter: number | null;
  /** A body of application/simple-message-summary as it came; null when there is none: it says nothing then. */
  readonly body: string | null;
}

/** A SUBSCRIBE that was refused. */
export interface SubscribeRejection {
  readonly kind: 'rejected';
  readonly status: number;
  readonly reason: string;
  /** Seconds, from Min-Expires. */
  readonly minExpires?: number;
  /** Seconds, from Retry-After. */
  readonly retryAfter?: number;
}

/** No answer: it may or may not have taken effect. */
export interface SubscribeSilence {
  readonly kind: 'unanswered';
  readonly cause: unknown;
}

/** What became of the SUBSCRIBE that begins a subscription. */
export type SubscribeResponse =
  | {
      readonly kind: 'accepted';
      readonly subscription: SummarySubscription;
      /** Seconds granted. */
      readonly expires: number;
    }
  | SubscribeRejection
  | SubscribeSilence;

/** What became of a SUBSCRIBE that prolongs one. */
export type RefreshResponse =
  | { readonly kind: 'accepted'; /** Seconds granted. */ readonly expires: number }
  | SubscribeRejection
  | SubscribeSilence
  /** The SIP server on our side knows the dialog no longer. */
  | { readonly kind: 'gone' };

/** A subscription of ours that stands. */
export interface SummarySubscription {
  /** @param expires seconds; never rejects */
  refresh(expires: number): Promise<RefreshResponse>;
  /** Forgets it: its NOTIFYs get 481 from now on, by which the voicemail learns that nobody listens. */
  forget(): void;
}

/** Subscribes to the message-summary of users (RFC 3842); never rejects. */
export interface SummarySubscriber {
  /**
   * @param expires seconds
   * @param onNotify called for every NOTIFY, the first perhaps before this resolves; the NOTIFY was answered 200 by then
   */
  subscribe(
    target: AddressOfRecord,
    expires: number,
    onNotify: (notification: SummaryNotification) => void,
  ): Promise<SubscribeResponse>;
}
