import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { MessageRefused } from '../msrp/errors.ts';
import type { DeskWork } from './desk/desk.ts';
import { DESK_LIMITS } from './desk/limits.ts';
import { keptWords } from './desk/words.ts';
import type { ShownList, Visitor } from './desk/visit.ts';
import { MAILBOX_LIMITS } from './limits.ts';
import type { OwnerProfiles } from './owner-profiles.ts';
import type { Phrases } from './phrases/phrases.ts';
import { phrasesFor } from './owner-profiles.ts';
import { StoreUnavailable } from './ports.ts';
import type { SessionVisit } from './retrieval-conversation-visit.ts';
import { Seldom } from './seldom.ts';
import { SilenceTimer } from './silence-timer.ts';

export interface RetrievalMenuOptions {
  readonly desk: DeskWork;
  readonly visitor: Visitor;
  readonly visit: SessionVisit;
  readonly profiles: OwnerProfiles;
  /** ms without a word from her after which she is gone. */
  readonly idleTimeout: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hangUp: (reason: string) => void;
  /** Something is done that she was told is taken; it never rejects. */
  readonly onWork: (work: Promise<void>) => void;
}

/**
 * What an owner asks for in a session once she has her new texts: one thing is done after the other, in the order she asked. It
 * begins with handing those over, and ends when she says so or falls silent. What was acknowledged is done though she is gone by
 * then: only the answer is lost on her.
 */
export class RetrievalMenu {
  readonly #options: RetrievalMenuOptions;
  readonly #silence: SilenceTimer;
  /** Settles when all that was asked is done. Never rejects. */
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #leaving = false;
  #ended = false;
  /** A client that answers by itself says the same to every line of ours. */
  readonly #unknown: Seldom;
  readonly #same: Seldom;

  constructor(options: RetrievalMenuOptions) {
    this.#options = options;
    const { idleTimeout: limit, clock } = options;
    this.#same = new Seldom({ clock, ...DESK_LIMITS.sameWordsInSession });
    this.#unknown = new Seldom({ clock, ...MAILBOX_LIMITS.toldNothing });
    this.#silence = new SilenceTimer({ limit, clock, onSilent: () => this.#onSilent() });
    this.#do(async () => {
      if (!this.#ended) await this.#welcome();
    });
  }

  /**
   * Takes what she wrote; it is done when its turn comes.
   * @throws MessageRefused 408 when too much waits, or the session is about to end
   */
  take(written: string): void {
    if (this.#leaving) throw new MessageRefused(408, 'The session ends');
    if (this.#waiting >= DESK_LIMITS.waiting) throw new MessageRefused(408, 'One after the other');
    this.#silence.words();
    const { shown } = this.#options.visit;
    const words = keptWords(written);
    if (words !== '') this.#do(() => this.#run(words, shown));
  }

  /** A notice came: typing marks tell that she is there. */
  notice(contentType: string, content: Buffer): void {
    this.#silence.notice(contentType, content);
  }

  heard(): void {
    this.#silence.heard();
  }

  hold(held: boolean): void {
    this.#silence.hold(held);
  }

  /** The session is over. */
  end(): void {
    this.#ended = true;
    this.#silence.stop();
  }

  #do(work: () => Promise<void>): void {
    this.#waiting++;
    this.#last = this.#last.then(async () => {
      try {
        await work();
        if (this.#options.visit.takeTooLong() && !this.#ended)
          await this.#say(({ textTooLong }) => textTooLong);
      } catch (error) {
        await this.#failed(error);
      } finally {
        this.#waiting--;
      }
    });
    this.#options.onWork(this.#last);
  }

  async #welcome(): Promise<void> {
    const { desk, visitor, visit, logger } = this.#options;
    const { delivered, refused, elsewhere, listed } = await desk.fetch(visitor, visit);
    const mailbox = visitor.owner.toString();
    logger.info({ mailbox, delivered, refused }, 'texts delivered in a session');
    if (listed > 0) return;
    await this.#say(({ noNewTexts, fetchedElsewhere, helpHint }) => {
      if (delivered + refused > 0) return helpHint;
      return `${elsewhere === 0 ? noNewTexts : fetchedElsewhere} ${helpHint}`;
    });
  }

  async #run(words: string, seen: ShownList): Promise<void> {
    const { desk, visitor, visit } = this.#options;
    if (!this.#same.may('', words)) return;
    const outcome = await desk.run(visitor, words, visit, seen);
    if (outcome === 'bye') this.#leave('bye');
    else if (outcome === 'unknown' && this.#unknown.may('', words))
      await desk.notUnderstood(visitor, words, visit);
    // What took long was no silence of hers.
    this.#silence.heard();
  }

  async #failed(error: unknown): Promise<void> {
    const { visitor, logger } = this.#options;
    if (this.#ended || this.#leaving) {
      logger.info({ mailbox: visitor.owner.toString(), error: describeError(error) }, 'she was gone');
      return;
    }
    logger.warn({ mailbox: visitor.owner.toString(), error: describeError(error) }, 'not done');
    const told = await this.#say(({ cannotFetch }) => cannotFetch).then(
      () => true,
      () => false,
    );
    // With a database that is down she may try again; a client that does not answer will not.
    if (!told || !(error instanceof StoreUnavailable)) this.#leave('failed');
  }

  #onSilent(): void {
    if (this.#waiting > 0) {
      this.#silence.heard();
      return;
    }
    this.#leaving = true;
    void this.#say(({ bye }) => bye)
      .catch(() => undefined)
      .then(() => this.#options.hangUp('idle'));
  }

  #leave(reason: string): void {
    this.#leaving = true;
    this.#options.visit.end();
    this.#options.hangUp(reason);
  }

  async #say(words: (phrases: Phrases) => string): Promise<void> {
    const { profiles, visitor, visit } = this.#options;
    await visit.say(words(await phrasesFor(profiles, visitor)));
  }
}
