import { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import { singleLine } from '../im/control-characters.ts';
import { NOTICE_LIMITS } from './notice-limits.ts';
import type { NoticeStore } from './push/ports.ts';
import { Recently } from './recently.ts';
import type { NoticeFacts } from './sender-notice-policy.ts';
import { noticeVerdict } from './sender-notice-policy.ts';

/** A notice on its way. */
export interface SenderNotice {
  /** Whose text was kept: the notice comes from her address. */
  readonly owner: AddressOfRecord;
  readonly author: AddressOfRecord;
  /** SIP URI of the hop the text came from. */
  readonly returnHop: string;
  readonly text: string;
}

/** Sends a notice as a MESSAGE of the owner's. */
export interface NoticeSender {
  /** Resolves with the status of the final answer; with 0 when there was none. */
  send(notice: SenderNotice): Promise<number>;
}

export interface SenderNoticesOptions {
  readonly store: NoticeStore;
  readonly sender: NoticeSender;
  /** What authors are told, with `{to}` and `{address}`. */
  readonly template: string;
  /** How long one who was told is not told again of the same owner, ms. */
  readonly window: number;
  readonly messageAccount: AddressOfRecord;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Tells authors of MESSAGEs that their texts were kept, each once of one owner within the window:
 *
 *   kept ── may be told ──> waiting ── first in the window ──> MESSAGE ── any answer, or none ──> over
 *
 * Nothing waits for it and nothing is tried again: a notice that is lost costs a courtesy, one that is sent again and again would
 * cost peace.
 */
export class SenderNotices {
  readonly #options: SenderNoticesOptions;
  readonly #outcomes: Counter;
  /** Who was told by this node: for each text of a conversation the store need not be asked. */
  readonly #told: Recently;
  readonly #waiting: SenderNotice[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  #stopped = false;

  constructor(options: SenderNoticesOptions) {
    this.#options = options;
    const { clock, window: lasts, metrics } = options;
    this.#told = new Recently({ clock, lasts, most: NOTICE_LIMITS.remembered });
    this.#outcomes = metrics.counter(
      'sender_notices_total',
      'Texts that were kept, by whether and why their authors were told or not',
      ['outcome'],
    );
  }

  /** A text was kept, and that is acknowledged. Returns at once and never throws. */
  kept(facts: Omit<NoticeFacts, 'messageAccount'>): void {
    const { messageAccount, template } = this.#options;
    const verdict = noticeVerdict({ ...facts, messageAccount });
    if (verdict !== 'tell') {
      this.#count(verdict);
      return;
    }
    const { owner } = facts.message;
    const author = AddressOfRecord.tryParse(facts.message.author);
    if (author === undefined || facts.returnHop === null || this.#stopped) return;
    if (this.#told.has(nameOf({ owner, author }))) {
      this.#count('told lately');
      return;
    }
    if (this.#waiting.length >= NOTICE_LIMITS.waiting) {
      this.#count('too many');
      return;
    }
    this.#waiting.push({ owner, author, returnHop: facts.returnHop, text: noticeText(template, owner) });
    this.#goOn();
  }

  /** Begins nothing more and waits a bounded time for what is in flight. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.length = 0;
    const { clock, logger } = this.#options;
    const quiet = Promise.all(this.#inFlight);
    await withDeadline(clock, NOTICE_LIMITS.stopDeadline, 'sending notices', quiet).catch(
      (error: unknown) => {
        logger.info({ error: describeError(error) }, 'stopped with notices on their way');
      },
    );
  }

  #goOn(): void {
    while (this.#inFlight.size < NOTICE_LIMITS.inFlight) {
      const notice = this.#waiting.shift();
      if (notice === undefined) return;
      const run = this.#run(notice).finally(() => {
        this.#inFlight.delete(run);
        this.#goOn();
      });
      this.#inFlight.add(run);
    }
  }

  /** Never rejects. */
  async #run(notice: SenderNotice): Promise<void> {
    const { logger } = this.#options;
    const fields = { mailbox: notice.owner.toString(), author: notice.author.toString() };
    try {
      const outcome = await this.#tell(notice);
      this.#count(outcome);
      logger.debug({ ...fields, outcome }, 'sender notice');
    } catch (error) {
      this.#count('failed');
      logger.info(
        { ...fields, error: describeError(error) },
        'the author was not told that her text was kept',
      );
    }
  }

  async #tell(notice: SenderNotice): Promise<string> {
    const { store, sender, window, clock } = this.#options;
    const { storeDeadline, sendDeadline } = NOTICE_LIMITS;
    const claim = store.claimNotice(notice.owner, notice.author.toString(), clock.now(), window);
    if (!(await withDeadline(clock, storeDeadline, 'looking up who was told', claim))) return 'told lately';
    this.#told.add(nameOf(notice));
    const status = await withDeadline(clock, sendDeadline, 'sending a notice', sender.send(notice));
    return status >= 200 && status < 300 ? 'sent' : 'refused';
  }

  #count(outcome: string): void {
    this.#outcomes.add({ outcome: outcome.toLowerCase().replaceAll(' ', '_') });
  }
}

function nameOf({ owner, author }: Pick<SenderNotice, 'owner' | 'author'>): string {
  return `${owner.toString()} ${author.toString()}`;
}

/** The operator's words with the owner's name, which is the user part of her address, in one line of bounded length. */
export function noticeText(template: string, owner: AddressOfRecord): string {
  const values: Readonly<Record<string, string>> = { to: userOf(owner), address: owner.toString() };
  const text = template.replace(/\{(to|address)\}/g, (_, name: string) => values[name] ?? '');
  return shortened(singleLine(text), NOTICE_LIMITS.textBytes);
}

/** RFC 3261 §25.1: what is no ASCII stands escaped in a URI. */
function userOf({ user }: AddressOfRecord): string {
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}

/** Cut between characters. @param limit bytes of UTF-8 */
function shortened(text: string, limit: number): string {
  let bytes = 0;
  let kept = '';
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > limit) break;
    kept += character;
  }
  return kept;
}
