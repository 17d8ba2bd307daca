import { AddressOfRecord } from '../../core/address-of-record.ts';
import { ClaimedWork } from '../../core/claimed-work.ts';
import type { Clock } from '../../core/clock.ts';
import { withDeadline } from '../../core/deadline.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Counter, Metrics } from '../../core/metrics.ts';
import type { Random } from '../../core/random.ts';
import { AuthorRows } from './author-rows.ts';
import type { Receipt, ReceiptStore } from '../ports.ts';
import { RECEIPT_LIMITS } from './receipt-limits.ts';
import type { ReceiptNotification } from './receipt-notification.ts';
import { writeNotification } from './receipt-notification.ts';
import type { ReceiptSessions } from './receipt-sessions.ts';
import type { ReceiptAnswer } from './receipt-verdict.ts';
import { nextTry, verdictOn } from './receipt-verdict.ts';
import { Recently } from '../recently.ts';

/** A notification on its way in a SIP MESSAGE. */
export interface ReceiptMessage extends ReceiptNotification {
  readonly from: AddressOfRecord;
  readonly to: AddressOfRecord;
  /** SIP URI of the hop the text came from; null when unknown. */
  readonly returnHop: string | null;
}

/** Sends a notification as a MESSAGE in the owner's name. */
export interface ReceiptSender {
  /** Resolves with the final answer; with status 0 when there was none. */
  send(message: ReceiptMessage): Promise<ReceiptAnswer>;
}

/** Tells authors what became of their texts, as they asked to be told. */
export interface Receipts {
  /** A receipt may be due: looks into the store soon. To be called after each commit that made one; never throws. */
  wake(): void;
  /** Begins nothing more, waits a bounded time for what is in flight, and frees this node's claims. */
  stop(): Promise<void>;
}

export interface ReceiptsOptions {
  readonly store: ReceiptStore;
  readonly sender: ReceiptSender;
  readonly sessions: ReceiptSessions;
  /** This node's name among those that share the database. */
  readonly node: string;
  /** False: nobody is told anything any more, and what is due is dropped. */
  readonly mayTell?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Starts to send what is due, beginning with what an earlier run of this node left. */
export function startReceipts(options: ReceiptsOptions): Receipts {
  const worker = new ReceiptWorker(options);
  worker.wake();
  return worker;
}

/** What came of one try. `passed over`: left to whoever claims it next. */
type Outcome =
  | 'sent'
  | 'sent in session'
  | 'absent'
  | 'refused'
  | 'undeliverable'
  | 'too old'
  | 'too often'
  | 'too long'
  | 'not wanted'
  | 'passed over';

/**
 * Claims receipts that are due, a few at a time, and hands each to its author:
 *
 *   due ── claimed ──> in her chat session ──200──> closed
 *                         │ none, or not taken
 *                         └──> MESSAGE ── 2xx, or an answer that will not change ──> closed
 *                                 │ nobody there
 *                                 └──> postponed ── tried 30 times, or a day old ──> closed
 *
 * One author gets hers one after the other, oldest first. A receipt is sent at least once: a crash between the author's answer
 * and our note of it sends it again, with the same bytes and the same Message-ID.
 */
class ReceiptWorker implements Receipts {
  readonly #options: ReceiptsOptions;
  readonly #outcomes: Counter;
  /** Authors nobody answered for: the silence of one does not hold up the others' receipts. */
  readonly #absent: Recently;
  readonly #rows = new AuthorRows();
  readonly #work: ClaimedWork<Receipt>;

  constructor(options: ReceiptsOptions) {
    const { store, node, clock, metrics } = options;
    this.#options = options;
    const { awayFor: lasts, rememberedAuthors: most } = RECEIPT_LIMITS;
    this.#absent = new Recently({ clock, lasts, most });
    this.#outcomes = metrics.counter(
      'receipts_total',
      'Tries to hand a receipt to its author, by what it tells and what came of it',
      ['status', 'outcome'],
    );
    this.#work = new ClaimedWork({
      ...options,
      what: 'receipts',
      source: {
        claim: (until, now, limit) => store.claimReceipts({ node, until }, now, limit),
        nextAt: () => store.nextReceiptAt(),
        release: () => store.releaseReceipts(node),
      },
      limits: RECEIPT_LIMITS,
      begin: (receipt, until) => this.#start(receipt, until),
      gauge: metrics.gauge('receipts_in_flight', 'Receipts on their way to authors'),
    });
  }

  wake(): void {
    this.#work.wake();
  }

  stop(): Promise<void> {
    return this.#work.stop();
  }

  #start(receipt: Receipt, claimedUntil: number): void {
    const key = String(receipt.id);
    // Claimed a second time: the first run settles it.
    if (this.#work.isStopping || this.#work.isInFlight(key)) return;
    const run = this.#rows.take(receipt.to, (letGo) => this.#run(receipt, claimedUntil, letGo));
    this.#work.track(key, run);
  }

  /** Tries one receipt and writes down what came of it. Never rejects. */
  async #run(receipt: Receipt, claimedUntil: number, letGo: () => void): Promise<void> {
    const { store, clock, random, logger } = this.#options;
    const { id, to, owner, status, attempts } = receipt;
    const fields = { author: to, mailbox: owner.toString(), status, attempts };
    try {
      const outcome = await this.#attempt(receipt, claimedUntil, letGo);
      this.#outcomes.add({ status, outcome: outcome.replaceAll(' ', '_') });
      logger.debug({ ...fields, outcome }, 'receipt tried');
      if (outcome === 'passed over') return;
      const again = outcome === 'absent' ? nextTry(receipt, clock.now(), random.fraction()) : null;
      if (again !== null) await store.postponeReceipt(id, again);
      else await store.closeReceipt(id);
      if (outcome === 'absent' && again === null) logger.info(fields, 'receipt given up');
    } catch (error) {
      // Its claim lapses, and it is tried once more: one receipt too many does no harm.
      logger.warn({ ...fields, error: describeError(error) }, 'what came of a receipt is not written down');
    }
  }

  async #attempt(receipt: Receipt, claimedUntil: number, letGo: () => void): Promise<Outcome> {
    const { clock, mayTell = true } = this.#options;
    const { to, attempts, createdAt } = receipt;
    if (!mayTell) return 'not wanted';
    const now = clock.now();
    if (this.#work.isStopping || now > claimedUntil - RECEIPT_LIMITS.attempt) return 'passed over';
    if (now - createdAt > RECEIPT_LIMITS.age) return 'too old';
    // Tries that nobody lived to count: each of their claims lapsed.
    if (attempts >= RECEIPT_LIMITS.attempts) return 'too often';
    const notification = writeNotification(receipt);
    if (await this.#sentInSession(receipt, notification)) return 'sent in session';
    const author = AddressOfRecord.tryParse(to);
    if (author === undefined || isAnonymous(author)) return 'undeliverable';
    if (notification.content.length > RECEIPT_LIMITS.messageBytes) return 'too long';
    if (this.#absent.has(to)) return 'absent';
    const silent = clock.after(RECEIPT_LIMITS.patience, () => {
      this.#absent.add(to);
      letGo();
    });
    try {
      return await this.#sendMessage(receipt, author, notification);
    } finally {
      silent.cancel();
    }
  }

  async #sentInSession({ owner, to, status }: Receipt, notification: ReceiptNotification): Promise<boolean> {
    const { sessions, clock, logger } = this.#options;
    const send = sessions.find(owner, to);
    if (send === undefined) return false;
    try {
      const { sessionDeadline } = RECEIPT_LIMITS;
      await withDeadline(clock, sessionDeadline, 'a receipt in a session', send(notification));
      return true;
    } catch (error) {
      logger.debug({ author: to, status, error: describeError(error) }, 'receipt not taken in the session');
      return false;
    }
  }

  async #sendMessage(
    { to, owner, status, returnHop }: Receipt,
    author: AddressOfRecord,
    notification: ReceiptNotification,
  ): Promise<Outcome> {
    const { sender, logger } = this.#options;
    const answer = await sender.send({ ...notification, from: owner, to: author, returnHop });
    const verdict = verdictOn(answer);
    if (verdict === 'absent') this.#absent.add(to);
    if (verdict === 'refused') logger.info({ author: to, receipt: status, ...answer }, 'receipt refused');
    return verdict;
  }
}

/** RFC 3323 §4.1.1.3: whoever hides behind `anonymous.invalid` wants no answer, and no name ends like that (RFC 6761 §6.4). */
function isAnonymous({ host }: AddressOfRecord): boolean {
  return host === 'invalid' || host.endsWith('.invalid');
}
