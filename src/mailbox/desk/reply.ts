import { AddressOfRecord } from '../../core/address-of-record.ts';
import { MailboxError, describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Counter, Metrics } from '../../core/metrics.ts';
import type { Deposits } from '../deposit.ts';

/** An owner's answer to somebody who left her a text. */
export interface Reply {
  readonly from: AddressOfRecord;
  /** Display name; '' when she has none. */
  readonly fromName: string;
  readonly to: AddressOfRecord;
  readonly text: string;
  /** SIP URI of the hop her own request came from; null: unknown. */
  readonly hop: string | null;
}

/** What came of sending a reply. */
export interface ReplyAnswer {
  /** SIP status; 0 when nobody answered. */
  readonly status: number;
  readonly reason: string;
  /**
   * What names the request on its transport: the same for whoever receives it, us too when a proxy finds its recipient offline
   * and brings it here.
   */
  readonly transportId: string;
}

/** Sends replies as texts of their own (RFC 3428), in the name of the owner. */
export interface ReplySender {
  /** Longest text it takes, bytes of UTF-8. */
  readonly maxBytes: number;
  /** Never rejects. */
  send(reply: Reply): Promise<ReplyAnswer>;
}

/** `kept`: she is offline, and the reply lies in her mailbox here. */
export type ReplyOutcome = 'sent' | 'kept' | 'failed';

export interface RepliesOptions {
  readonly sender: ReplySender;
  readonly deposits: Pick<Deposits, 'accept'>;
  /** Served here. */
  readonly domains: ReadonlySet<string>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** RFC 3261 §21.4: nobody was there to answer. Of 503 and 477 a proxy says so that cannot reach her phone. */
const ABSENT: ReadonlySet<number> = new Set([408, 477, 480, 503]);

/**
 * Sends replies, and keeps them for authors who are offline. A proxy may do the latter by itself and still answer that she is not
 * there, so what we keep goes by the name of the request: the same text twice is one.
 */
export class Replies {
  readonly #options: RepliesOptions;
  readonly #outcomes: Counter;

  constructor(options: RepliesOptions) {
    this.#options = options;
    this.#outcomes = options.metrics.counter('replies_total', 'Replies of owners, by outcome', ['outcome']);
  }

  /** Longest reply, bytes of UTF-8. */
  get maxBytes(): number {
    return this.#options.sender.maxBytes;
  }

  async send(reply: Reply): Promise<ReplyOutcome> {
    const outcome = await this.#send(reply);
    this.#outcomes.add({ outcome });
    return outcome;
  }

  async #send(reply: Reply): Promise<ReplyOutcome> {
    const { sender, domains, logger } = this.#options;
    const answer = await sender.send(reply);
    if (answer.status >= 200 && answer.status < 300) return 'sent';
    if (ABSENT.has(answer.status) && domains.has(reply.to.host)) {
      return await this.#keep(reply, answer.transportId);
    }
    const { status, reason } = answer;
    logger.warn(
      { mailbox: reply.from.toString(), to: reply.to.toString(), status, reason },
      'reply not sent',
    );
    return 'failed';
  }

  async #keep({ from, fromName, to, text }: Reply, transportId: string): Promise<ReplyOutcome> {
    const { deposits, logger } = this.#options;
    try {
      await deposits.accept({
        owner: to,
        author: from.toString(),
        authorName: fromName,
        contentType: 'text/plain;charset=utf-8',
        content: Buffer.from(text, 'utf8'),
        subject: '',
        urgent: false,
        transportId,
      });
      return 'kept';
    } catch (error) {
      if (!(error instanceof MailboxError)) throw error;
      const mailbox = from.toString();
      logger.warn({ mailbox, to: to.toString(), error: describeError(error) }, 'reply not kept');
      return 'failed';
    }
  }
}

/** The author of a text as somebody who can be answered; undefined for one without a SIP address. */
export function answerable(author: string): AddressOfRecord | undefined {
  return /^sips?:/i.test(author) ? AddressOfRecord.tryParse(author) : undefined;
}
