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
  /** At most 64 characters, the same for the same dialog in another process. */
  readonly id: string;
  /** Sends a NOTIFY in the dialog. Resolves with the final status, 0 when unanswered; never rejects. */
  notify(notification: Notification): Promise<number>;
  /** The subscription ended: nothing more is sent in the dialog. */
  drop(): void;
}

/** A SUBSCRIBE in a dialog that stands. */
export interface RefreshCommand {
  /** The Event header, parameters included; that of the first SUBSCRIBE when it is left out. */
  readonly event?: string;
  /** Seconds. */
  readonly expires?: number;
  /** What the dialog is now (see {@link KeptSubscription.dialog}): a refresh may move the subscriber's Contact. */
  readonly dialog: string;
}

/** A publication as it is kept over a restart. */
export interface KeptPublication {
  /** Of ours, the same while entity tags come and go; at most 64 characters. */
  readonly id: string;
  readonly presentity: AddressOfRecord;
  /** Event type. */
  readonly event: string;
  /** The one that was given out last. */
  readonly entityTag: string;
  readonly body: string;
  /** Epoch ms. */
  readonly expiresAt: number;
  /** Grows with every body that comes. */
  readonly order: number;
}

/** A subscription as it is kept over a restart. */
export interface KeptSubscription {
  /** {@link SubscriberDialog.id} */
  readonly id: string;
  readonly presentity: AddressOfRecord;
  /** The Event header, with the `id` the subscriber gave. */
  readonly event: string;
  /** Epoch ms. */
  readonly expiresAt: number;
  /** All it takes to go on with the dialog in another process; the SIP side alone reads it. */
  readonly dialog: string;
}

/** What of a {@link KeptSubscription} is its dialog. */
export type KeptDialog = Pick<KeptSubscription, 'id' | 'dialog'>;

/**
 * Keeps publications and subscriptions. A write resolves once it is committed and rejects when it may not have been; writes
 * are done in the order they are asked for, and one of an `id` that is there takes its place.
 */
export interface PresenceStore {
  savePublication(publication: KeptPublication): Promise<void>;
  removePublication(id: string): Promise<void>;
  saveSubscription(subscription: KeptSubscription): Promise<void>;
  removeSubscription(id: string): Promise<void>;
  /** What is kept, those that expired included, at most `limit` of them in no order, page by page. */
  publications(limit: number): AsyncIterable<readonly KeptPublication[]>;
  subscriptions(limit: number): AsyncIterable<readonly KeptSubscription[]>;
  /** Forgets what had expired before `now`, epoch ms. */
  removeExpired(now: number): Promise<void>;
}

/** The presence server of our own: event state compositor and notifier. */
export interface PresenceServer {
  /** The event types it serves. */
  readonly events: readonly string[];
  /**
   * Takes up what was kept, before anything is served. `dialogOf` gives the dialog that was kept with a subscription,
   * undefined when it cannot be read. Rejects when the store cannot be read.
   */
  restore(dialogOf: (kept: KeptDialog) => SubscriberDialog | undefined): Promise<void>;
  /** Serves one PUBLISH; a 200 means that it is kept. */
  publish(command: PublishCommand): Promise<Answer>;
  /** The answer to an initial SUBSCRIBE; a 200 carries the Expires granted and means that the subscription is kept. */
  openSubscription(command: SubscribeCommand, dialog: KeptDialog): Promise<Answer>;
  /** The 2xx was sent and the dialog stands: the first NOTIFY follows, then every change for `expires` seconds. */
  addSubscription(command: SubscribeCommand, dialog: SubscriberDialog, expires: number): void;
  /** The answer to a SUBSCRIBE in a dialog, once that is kept; a NOTIFY follows. */
  refreshSubscription(dialogId: string, command: RefreshCommand): Promise<Answer>;
  /** The dialog is gone, or never came to be. */
  removeSubscription(dialogId: string): void;
  /** Serves nothing any more and clears every timer; what is kept goes on with the next start. */
  stop(): Promise<void>;
}
