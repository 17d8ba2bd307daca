import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { MailboxError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import { MAILBOX_LIMITS } from './limits.ts';
import type { DepositStore, NewMessage } from './ports.ts';
import { UnsupportedText, readBody } from './read-body.ts';

/** A text for an offline user as it came off the wire, content coding undone. */
export interface IncomingText {
  readonly owner: AddressOfRecord;
  /** URI of the sender as the trusted proxy vouched for it. */
  readonly author: string;
  readonly authorName: string;
  readonly contentType: string;
  readonly content: Buffer;
  readonly subject: string;
  readonly urgent: boolean;
  /** What names this text on its transport, unique to it: used when it carries no IMDN Message-ID. */
  readonly transportId: string;
}

/** `notice`: an IMDN, isComposing or keep-alive: taken and not kept. */
export type DepositResult = 'stored' | 'duplicate' | 'notice';

/** The text is longer than MESSAGE_MAX_BYTES. */
export class TextTooLarge extends MailboxError {
  readonly limit: number;

  constructor(limit: number) {
    super('TEXT_TOO_LARGE', `a text may have ${limit} bytes`);
    this.limit = limit;
  }
}

/** The mailbox holds as many new texts as it may. */
export class MailboxFull extends MailboxError {
  constructor(owner: AddressOfRecord) {
    super('MAILBOX_FULL', `the mailbox of ${owner.toString()} is full`);
  }
}

export interface DepositOptions {
  readonly store: DepositStore;
  /** Bytes. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Leaves texts in mailboxes. */
export class Deposits {
  readonly #options: DepositOptions;
  readonly #outcomes: Counter;

  constructor(options: DepositOptions) {
    this.#options = options;
    this.#outcomes = options.metrics.counter('deposits_total', 'Texts left, by outcome', ['outcome']);
  }

  /**
   * Resolves after the text is committed, or found not to be one.
   * @throws TextTooLarge, UnsupportedText, MalformedText, MailboxFull, StoreUnavailable; nothing was kept then
   */
  async accept(text: IncomingText): Promise<DepositResult> {
    try {
      const result = await this.#accept(text);
      this.#outcomes.add({ outcome: result });
      return result;
    } catch (error) {
      this.#outcomes.add({ outcome: error instanceof MailboxError ? error.code.toLowerCase() : 'error' });
      throw error;
    }
  }

  async #accept(text: IncomingText): Promise<DepositResult> {
    const { store, maxBytes, clock } = this.#options;
    if (text.content.length > maxBytes) throw new TextTooLarge(maxBytes);
    const body = readBody(text.contentType, text.content);
    if (body.kind === 'notice') return 'notice';
    if (body.contentType.length > MAILBOX_LIMITS.contentType) throw new UnsupportedText(body.contentType);
    const messageId = body.messageId ?? text.transportId;
    const message: NewMessage = {
      owner: text.owner,
      author: text.author.slice(0, MAILBOX_LIMITS.author),
      authorName: text.authorName,
      uniqueKey: `${text.author}\n${messageId}`,
      messageId: messageId.slice(0, MAILBOX_LIMITS.messageId),
      contentType: body.contentType,
      content: body.content,
      subject: (body.subject ?? text.subject).slice(0, MAILBOX_LIMITS.subject),
      urgent: text.urgent || body.urgent,
      sentAt: body.sentAt,
      receivedAt: clock.now(),
      expiresAt: null,
      wrapper: null,
      receipts: null,
    };
    const outcome = await store.deposit(message);
    if (outcome === 'full') throw new MailboxFull(text.owner);
    this.#options.logger.debug(
      { mailbox: text.owner.toString(), author: message.author, bytes: message.content.length, outcome },
      'text deposited',
    );
    return outcome;
  }
}
