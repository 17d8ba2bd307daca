import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { Places } from '../core/places.ts';
import { MessageRefused } from '../msrp/errors.ts';
import type { MsrpSession, ReceivedMessage, SessionEnd, SessionHandlers } from '../msrp/session.ts';
import type { Deposits } from './deposit.ts';
import { MailboxFull, TextTooLarge } from './deposit.ts';
import { MAILBOX_LIMITS } from './limits.ts';
import type { PeerFormats } from './presentation.ts';
import { presentNotice } from './presentation.ts';
import { MalformedText, UnsupportedText } from './read-body.ts';
import type { ReceiptSessions } from './receipt-sessions.ts';
import { takesReceipts } from './receipt-sessions.ts';
import { SilenceTimer } from './silence-timer.ts';

export interface DepositConversationOptions {
  readonly owner: AddressOfRecord;
  readonly author: string;
  readonly authorName: string;
  /** SIP URI of the trusted hop the call came from; null when nobody vouches for the author. */
  readonly returnHop: string | null;
  /** Answers "I am offline but you can type a message". */
  readonly autoReply: string;
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

  constructor(options: DepositConversationOptions, session: () => MsrpSession) {
    this.#options = options;
    this.#session = session;
    const { idleTimeout: limit, clock, hangUp } = options;
    this.#silence = new SilenceTimer({ limit, clock, onSilent: () => hangUp('idle') });
  }

  onBound(): void {
    const { peer, owner, author, returnHop, autoReply, receipts, clock, logger } = this.#options;
    // Where nobody vouches for the author, she may be anybody: what others are told of their texts is not for her.
    if (returnHop !== null && takesReceipts(peer)) {
      this.#leaveReceipts = receipts.add(owner, author, (receipt) =>
        this.#session().send({ ...receipt, successReport: false }),
      );
    }
    const greeting = presentNotice(autoReply, { from: owner.toString(), to: author, peer, at: clock.now() });
    this.#session()
      .send({ ...greeting, successReport: false })
      .catch((error: unknown) => {
        // The caller may go on typing without having read it.
        logger.info({ mailbox: owner.toString(), error: describeError(error) }, 'greeting not delivered');
      });
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
}

/** RFC 4975 §10: 413 stop sending this, 415 not this type, 408 may be tried again; 400 for what cannot be read. */
function refusalOf(error: unknown): MessageRefused {
  if (error instanceof UnsupportedText) return new MessageRefused(415, 'Unsupported media type');
  if (error instanceof TextTooLarge) return new MessageRefused(413, `At most ${error.limit} bytes`);
  if (error instanceof MailboxFull) return new MessageRefused(413, 'The mailbox is full');
  if (error instanceof MalformedText) return new MessageRefused(400, 'Unreadable message');
  return new MessageRefused(408, 'Not stored, try again');
}
