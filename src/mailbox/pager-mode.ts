import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { MailboxError, describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { MAILBOX_LIMITS } from './limits.ts';
import type { PagerSender, StoredMessage } from './ports.ts';
import { PagerDeliveryFailed, TextRefused } from './ports.ts';
import { presentAsLines } from './presentation.ts';
import type { Retrievals } from './retrieval.ts';
import { Recently } from './recently.ts';
import { NOTICES } from './retrieval-conversation.ts';

/** As many retrievals by MESSAGE are under way as may be at one time. */
export class TooManyRetrievals extends MailboxError {
  constructor() {
    super('TOO_MANY_RETRIEVALS', 'too many retrievals are under way');
  }
}

/**
 * Pager mode (RFC 3428): hands texts to phones without MSRP, as MESSAGEs of ours that name author and time.
 *
 * A phone that answers each MESSAGE by itself ("I'm driving") asks for texts with every answer. So who was told a moment ago that
 * there are none is not told again: else the two would talk to each other without end.
 */
export class PagerMode {
  readonly #retrievals: Retrievals;
  readonly #logger: Logger;
  /** Owners who were told that nothing is handed over. */
  readonly #told: Recently;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(retrievals: Retrievals, logger: Logger, clock: Clock) {
    this.#retrievals = retrievals;
    this.#logger = logger;
    this.#told = new Recently({ clock, ...MAILBOX_LIMITS.toldNothing });
  }

  /**
   * Starts to hand over the texts of `owner`; one that runs already goes on as it is. How it ends is logged.
   * @throws TooManyRetrievals
   */
  retrieve(owner: AddressOfRecord, sender: PagerSender): void {
    const key = owner.toString();
    if (this.#underWay.has(key)) return;
    if (this.#underWay.size >= MAILBOX_LIMITS.pagerRetrievals) throw new TooManyRetrievals();
    const run = this.#run(owner, sender).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, run);
  }

  /** Resolves when no retrieval is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #run(owner: AddressOfRecord, sender: PagerSender): Promise<void> {
    const mailbox = owner.toString();
    try {
      const { delivered, refused, elsewhere } = await this.#retrievals.run(owner, inTurn(owner, sender));
      if (delivered + refused === 0) await this.#tell(owner, sender, elsewhere === 0 ? 'empty' : 'elsewhere');
      this.#logger.info({ mailbox, delivered, refused }, 'texts delivered by MESSAGE');
    } catch (error) {
      this.#logger.warn({ mailbox, error: describeError(error) }, 'retrieval by MESSAGE broke off');
      if (error instanceof PagerDeliveryFailed) return;
      await this.#tell(owner, sender, 'failed').catch((failure: unknown) => {
        this.#logger.info({ mailbox, error: describeError(failure) }, 'the owner could not be told');
      });
    }
  }

  async #tell(
    owner: AddressOfRecord,
    sender: PagerSender,
    notice: 'empty' | 'elsewhere' | 'failed',
  ): Promise<void> {
    const key = `${owner.toString()} ${notice}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    await sender.send(owner, NOTICES[notice]);
  }
}

/** One MESSAGE after the other, so that they arrive in order; when the phone is gone, the rest is not tried. */
function inTurn(owner: AddressOfRecord, sender: PagerSender): (message: StoredMessage) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (message) => {
    const before = last.catch((error: unknown) => {
      if (!(error instanceof TextRefused)) throw error;
    });
    last = before.then(async () => {
      try {
        for (const line of presentAsLines(message, sender.maxBytes)) await sender.send(owner, line);
      } catch (error) {
        throw isOfThisText(error) ? new TextRefused({ cause: error }) : error;
      }
    });
    return last;
  };
}

/** RFC 3261 §21.4: answers that speak of the body, not of the user. */
function isOfThisText(error: unknown): boolean {
  return error instanceof PagerDeliveryFailed && [400, 413, 415, 488, 513, 606].includes(error.status);
}
