import type { AddressOfRecord } from '../core/address-of-record.ts';

/** What a NOTIFY says (RFC 6665 §4.1.3). `Body`: what its body is read as. */
export interface Notification<Body> {
  readonly state: 'active' | 'pending' | 'terminated';
  /** Seconds the subscription lives from now; null when the NOTIFY does not tell. */
  readonly expires: number | null;
  /** Why it ended, in lower case; '' when the NOTIFY does not tell. */
  readonly reason: string;
  /** Seconds, from `retry-after`; null when there is none. */
  readonly retryAfter: number | null;
  /** Null when there is no body of the event package's type: it says nothing then. */
  readonly body: Body | null;
}

/** What is told of a subscription beside the state it is about. */
export type SubscriptionNotice = Omit<Notification<unknown>, 'body'>;

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
      readonly subscription: Subscription;
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
export interface Subscription {
  /** @param expires seconds; never rejects */
  refresh(expires: number): Promise<RefreshResponse>;
  /** Forgets it: its NOTIFYs get 481 from now on, by which the notifier learns that nobody listens. */
  forget(): void;
}

/** Subscribes to one event package (RFC 6665 §4.1) for users; never rejects. */
export interface Subscriber<Body> {
  /**
   * @param expires seconds
   * @param onNotify called for every NOTIFY, the first perhaps before this resolves; the NOTIFY was answered by then
   */
  subscribe(
    target: AddressOfRecord,
    expires: number,
    onNotify: (notification: Notification<Body>) => void,
  ): Promise<SubscribeResponse>;
}
