import type { AddressOfRecord } from '../../core/address-of-record.ts';
import type { StoredMessage } from '../ports.ts';

/*
 * Words of what an owner does with her mailbox besides fetching:
 *   saved      a read text she told to keep: it goes only when she deletes it
 *   listing    the texts she was shown last, in their order: `delete 3` speaks of the third. Kept with the mailbox, so that any
 *              node knows it, in a session or by MESSAGE
 *   scheduled  a text that is not due yet
 */

/** What an owner set for her mailbox; null: as the operator has it. */
export interface Preferences {
  /** `en`, `es`, `de` or `fr`. */
  readonly language: string | null;
  /** A name of the IANA time zone database. */
  readonly timeZone: string | null;
  /** What callers read in place of the operator's AUTO_REPLY. */
  readonly greeting: string | null;
}

/** What owners set. Every method throws {@link StoreUnavailable}. */
export interface PreferenceStore {
  /** Of an owner that has no mailbox: all null. An alias has its owner's. */
  preferences(owner: AddressOfRecord): Promise<Preferences>;
  /** Changes what is named; makes the mailbox when there is none. */
  setPreferences(owner: AddressOfRecord, changes: Partial<Preferences>): Promise<void>;
  /** Takes nothing more of `author` (a URI as deposits have it). False when as many are blocked as may be. */
  block(owner: AddressOfRecord, author: string): Promise<boolean>;
  /** False when she was not blocked. */
  unblock(owner: AddressOfRecord, author: string): Promise<boolean>;
  /** In the order of the URIs. */
  blocked(owner: AddressOfRecord): Promise<string[]>;
  isBlocked(owner: AddressOfRecord, author: string): Promise<boolean>;
}

/** A text that was read. */
export interface ReadText extends StoredMessage {
  /** Epoch ms. */
  readonly readAt: number;
  readonly saved: boolean;
}

/** Read and scheduled texts as their owner handles them. Every method throws {@link StoreUnavailable}. */
export interface DeskStore {
  /** The `limit` texts read last, the one that came first ahead. */
  readTexts(owner: AddressOfRecord, limit: number): Promise<ReadText[]>;
  /** Who wrote the texts that are read and still there, each once; at most `limit`, the latest first. */
  authorsOfRead(
    owner: AddressOfRecord,
    limit: number,
  ): Promise<{ readonly author: string; readonly authorName: string }[]>;
  /** As {@link readTexts}, of one author. */
  readTextsFrom(owner: AddressOfRecord, author: string, limit: number): Promise<ReadText[]>;
  /** Those of `ids` that are in the mailbox still, read, new or scheduled, in the order of `ids`. */
  textsById(owner: AddressOfRecord, ids: readonly number[]): Promise<StoredMessage[]>;
  /** The scheduled texts of `author` that are not due yet, the one due first ahead. */
  scheduledBy(owner: AddressOfRecord, author: string, limit: number): Promise<StoredMessage[]>;
  /**
   * Takes texts away: those of `ids`, read or scheduled, or all that were read; saved ones too. A new text is left, for nobody has
   * read it. Counts and dirty mark change in the same transaction. How many there were.
   */
  deleteTexts(owner: AddressOfRecord, ids: readonly number[] | 'all read'): Promise<number>;
  /** Keeps read texts until they are deleted. How many of `ids` are saved now. */
  saveTexts(owner: AddressOfRecord, ids: readonly number[]): Promise<number>;
  /** Keeps what the owner was shown last; at most DESK_LIMITS.listing ids. */
  keepListing(owner: AddressOfRecord, ids: readonly number[]): Promise<void>;
  /** Empty when she was shown nothing. */
  listing(owner: AddressOfRecord): Promise<number[]>;
}
