import type { AddressOfRecord } from '../../core/address-of-record.ts';

/*
 * Words of bringing texts (push):
 *   registration  that a user is online, for a bounded time, as a REGISTER, a registration event or the operator told
 *   push          an attempt to bring her new texts to her
 */

/** That a user is online. */
export interface Registration {
  /** The address she registered, an owner's or an alias. */
  readonly user: AddressOfRecord;
  /**
   * What tells one registration from another: the same while it is refreshed. A new one begins the count of attempts anew. At most
   * 64 characters.
   */
  readonly name: string;
  /** Until when she is, epoch ms. */
  readonly until: number;
  /** SIP methods her phone takes, upper case; null: it did not say. */
  readonly methods: readonly string[] | null;
  /** SIP URI of the hop that told: the way to her where the operator names no proxy. Null when unknown. */
  readonly hop: string | null;
}

/** Where whoever learns that a user is online, or no more, tells it. Each method throws {@link StoreUnavailable}. */
export interface OnlineIntake {
  /** She is; resolves after the commit. Telling it again is harmless. */
  online(registration: Registration): Promise<void>;
  /** She is no more; with a name, only where that registration is the one that is known: another phone of hers may be there. */
  offline(user: AddressOfRecord, name?: string): Promise<void>;
}

/** Texts to be brought to a user who is online. */
export interface Push extends Registration {
  /** Attempts since she registered anew that did not bring all. */
  readonly attempts: number;
}

/**
 * What became of a push.
 *   over     nothing is left to bring
 *   refused  her phone does not take what is left: no more is tried until she registers anew or a text comes
 *   failed   an attempt in vain
 *   put off  it was none: it says nothing of her phone
 */
export type PushOutcome =
  | { readonly kind: 'over' | 'refused' }
  | {
      readonly kind: 'failed';
      /** When to try again, epoch ms; null: not with this registration. */ readonly retryAt: number | null;
    }
  | { readonly kind: 'put off'; /** Epoch ms. */ readonly until: number };

/**
 * Who is online, and to whom texts are to be brought: kept in the database, so that a push that a crash broke off goes on. A push
 * is due for a mailbox with new texts when its user registers, and when a text comes, or becomes due, while she is registered.
 * Only users with a mailbox are kept. Every method throws {@link StoreUnavailable}.
 */
export interface PushStore {
  /**
   * The user is online: a push is due when she has new texts, unless this same registration waits for its next attempt. False: she has
   * no mailbox, and nothing is kept.
   */
  registered(registration: Registration, now: number): Promise<boolean>;
  /** She is no more; with a name, only where that is the registration that is kept. */
  unregistered(user: AddressOfRecord, name?: string): Promise<void>;
  /** Takes due pushes that no living claim holds for `node`, until `until` (epoch ms), the longest due first. */
  claimPushes(
    claim: { readonly node: string; readonly until: number },
    now: number,
    limit: number,
  ): Promise<Push[]>;
  /**
   * The claim of `node` ends. A text that came, or a new registration that was told of, since the push was claimed leaves it due.
   */
  settlePush(node: string, push: Push, outcome: PushOutcome): Promise<void>;
  /** When the next one is due or its claim ends, epoch ms; null when there is none. */
  nextPushAt(): Promise<number | null>;
  /** Frees what `node` holds. */
  releasePushes(node: string): Promise<void>;
  /** Forgets registrations that are over, at most `limit`. How many. */
  forgetRegistrations(now: number, limit: number): Promise<number>;
  /** Users with new texts, in the order of their mailboxes, those after `after`: each address of a mailbox is one. */
  usersWithNewTexts(
    after: number,
    limit: number,
  ): Promise<{ readonly mailboxId: number; readonly user: AddressOfRecord }[]>;
}

/** Who was told lately that a text was kept. Every method throws {@link StoreUnavailable}. */
export interface NoticeStore {
  /** True, once, when `author` was not told of `owner` within the last `window` ms: then she counts as told at `now`. */
  claimNotice(owner: AddressOfRecord, author: string, now: number, window: number): Promise<boolean>;
  /** Forgets whom was told before `before` (epoch ms), at most `limit`. How many. */
  forgetNotices(before: number, limit: number): Promise<number>;
}
