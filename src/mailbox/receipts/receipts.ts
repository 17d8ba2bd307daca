import { AddressOfRecord } from '../../core/address-of-record.ts';
import { backoff } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { withDeadline } from '../../core/deadline.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { Lookout } from '../../core/lookout.ts';
import type { Counter, Gauge, Metrics } from '../../core/metrics.ts';
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
  readonly #inFlightGauge: Gauge;
  /** Authors nobody answered for: the silence of one does not hold up the others' receipts. */
  readonly #absent: Recently;
  readonly #inFlight = new Map<number, Promise<void>>();
  readonly #rows = new AuthorRows();
  readonly #lookout: Lookout;
  #storeRestsUntil = 0;
  #storeFailures = 0;
  #settledIn = false;
  #stopped: Promise<void> | undefined;

  constructor(options: ReceiptsOptions) {
    this.#options = options;
    this.#lookout = new Lookout({
      clock: options.clock,
      look: () => this.#lookIntoStore(),
      earliest: (lastLook, now) => this.#earliestLook(lastLook, now),
      longestWait: RECEIPT_LIMITS.pollCeiling,
    });
    const { awayFor: lasts, rememberedAuthors: most } = RECEIPT_LIMITS;
    this.#absent = new Recently({ clock: options.clock, lasts, most });
    this.#outcomes = options.metrics.counter(
      'receipts_total',
      'Tries to hand a receipt to its author, by what it tells and what came of it',
      ['status', 'outcome'],
    );
    this.#inFlightGauge = options.metrics.gauge('receipts_in_flight', 'Receipts on their way to authors');
  }

  wake(): void {
    this.#lookout.lookNow();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { clock, store, node, logger } = this.#options;
    const quiet = async (): Promise<void> => {
      await this.#lookout.stop();
      await Promise.all(this.#inFlight.values());
    };
    const within = async (operation: string, work: Promise<void>): Promise<void> => {
      try {
        await withDeadline(clock, RECEIPT_LIMITS.stopDeadline, operation, work);
      } catch (error) {
        // What is in flight may be sent again, and a claim lapses by itself.
        logger.warn({ error: describeError(error) }, 'receipts stop before they are through');
      }
    };
    await within('sending receipts', quiet());
    await within('freeing claims', store.releaseReceipts(node));
  }

  /** A clock that was put back must not make us wait until it is again what it was. */
  #earliestLook(lastLook: number, now: number): number {
    const { lookGap, storeBackoff } = RECEIPT_LIMITS;
    return Math.max(
      Math.min(lastLook + lookGap, now + lookGap),
      Math.min(this.#storeRestsUntil, now + storeBackoff.ceiling),
    );
  }

  /** Claims what is due and starts it; returns when to look again, epoch ms. Never rejects. */
  async #lookIntoStore(): Promise<number> {
    const { store, node, clock, random, logger } = this.#options;
    const now = clock.now();
    const ceiling = now + RECEIPT_LIMITS.pollCeiling;
    try {
      if (!this.#settledIn) await store.releaseReceipts(node);
      this.#settledIn = true;
      const room = RECEIPT_LIMITS.inFlight - this.#inFlight.size;
      // Whatever comes back makes us look again.
      if (room <= 0) return ceiling;
      const until = now + RECEIPT_LIMITS.claim;
      const claimed = await store.claimReceipts({ node, until }, now, room);
      for (const receipt of claimed) this.#start(receipt, until);
      const next = claimed.length < room ? await store.nextReceiptAt() : now;
      this.#storeFailures = 0;
      return Math.min(next ?? Infinity, ceiling);
    } catch (error) {
      this.#storeFailures++;
      const rest = backoff(RECEIPT_LIMITS.storeBackoff, this.#storeFailures, random.fraction());
      this.#storeRestsUntil = clock.now() + rest;
      const level = this.#storeFailures === 1 ? 'warn' : 'debug';
      logger[level]({ error: describeError(error) }, 'cannot look for receipts; trying again');
      return this.#storeRestsUntil;
    }
  }

  #start(receipt: Receipt, claimedUntil: number): void {
    // Claimed while we stop: the claim is freed with all others. Claimed a second time: the first run settles it.
    if (this.#stopped !== undefined || this.#inFlight.has(receipt.id)) return;
    const run = this.#rows
      .take(receipt.to, (letGo) => this.#run(receipt, claimedUntil, letGo))
      .finally(() => {
        this.#inFlight.delete(receipt.id);
        this.#inFlightGauge.set(this.#inFlight.size);
        this.wake();
      });
    this.#inFlight.set(receipt.id, run);
    this.#inFlightGauge.set(this.#inFlight.size);
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
    if (this.#stopped !== undefined || now > claimedUntil - RECEIPT_LIMITS.attempt) return 'passed over';
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
