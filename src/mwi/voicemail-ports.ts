import type { Notification, Subscriber } from '../subscription/ports.ts';

/** What a NOTIFY of message-summary says; its body is one of application/simple-message-summary as it came. */
export type SummaryNotification = Notification<string>;

/** Subscribes to the message-summary of users (RFC 3842). */
export type SummarySubscriber = Subscriber<string>;
