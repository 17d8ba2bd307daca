import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { MailboxCounts } from '../mailbox/ports.ts';

/*
 * Words of the lamp:
 *   lamp      what the phones of one address of record show; a mailbox with aliases has several, all alike
 *   claim     a node's right to publish for one lamp, until an instant
 *   beacon    a lamp of our own that nobody looks at: it tells us when the presence server forgot everything
 */

/** What the presence server last told us about our publication for one lamp (RFC 3903 §4). */
export interface PublicationState {
  /** The tag to send in SIP-If-Match; null when no event state of ours is known to live there. */
  readonly entityTag: string | null;
  /** When that event state lapses, epoch ms; null with no tag. */
  readonly expiresAt: number | null;
  /** Version of the summary that the presence server confirmed; 0 before the first. */
  readonly publishedVersion: number;
  /** Failed attempts since the last success. */
  readonly failures: number;
  /**
   * When to publish again because an older publication of ours, whose tag we lost, will have lapsed: presence servers then
   * notify an empty body or whatever came last. Epoch ms; null when there can be none.
   */
  readonly restoreAt: number | null;
  /**
   * When to publish once more because a request of ours that was given up may have arrived since, and said what was true
   * before. Epoch ms; null when there is none.
   */
  readonly reassureAt: number | null;
  /** The status of a refusal that somebody has to look at; null when there is none. */
  readonly refusedWith: number | null;
}

/** What is kept of a lamp for which nothing was published yet. */
export const NOTHING_PUBLISHED: PublicationState = {
  entityTag: null,
  expiresAt: null,
  publishedVersion: 0,
  failures: 0,
  restoreAt: null,
  reassureAt: null,
  refusedWith: null,
};

/** A node's right to publish for one lamp. */
export interface Claim {
  readonly node: string;
  /** Epoch ms. */
  readonly until: number;
}

/** What a voicemail last said of a user. */
export interface VoicemailReport {
  /** A message summary (RFC 3842 §5.2). */
  readonly body: string;
  /** How long it stands when the voicemail is not heard of again, epoch ms. */
  readonly until: number;
}

/** What a lamp should say. */
export interface LampTruth {
  readonly counts: MailboxCounts;
  /** Grows with every change of the counts or of the voicemail's report. */
  readonly wantedVersion: number;
  /** When it last grew, epoch ms. */
  readonly changedAt: number;
  /** What the voicemail last said, even if it stands no longer; null when it never said anything. */
  readonly voicemail: VoicemailReport | null;
}

/** One lamp that needs a PUBLISH, claimed by this node. */
export interface DueSummary extends LampTruth {
  /** Whose lamp: the owner of the mailbox, or one of its aliases. */
  readonly target: AddressOfRecord;
  readonly claim: Claim;
  readonly state: PublicationState;
}

/** When a lamp is due again. Epoch ms. */
export interface Schedule {
  /** null: when it changes. */
  readonly dueAt: number | null;
  /** Not sooner, even when it changes. */
  readonly notBefore: number;
}

/** What is told of a text in a message summary (RFC 3842 §3.5). */
export interface TextHeaders {
  /** URI. */
  readonly author: string;
  readonly authorName: string;
  readonly subject: string;
  /** Epoch ms. */
  readonly receivedAt: number;
  readonly urgent: boolean;
  readonly messageId: string;
}

/** The dirty marks and publications, shared by all nodes. Every method throws StoreUnavailable when the database is down. */
export interface SummaryStore {
  /**
   * Claims lamps that are due at `now` (epoch ms) and that no living claim holds, at most `limit`. Where more are due, half
   * of them are those that became due last: a change is not kept waiting by a backlog of refreshes. A lamp whose earlier claim
   * was never settled counts as failed at least once: what was sent under it may yet arrive.
   */
  claimDue(claim: Claim, now: number, limit: number): Promise<DueSummary[]>;
  /**
   * Keeps what an attempt brought, and frees the claim. A lamp that changed meanwhile is due at `notBefore`. False when the
   * claim was lost: then nothing was kept.
   */
  settle(
    claim: Claim,
    target: AddressOfRecord,
    state: PublicationState,
    schedule: Schedule,
  ): Promise<boolean>;
  /** When the next unclaimed lamp is due or the next claim lapses, epoch ms; null when there is none. */
  nextDueAt(): Promise<number | null>;
  /** Lets all claims of `node` lapse: for a clean stop, and for what an earlier run of it left. */
  releaseClaims(node: string): Promise<void>;
  /**
   * Makes lamps due at `now`: `live`, those whose publication has not lapsed, for a presence server that forgot them;
   * `failed`, those that wait for a further try, for one that is back.
   */
  hasten(which: 'live' | 'failed', now: number): Promise<void>;
  /** Makes a mailbox for the beacon, due at `now`, when there is none. */
  keepBeacon(target: AddressOfRecord, now: number): Promise<void>;
  /** The newest new texts of the mailbox `target` belongs to, newest first, at most `limit`. */
  newestTexts(target: AddressOfRecord, limit: number): Promise<TextHeaders[]>;
}

/** What voicemails say, and which of their users are watched by whom. Every method throws StoreUnavailable. */
export interface VoicemailStore {
  /**
   * Keeps what the voicemail says of `user` from now on; null: what it said before ends now. The lamps turn dirty in the same transaction
   * when they should read differently. A user without mailbox gets one.
   */
  reportVoicemail(user: AddressOfRecord, report: VoicemailReport | null): Promise<void>;
  /** Claims mailboxes whose voicemail is to be asked at `now`, at most `limit`; every mailbox is, once it exists. */
  claimWatches(claim: Claim, now: number, limit: number): Promise<AddressOfRecord[]>;
  /** The node watches `user` until `claim.until`, or (null) lets go and the watch is due at `dueAt`. False: the claim was lost. */
  keepWatch(
    node: string,
    user: AddressOfRecord,
    next: { claimUntil: number } | { dueAt: number },
  ): Promise<boolean>;
  /** When the next unclaimed watch is due or the next claim of one lapses, epoch ms; null when there is none. */
  nextWatchAt(): Promise<number | null>;
  /** Frees the watches of `node`. */
  releaseWatches(node: string): Promise<void>;
}

/** One lamp as it stands in the database. */
export interface LampRecord extends LampTruth {
  readonly target: AddressOfRecord;
  /** Who owns the mailbox; the same as `target` unless that is an alias. */
  readonly owner: AddressOfRecord;
  /** The texts counted one by one. */
  readonly counted: MailboxCounts;
  readonly state: PublicationState;
  readonly schedule: Schedule;
  readonly claim: Claim | null;
}

/** How many lamps there are, and how many are not as they should be. */
export interface LampTotals {
  readonly lamps: number;
  /** The presence server was told of another version, or of none. */
  readonly behind: number;
  /** Due now. */
  readonly due: number;
  /** The last try failed. */
  readonly failing: number;
  /** Refused, by status: somebody has to look at the presence server. */
  readonly refused: ReadonlyMap<number, number>;
}

/** Looks at every lamp, for a check. Every method throws StoreUnavailable. */
export interface LampAudit {
  /** Lamps in the order of their addresses, those after `after`, at most `limit`; or those of `only`. */
  lamps(
    range: { readonly after: string | null; readonly limit: number } | { readonly only: AddressOfRecord },
  ): Promise<LampRecord[]>;
  totals(now: number): Promise<LampTotals>;
}

/** A PUBLISH of message-summary (RFC 3903 §4.1). */
export interface PublishRequest {
  readonly target: AddressOfRecord;
  /** SIP-If-Match; null for an initial publication. */
  readonly entityTag: string | null;
  /** Seconds. */
  readonly expires: number;
  /** null: a refresh that says nothing new (RFC 3903 §4.1). */
  readonly body: string | null;
}

/** What became of a PUBLISH. */
export type PublishResponse =
  | { readonly kind: 'accepted'; readonly entityTag: string; readonly expires: number }
  | {
      readonly kind: 'rejected';
      readonly status: number;
      readonly reason: string;
      /** Seconds, from Min-Expires. */
      readonly minExpires?: number;
      /** Seconds, from Retry-After. */
      readonly retryAfter?: number;
    }
  /** Nobody is there to be told: no phone is registered. Only where phones are notified without a presence server. */
  | { readonly kind: 'absent' }
  /** No answer: it may or may not have taken effect. */
  | { readonly kind: 'unanswered'; readonly cause: unknown };

/** Sends a PUBLISH to the presence server; never rejects. */
export interface PublishSender {
  publish(request: PublishRequest): Promise<PublishResponse>;
}
