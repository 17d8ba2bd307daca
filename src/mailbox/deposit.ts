import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { MailboxError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import { expiresAt } from './sweeps/expiry.ts';
import { MAILBOX_LIMITS } from './limits.ts';
import type { DepositStore, NewMessage, ReceiptRequest } from './ports.ts';
import type { SipHeader } from './kept-headers.ts';
import { withSipHeaders } from './kept-headers.ts';
import type { TextBody } from './read-body.ts';
import { UnsupportedText, readBody } from './read-body.ts';
import type { Scheduling } from './scheduling.ts';
import { DeliverAtTooFar } from './scheduling.ts';
import { keepWrapper, receiptRequest } from './wrapper.ts';

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
  /**
   * SIP URI of the trusted hop it came from: the way back for receipts. Null or left out: nobody vouches for the author, who is
   * sent none then.
   */
  readonly returnHop?: string | null;
  /** How long the sender wants it kept at most, seconds (RFC 3428 §6); null or left out: she did not say. */
  readonly expires?: number | null;
  /** Headers of its MESSAGE that are kept with it, as KEEP_HEADERS says. */
  readonly headers?: readonly SipHeader[];
  /**
   * When the sender wants it delivered, as she wrote it (X-Deliver-At); null or left out: what its message/cpim says, else at
   * once.
   */
  readonly deliverAt?: string | null;
}

/** `notice`: an IMDN, isComposing or keep-alive: taken and not kept. */
export type DepositResult = 'stored' | 'duplicate' | 'notice';

/** What became of a text that was taken. */
export interface TakenText {
  readonly result: DepositResult;
  /** As it was handed to the store; null for a notice. */
  readonly message: NewMessage | null;
}

/** The text is longer than MESSAGE_MAX_BYTES. */
export class TextTooLarge extends MailboxError {
  readonly limit: number;

  constructor(limit: number) {
    super('TEXT_TOO_LARGE', `a text may have ${limit} bytes`);
    this.limit = limit;
  }
}

/** Its sender wants it handed over at once or not at all (Expires: 0). */
export class TextExpired extends MailboxError {
  constructor() {
    super('TEXT_EXPIRED', 'the text is not to be kept');
  }
}

/** The mailbox has no room for it, and nothing that may give way. */
export class MailboxFull extends MailboxError {
  constructor(owner: AddressOfRecord) {
    super('MAILBOX_FULL', `the mailbox of ${owner.toString()} is full`);
  }
}

/** The owner takes nothing of this author. */
export class AuthorBlocked extends MailboxError {
  constructor(owner: AddressOfRecord) {
    super('AUTHOR_BLOCKED', `${owner.toString()} takes nothing of this author`);
  }
}

export interface DepositOptions {
  readonly store: DepositStore;
  /** Bytes. */
  readonly maxBytes: number;
  /** How long a text is kept for its owner, seconds; 0, which left out means: until she fetches it. */
  readonly ttl?: (owner: AddressOfRecord) => number;
  /** Left out: a text that is to be delivered later is refused. */
  readonly scheduling?: Scheduling;
  /** Whether authors are told what became of their texts; by default so. */
  readonly receipts?: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Leaves texts in mailboxes. */
export class Deposits {
  readonly #options: DepositOptions;
  readonly #outcomes: Counter;
  readonly #cutWrappers: Counter;

  constructor(options: DepositOptions) {
    this.#options = options;
    this.#outcomes = options.metrics.counter('deposits_total', 'Texts left, by outcome', ['outcome']);
    this.#cutWrappers = options.metrics.counter(
      'deposits_wrapper_cut_total',
      'Texts whose message/cpim had too many bytes of headers to be kept whole, by what was kept',
      ['kept'],
    );
  }

  /**
   * Resolves after the text is committed, or found not to be one.
   * @throws TextTooLarge, UnsupportedText, MalformedText, TextExpired, UnreadableDeliverAt, DeliverAtTooFar, MailboxFull,
   * AuthorBlocked, StoreUnavailable; nothing was kept then
   */
  async accept(text: IncomingText): Promise<DepositResult> {
    return (await this.take(text)).result;
  }

  /** The same, for whoever wants to know what was kept. */
  async take(text: IncomingText): Promise<TakenText> {
    try {
      const taken = await this.#take(text);
      const isScheduled = taken.result === 'stored' && typeof taken.message?.deliverAt === 'number';
      this.#outcomes.add({ outcome: isScheduled ? 'scheduled' : taken.result });
      return taken;
    } catch (error) {
      this.#outcomes.add({ outcome: error instanceof MailboxError ? error.code.toLowerCase() : 'error' });
      throw error;
    }
  }

  async #take(text: IncomingText): Promise<TakenText> {
    const { store, maxBytes, ttl = () => 0, clock } = this.#options;
    if (text.content.length > maxBytes) throw new TextTooLarge(maxBytes);
    const body = readBody(text.contentType, text.content);
    if (body.kind === 'notice') return { result: 'notice', message: null };
    const { expires = null } = text;
    if (expires === 0) throw new TextExpired();
    if (body.contentType.length > MAILBOX_LIMITS.contentType) throw new UnsupportedText(body.contentType);
    const messageId = body.messageId ?? text.transportId;
    const cameAt = clock.now();
    const deliverAt = await this.#dueAt(text, body, cameAt);
    // To its owner a scheduled text comes when it is due: what its life counts from.
    const receivedAt = deliverAt ?? cameAt;
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
      sentAt: body.sentAt ?? (deliverAt === null ? null : cameAt),
      receivedAt,
      expiresAt: expiresAt(receivedAt, { ttl: ttl(text.owner), expires }),
      deliverAt,
      wrapper: this.#wrapperOf(body, text.headers ?? []),
      receipts: this.#receiptsFor(body, text.returnHop ?? null),
    };
    const outcome = await store.deposit(message);
    if (outcome === 'full') throw new MailboxFull(text.owner);
    if (outcome === 'blocked') throw new AuthorBlocked(text.owner);
    this.#options.logger.debug(
      { mailbox: text.owner.toString(), author: message.author, bytes: message.content.length, outcome },
      'text deposited',
    );
    return { result: outcome, message };
  }

  async #dueAt(text: IncomingText, body: TextBody, now: number): Promise<number | null> {
    const wanted = text.deliverAt ?? body.deliverAt;
    if (wanted === null) return null;
    const { scheduling } = this.#options;
    if (scheduling === undefined) throw new DeliverAtTooFar();
    return await scheduling.dueAt(wanted, text.author, now);
  }

  #wrapperOf({ wrapper: came }: TextBody, headers: readonly SipHeader[]): Buffer | null {
    const wrapper = withSipHeaders(came, headers);
    if (wrapper === null) return null;
    const { bytes, kept } = keepWrapper(wrapper);
    if (kept !== 'whole') this.#cutWrappers.add({ kept });
    return bytes;
  }

  #receiptsFor({ wrapper }: TextBody, returnHop: string | null): ReceiptRequest | null {
    if (wrapper === null || returnHop === null || this.#options.receipts === false) return null;
    return receiptRequest(wrapper, returnHop);
  }
}
