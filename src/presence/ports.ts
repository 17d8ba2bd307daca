import type { AddressOfRecord } from '../core/address-of-record.ts';

/** A PUBLISH as it came off the wire (RFC 3903 §6). */
export interface PublishCommand {
  /** Whose state it is: the Request-URI. */
  readonly presentity: AddressOfRecord;
  /** The Event header, parameters included; '' when there was none. */
  readonly event: string;
  /** SIP-If-Match. */
  readonly entityTag?: string;
  /** Seconds. */
  readonly expires?: number;
  /** Content-Type, parameters included. */
  readonly contentType?: string;
  readonly body?: string;
}

/** The final response to send. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A SUBSCRIBE as it came off the wire (RFC 6665 §4.2.1). */
export interface SubscribeCommand {
  /** Whose state is asked for. */
  readonly presentity: AddressOfRecord;
  /** The Event header, parameters included; '' when there was none. */
  readonly event: string;
  /** Seconds. */
  readonly expires?: number;
  /** The authenticated identity of the one who asks; null when it is unknown. */
  readonly watcher: AddressOfRecord | null;
  /** Media ranges of the Accept header, parameters included; none when there was no such header. */
  readonly accept: readonly string[];
}

/** What a NOTIFY says (RFC 6665 §4.2.2). */
export interface Notification {
  /** `active;expires=3599`, `terminated;reason=timeout`, … */
  readonly subscriptionState: string;
  /** The Event header, with the `id` the subscriber gave. */
  readonly event: string;
  readonly contentType?: string;
  readonly body?: string;
}

/** One subscriber's dialog, implemented over SIP. */
export interface SubscriberDialog {
  readonly id: string;
  /** Sends a NOTIFY in the dialog. Resolves with the final status, 0 when unanswered; never rejects. */
  notify(notification: Notification): Promise<number>;
  /** The subscription ended: nothing more is sent in the dialog. */
  drop(): void;
}
