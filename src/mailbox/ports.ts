import type { AddressOfRecord } from '../core/address-of-record.ts';
import { MailboxError } from '../core/errors.ts';

/*
 * Words of the domain:
 *   deposit    somebody leaves texts for an offline user
 *   retrieval  the owner fetches her texts
 *   mailbox    what one owner's texts are kept in, named by her address of record
 *   alias      a further address of record of the same owner: her texts and her lamp are the same under it
 *   summary    what the lamp should say: how many texts are new and old
 */

/** A text on its way into a mailbox. */
export interface NewMessage {
  readonly owner: AddressOfRecord;
  /** URI of the sender as the trusted proxy vouched for it. */
  readonly author: string;
  /** Display name of the sender, without quotes; '' when she gave none. */
  readonly authorName: string;
  /**
   * What makes this text the same text when it is sent again: sender and Message-ID. Any length; unique within the mailbox.
   */
  readonly uniqueKey: string;
  /** The sender's own name for the text: IMDN Message-ID, else MSRP Message-ID, else Call-ID and CSeq. */
  readonly messageId: string;
  /** MIME type with its parameters, as it came. */
  readonly contentType: string;
  /** The text's bytes, as they came (content coding undone). */
  readonly content: Buffer;
  /** '' when there is none. */
  readonly subject: string;
  readonly urgent: boolean;
  /** When the sender says she wrote it, epoch ms; null when she did not say. */
  readonly sentAt: number | null;
  /** When it reached us, epoch ms. */
  readonly receivedAt: number;
  /** When it is too late to hand it over, epoch ms; null: never. */
  readonly expiresAt: number | null;
  /**
   * When it is due, epoch ms: until then it is not counted, and nobody but its author knows of it; `receivedAt` is the same
   * instant. Null: at once.
   */
  readonly deliverAt: number | null;
  /**
   * The headers of the message/cpim it came in, as `formatCpim` writes them, its content left out (RFC 3862): what a fetch
   * gives back of cc, NS and headers that are none of ours. Null when it came bare.
   */
  readonly wrapper: Buffer | null;
  /** What its sender wants to be told of it; null when nothing. */
  readonly receipts: ReceiptRequest | null;
}

/** RFC 5438 §6.2. */
export type Disposition = 'positive-delivery' | 'negative-delivery' | 'processing' | 'display';

/** What a sender asked to be told of her text (RFC 5438). */
export interface ReceiptRequest {
  readonly dispositions: readonly Disposition[];
  /** imdn.Message-ID of the text. */
  readonly messageId: string;
  /** DateTime of the text's message/cpim as it stands there; null when it has none. */
  readonly dateTime: string | null;
  /** SIP URI of the hop the text came from: the way back, where the operator names no proxy. Null when unknown. */
  readonly returnHop: string | null;
}

/** A text in a mailbox. `id` grows in the order the texts were committed. */
export interface StoredMessage extends NewMessage {
  readonly id: number;
}

/** How many texts a mailbox holds: what RFC 3842 §5.2 calls new and old, and how many of each are urgent. */
export interface MailboxCounts {
  readonly new: number;
  readonly old: number;
  readonly newUrgent: number;
  readonly oldUrgent: number;
}

/**
 * `stored`: committed now; `duplicate`: the same text was committed before, and may have been read and taken away since; `full`:
 * the mailbox takes no more; `blocked`: its owner wants nothing of this author. With the last two nothing was kept.
 */
export type DepositOutcome = 'stored' | 'duplicate' | 'full' | 'blocked';

/** Where deposits go. */
export interface DepositStore {
  /**
   * Resolves after the commit. In one transaction the text is kept, the counts grow and the summary turns dirty; a text that is
   * due later changes neither.
   * @throws StoreUnavailable when nothing was or may have been kept
   */
  deposit(message: NewMessage): Promise<DepositOutcome>;
}

/** What came of giving a mailbox one address more. */
export type AliasOutcome = 'added' | 'there already' | 'is an owner with aliases' | 'belongs to another';

/** The addresses of mailboxes. Every method throws {@link StoreUnavailable}. */
export interface AddressBook {
  /**
   * Lets `alias` own the mailbox of `owner` as well, which is made when there is none. Texts and lamp that `alias` had by
   * itself become the mailbox's, in one transaction.
   */
  addAlias(owner: AddressOfRecord, alias: AddressOfRecord): Promise<AliasOutcome>;
  /** Takes an alias away; its texts stay where they are. False when it is none. */
  removeAlias(alias: AddressOfRecord): Promise<boolean>;
  /** All aliases with their owners, in the order of the aliases; at most `limit`, those after `after`. */
  aliases(
    after: AddressOfRecord | null,
    limit: number,
  ): Promise<{ owner: AddressOfRecord; alias: AddressOfRecord }[]>;
}

/** The owner's client does not take this one text; others it may take. The text stays new. */
export class TextRefused extends MailboxError {
  constructor(options?: { cause?: unknown }) {
    super('TEXT_REFUSED', 'the client does not take this text', options);
  }
}

/** Names one retrieval's hold on the texts it delivers. */
export type LeaseToken = string;

/** Where retrievals come from. Every method throws {@link StoreUnavailable} when the database is down. */
export interface RetrievalStore {
  counts(owner: AddressOfRecord): Promise<MailboxCounts>;
  /**
   * Leases the oldest new texts that no living lease holds, at most `limit`, until the epoch-ms instant `until`,
   * and returns them in the order they were committed.
   */
  lease(owner: AddressOfRecord, token: LeaseToken, until: number, limit: number): Promise<StoredMessage[]>;
  /** Prolongs what `token` holds. */
  renewLease(token: LeaseToken, until: number): Promise<void>;
  /**
   * Turns a text read, or takes it away where nothing that was read is kept; counts and dirty mark change in the same transaction.
   * False when `token` no longer holds it: then nothing changed.
   */
  markRead(token: LeaseToken, id: number): Promise<boolean>;
  /** Frees whatever `token` still holds; those texts are new and deliverable at once. */
  releaseLease(token: LeaseToken): Promise<void>;
  /** Frees whatever tokens that begin with `prefix` hold: after a crash nobody goes on with them. Letters and digits only. */
  releaseLeases(prefix: string): Promise<void>;
}

/** What became of a text (RFC 5438 §5). `stored`: kept for its owner; `failed`: it expired before she fetched it. */
export type ReceiptStatus = 'stored' | 'delivered' | 'failed' | 'displayed';

/** A receipt that is to be sent. */
export interface Receipt {
  readonly id: number;
  /** URI of the author of the text, who gets the receipt. */
  readonly to: string;
  /** The address the text was sent to, which may be an alias of its owner: the receipt speaks as that one. */
  readonly owner: AddressOfRecord;
  readonly status: ReceiptStatus;
  readonly messageId: string;
  readonly dateTime: string | null;
  readonly returnHop: string | null;
  /** Times it was tried in vain. */
  readonly attempts: number;
  /** Epoch ms of what it tells of. */
  readonly createdAt: number;
}

/**
 * Receipts on their way. They are written in the transaction that makes them true: `stored` with the deposit, `delivered` when
 * a text turns read, `failed` when it expires. Every method throws {@link StoreUnavailable}.
 */
export interface ReceiptStore {
  /** Takes the oldest due receipts that no living claim holds for `node`, until the epoch-ms instant `until`. */
  claimReceipts(
    claim: { readonly node: string; readonly until: number },
    now: number,
    limit: number,
  ): Promise<Receipt[]>;
  /** It was sent, or never will be: it is gone. */
  closeReceipt(id: number): Promise<void>;
  /** It was tried in vain: due again at `dueAt`, free for any node. */
  postponeReceipt(id: number, dueAt: number): Promise<void>;
  /** When the next one is due or its claim ends, epoch ms; null when there is none. */
  nextReceiptAt(): Promise<number | null>;
  /** Frees what `node` holds. */
  releaseReceipts(node: string): Promise<void>;
  /**
   * The owner read the text on her screen: a receipt `displayed` is due if the author asked for one and none was made before.
   * Of texts that share the id it is the one of `author`, as {@link StoredMessage.author} has her; else the first.
   * False when there is no such text, or nobody asked.
   */
  markDisplayed(owner: AddressOfRecord, messageId: string, author: string | null): Promise<boolean>;
}

/** What sweeps texts that are too old. */
export interface ExpiryStore {
  /**
   * Takes away new texts whose `expiresAt` is past and that no living lease holds, at most `limit`: counts, dirty mark and
   * receipts `failed` in the same transaction. How many there were.
   */
  expireTexts(now: number, limit: number): Promise<number>;
  /** When the next one may be taken away, epoch ms; null when no text expires. */
  nextExpiryAt(): Promise<number | null>;
}

/** What takes read texts away whose time is over, and what was kept to know a text again. */
export interface RetentionStore {
  /** Takes away texts that were read at `before` (epoch ms) or sooner and are not saved, at most `limit`. How many there were. */
  dropRead(before: number, limit: number): Promise<number>;
  /** When the text read longest ago that is not saved was read, epoch ms; null when there is none. */
  oldestReadAt(): Promise<number | null>;
  /** Forgets what was remembered of texts that are gone, at most `limit`, where nobody sends them again any more. How many. */
  forgetGone(now: number, limit: number): Promise<number>;
}

/** What lets scheduled texts become new when they are due. */
export interface ScheduleStore {
  /** Texts due at `now` (epoch ms) or sooner become new, at most `limit`: counts and dirty mark in the same transaction. How many. */
  deliverScheduled(now: number, limit: number): Promise<number>;
  /** When the next one is due, epoch ms; null when none is scheduled. */
  nextScheduledAt(): Promise<number | null>;
}

/** The database did not do what was asked; the caller may try again later. */
export class StoreUnavailable extends MailboxError {
  constructor(operation: string, options?: { cause?: unknown }) {
    super('STORE_UNAVAILABLE', `the database could not ${operation}`, options);
  }
}

/** RFC 3261 §21.4: answers that speak of the body, not of the user. */
const OF_THE_BODY: ReadonlySet<number> = new Set([400, 413, 415, 488, 513, 606]);

/** Whether a phone that gave this answer to a MESSAGE may take another one. */
export function refusesThisText(status: number): boolean {
  return OF_THE_BODY.has(status);
}

/** Why a text in a MESSAGE did not reach the owner's phone. */
export class PagerDeliveryFailed extends MailboxError {
  /** The SIP status, or 0 when nobody answered. */
  readonly status: number;

  constructor(status: number, reason: string, options?: { cause?: unknown }) {
    super('PAGER_DELIVERY_FAILED', `the phone did not take the text: ${status} ${reason}`, options);
    this.status = status;
  }
}

/** Sends a text/plain SIP MESSAGE in the mailbox's own name (RFC 3428). */
export interface PagerSender {
  /** Longest text it takes, bytes of UTF-8. */
  readonly maxBytes: number;
  /** Resolves when the phone answered 2xx. @throws PagerDeliveryFailed */
  send(to: AddressOfRecord, text: string): Promise<void>;
}
