import type { AddressOfRecord } from '../../core/address-of-record.ts';
import type { StoredMessage } from '../ports.ts';

/** An owner who came for her texts, as her request showed her. */
export interface Visitor {
  readonly owner: AddressOfRecord;
  /** Display name; '' when she gave none. */
  readonly name: string;
  /** What her client asks for in Accept-Language, most wanted first. */
  readonly languages: readonly string[];
  /** SIP URI of the trusted hop her request came from; null when there is none to answer through. */
  readonly hop: string | null;
}

/** The texts a list of ours numbers, by their ids; empty when it did not reach her, undefined before there was one. */
export type ShownList = readonly number[] | undefined;

/** The way to an owner who is here, in a chat session or by MESSAGE. One thing is done after the other, in order. */
export interface Visit {
  /** The list she was shown last in this visit. */
  shown: ShownList;
  /** Whether she may have been shown one there that `shown` does not know of; else numbers are those of `shown` alone. */
  readonly isShared: boolean;
  /** Resolves when her client has the words. */
  say(words: string): Promise<void>;
  /**
   * Hands a text over; resolves when her client acknowledged it. `again`: she has had it before.
   * @throws TextRefused when her client does not take this one
   */
  handOver(message: StoredMessage, again: boolean): Promise<void>;
}
