import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { Places } from '../core/places.ts';
import { MessageRefused } from '../msrp/errors.ts';
import type { MsrpSession, ReceivedMessage, SessionEnd, SessionHandlers } from '../msrp/session.ts';
import type { Deposits } from './deposit.ts';
import { AuthorBlocked, MailboxFull, TextTooLarge } from './deposit.ts';
import { MAILBOX_LIMITS } from './limits.ts';
import type { OwnerProfile, OwnerProfiles } from './owner-profiles.ts';
import type { Phrases } from './phrases/phrases.ts';
import type { PeerFormats } from './presentation.ts';
import { presentNotice } from './presentation.ts';
import { MalformedText, UnsupportedText } from './read-body.ts';
import type { ReceiptSessions } from './receipts/receipt-sessions.ts';
import { takesReceipts } from './receipts/receipt-sessions.ts';
import { DeliverAtTooFar, UnreadableDeliverAt } from './scheduling.ts';
import { SilenceTimer } from './silence-timer.ts';

export interface DepositConversationOptions {
  readonly owner: AddressOfRecord;
  readonly author: string;
  readonly authorName: string;
  /** SIP URI of the trusted hop the call came from; null when nobody vouches for the author. */
  readonly returnHop: string | null;
  /** What callers read, in which language. */
  readonly profiles: OwnerProfiles;
  /** ms without a word from the caller. */
  readonly idleTimeout: number;
  readonly peer: PeerFormats;
  readonly deposits: Deposits;
  /** Where receipts find the author while she is here. */
  readonly receipts: ReceiptSessions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asks for the end of the call. */
  readonly hangUp: (reason: string) => void;
}

/** What a caller is told in words besides the refusal of her text. */
type Reproach = keyof Pick<Phrases, 'mailboxFull' | 'blockedByOwner'>;

/**
 * A chat session with somebody who wants to reach an offline user: greets, keeps every line, ends when it falls silent.
 * A line is acknowledged after its commit.
 */
export class DepositConversation implements SessionHandlers {
  readonly #options: DepositConversationOptions;
  readonly #session: () => MsrpSession;
  readonly #storing = new Places(MAILBOX_LIMITS.storingPerSession);
  readonly #silence: SilenceTimer;
  #pending = 0;
  #leaveReceipts = (): void => undefined;
  /** Settles once the greeting is on its way: whatever else we say comes after it. Never rejects. */
  #greeted: Promise<OwnerProfile> | undefined;
  /** Of refusals, what the caller was told in words. */
  readonly #told = new Set<Reproach>();

  constructor(options: DepositConversationOptions, session: () => MsrpSession) {
    this.#options = options;
    this.#session = session;
    const { idleTimeout: limit, clock, hangUp } = options;
    this.#silence = new SilenceTimer({ limit, clock, onSilent: () => hangUp('idle') });
  }

  onBound(): void {
    const { peer, owner, author, returnHop, receipts } = this.#options;
    this.#greeted = this.#greet();
    // Where nobody vouches for the author, she may be anybody: what others are told of their texts is not for her.
    if (returnHop !== null && takesReceipts(peer)) {
      this.#leaveReceipts = receipts.add(owner, author, async (receipt) => {
        await this.#greeted;
        await this.#session().send({ ...receipt, successReport: false });
      });
    }
  }

  onActivity(): void {
    this.#silence.heard();
  }

  onHeld(held: boolean): void {
    this.#silence.hold(held);
  }

  async onMessage(message: ReceivedMessage): Promise<void> {
    const { owner, author, authorName, returnHop, deposits } = this.#options;
    if (this.#pending >= MAILBOX_LIMITS.pendingPerSession) {
      throw new MessageRefused(408, 'Too many messages wait');
    }
    this.#pending++;
    try {
      const text = {
        owner,
        author,
        authorName,
        contentType: message.contentType,
        content: message.content,
        subject: '',
        urgent: false,
        transportId: `msrp:${this.#session().id}:${message.messageId}`,
        returnHop,
      };
      const result = await this.#storing.take(() => deposits.accept(text));
      if (result === 'notice') this.#silence.notice(message.contentType, message.content);
      else this.#silence.words();
    } catch (error) {
      if (error instanceof MailboxFull) this.#tellOnce('mailboxFull');
      if (error instanceof AuthorBlocked) this.#tellOnce('blockedByOwner');
      throw refusalOf(error);
    } finally {
      this.#pending--;
    }
  }

  onEnded(reason: SessionEnd): void {
    this.#leaveReceipts();
    this.#silence.stop();
    this.#options.hangUp(reason);
  }

  async #greet(): Promise<OwnerProfile> {
    const profile = await this.#profile();
    this.#say(profile.greeting, 'greeting');
    return profile;
  }

  /** Nobody waits for a greeting because the database is down: then she reads the operator's. */
  async #profile(): Promise<OwnerProfile> {
    const { profiles, owner, clock, logger } = this.#options;
    const { greetingPatience } = MAILBOX_LIMITS;
    try {
      return await withDeadline(clock, greetingPatience, 'looking up a greeting', profiles.of(owner));
    } catch (error) {
      logger.warn({ mailbox: owner.toString(), error: describeError(error) }, 'the usual greeting is used');
      return profiles.usual();
    }
  }

  /** Many clients show nothing but a mark beside a text that was refused. */
  #tellOnce(phrase: Reproach): void {
    if (this.#greeted === undefined || this.#told.has(phrase)) return;
    this.#told.add(phrase);
    void this.#greeted.then(({ phrases }) => this.#say(phrases[phrase], phrase));
  }

  #say(text: string, what: string): void {
    const { peer, owner, author, clock, logger } = this.#options;
    const notice = presentNotice(text, { from: owner.toString(), to: author, peer, at: clock.now() });
    this.#session()
      .send({ ...notice, successReport: false })
      .catch((error: unknown) => {
        // The caller may go on typing without having read it.
        logger.info({ mailbox: owner.toString(), what, error: describeError(error) }, 'words not delivered');
      });
  }
}

/** RFC 4975 §10: 413 stop sending this, 415 not this type, 403 not allowed, 408 may be tried again; 400 for what cannot be read. */
function refusalOf(error: unknown): MessageRefused {
  if (error instanceof UnsupportedText) return new MessageRefused(415, 'Unsupported media type');
  if (error instanceof TextTooLarge) return new MessageRefused(413, `At most ${error.limit} bytes`);
  if (error instanceof MailboxFull) return new MessageRefused(413, 'The mailbox is full');
  if (error instanceof AuthorBlocked) return new MessageRefused(403, 'Not wanted');
  if (error instanceof UnreadableDeliverAt) return new MessageRefused(400, 'Unreadable Deliver-At');
  if (error instanceof DeliverAtTooFar) return new MessageRefused(400, 'Deliver-At too far ahead');
  if (error instanceof MalformedText) return new MessageRefused(400, 'Unreadable message');
  return new MessageRefused(408, 'Not stored, try again');
}
