import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { MailboxCounts } from '../mailbox/ports.ts';

/** What the presence server last told us about our publication for one mailbox (RFC 3903 §4). */
export interface PublicationState {
  /** The tag to send in SIP-If-Match; null when no event state of ours is known to live there. */
  readonly entityTag: string | null;
  /** When that event state lapses, epoch ms; null with no tag. */
  readonly expiresAt: number | null;
  /** Version of the summary that the presence server confirmed; 0 before the first. */
  readonly publishedVersion: number;
  /** Failed attempts since the last success. */
  readonly failures: number;
}

/** One mailbox whose lamp needs a PUBLISH, claimed by this node. */
export interface DueSummary {
  readonly owner: AddressOfRecord;
  readonly counts: MailboxCounts;
  /** Grows with every change of the counts. */
  readonly wantedVersion: number;
  readonly state: PublicationState;
}

/** The dirty marks and publications, shared by all nodes. Every method throws StoreUnavailable when the database is down. */
export interface SummaryStore {
  /**
   * Claims summaries that are due at `now` (epoch ms) and that no living claim holds, at most `limit`, oldest due first;
   * the claim is `node`'s until `claimUntil`.
   */
  claimDue(node: string, now: number, claimUntil: number, limit: number): Promise<DueSummary[]>;
  /**
   * Keeps what an attempt brought, and frees the claim. The summary is due again at `dueAt` (null: when it changes), or
   * at `notBefore` at the earliest when it changed meanwhile. False when the claim was lost: then nothing was kept.
   */
  settle(
    node: string,
    owner: AddressOfRecord,
    state: PublicationState,
    schedule: { readonly dueAt: number | null; readonly notBefore: number },
  ): Promise<boolean>;
  /** When the next unclaimed summary is due or the next claim lapses, epoch ms; null when there is none. */
  nextDueAt(): Promise<number | null>;
  /** Frees all claims of `node`, for a clean stop. */
  releaseClaims(node: string): Promise<void>;
}

/** A PUBLISH of message-summary (RFC 3903 §4.1). */
export interface PublishRequest {
  readonly target: AddressOfRecord;
  /** SIP-If-Match; null for an initial publication. */
  readonly entityTag: string | null;
  /** Seconds. */
  readonly expires: number;
  readonly body: string;
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
  /** No answer: it may or may not have taken effect. */
  | { readonly kind: 'unanswered'; readonly cause: unknown };

/** Sends a PUBLISH to the presence server; never rejects. */
export interface PublishSender {
  publish(request: PublishRequest): Promise<PublishResponse>;
}
