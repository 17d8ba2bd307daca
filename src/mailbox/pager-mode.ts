import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { MailboxError, describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { DeskWork } from './desk/desk.ts';
import { DESK_LIMITS } from './desk/limits.ts';
import { keptWords } from './desk/words.ts';
import type { ShownList, Visitor } from './desk/visit.ts';
import { MAILBOX_LIMITS } from './limits.ts';
import type { OwnerProfiles } from './owner-profiles.ts';
import { phrasesFor } from './owner-profiles.ts';
import type { PagerSender } from './ports.ts';
import { PagerDeliveryFailed } from './ports.ts';
import { PagerVisit, Screens } from './pager-mode-visit.ts';
import type { Phrases } from './phrases/phrases.ts';
import type { Retrievals } from './retrieval.ts';
import { Recently } from './recently.ts';
import { Seldom } from './seldom.ts';

/** As many retrievals by MESSAGE are under way as may be at one time: none, when the program stops. */
export class TooManyRetrievals extends MailboxError {
  constructor() {
    super('TOO_MANY_RETRIEVALS', 'too many retrievals are under way');
  }
}

/** What an owner sent to the Message-Account. */
export interface PagerRequest {
  readonly visitor: Visitor;
  /** '' for a wish to fetch, and for words that cannot be read. */
  readonly words: string;
  /** The same when the same MESSAGE comes again. */
  readonly id: string;
}

export interface PagerModeOptions {
  readonly retrievals: Retrievals;
  /** Does what owners ask for; undefined: every MESSAGE fetches the new texts. */
  readonly desk: DeskWork | undefined;
  readonly profiles: OwnerProfiles;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Words of an owner, and the list she had before her when she wrote them. */
interface Asked {
  readonly visitor: Visitor;
  readonly words: string;
  readonly seen: ShownList;
}

/** What of one owner is to be done, one after the other. */
interface Turns {
  /** Words that wait, '' for a fetch; the first one is being done. */
  readonly words: string[];
  last: Promise<void>;
}

/** What an owner is told once and not again for a moment. */
type Told = keyof Pick<Phrases, 'noNewTexts' | 'fetchedElsewhere' | 'cannotFetch'>;

/**
 * Pager mode (RFC 3428): hands texts to phones without MSRP, as MESSAGEs of ours that name author and time, and does what their
 * owners ask for.
 *
 * A phone that answers each MESSAGE by itself ("I'm driving") sends us words with every answer. So who was told a moment ago that
 * there are no texts, or what can be asked for, is not told again, and the same command is not done again and again: else the two
 * would talk to each other without end.
 */
export class PagerMode {
  readonly #options: PagerModeOptions;
  /** Owners who were told something, and what they asked for. */
  readonly #told: Seldom;
  readonly #done: Seldom;
  /** MESSAGEs that were taken. */
  readonly #taken: Recently;
  readonly #screens = new Screens(DESK_LIMITS.screens);
  #stopping = false;
  readonly #underWay = new Map<string, Turns>();

  constructor(options: PagerModeOptions) {
    this.#options = options;
    const { clock } = options;
    this.#told = new Seldom({ clock, ...MAILBOX_LIMITS.toldNothing });
    this.#done = new Seldom({ clock, ...DESK_LIMITS.sameWords });
    this.#taken = new Recently({ clock, ...DESK_LIMITS.taken });
  }

  /**
   * Takes what an owner sent: it is done when its turn comes, once. A fetch that runs already goes on as it is. How it ends is
   * logged.
   * @throws TooManyRetrievals
   */
  take({ visitor, words: sent, id }: PagerRequest, sender: PagerSender): void {
    if (this.#stopping) throw new TooManyRetrievals();
    const words = this.#options.desk === undefined ? '' : keptWords(sent);
    const key = visitor.owner.toString();
    // A digest: a Call-ID may be long.
    const message = createHash('sha256').update(`${key} ${id}`).digest('base64');
    // A fetch does no harm done twice.
    if (words !== '' && this.#taken.has(message)) return;
    const turns = this.#underWay.get(key);
    // A fetch takes what comes meanwhile too; the same words that wait already are not done twice.
    const isThere = words === '' ? turns?.words.includes(words) : turns?.words.slice(1).at(-1) === words;
    const screen = this.#screens.of(key);
    const seen = screen.shown;
    if (isThere !== true) {
      this.#enqueue(key, words, () =>
        this.#run({ visitor, words, seen }, new PagerVisit(visitor.owner, sender, screen)),
      );
    }
    this.#taken.add(message);
  }

  /** Takes nothing more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.idle();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.all([...this.#underWay.values()].map(({ last }) => last));
  }

  #enqueue(key: string, words: string, work: () => Promise<void>): void {
    const turns = this.#underWay.get(key) ?? { words: [], last: Promise.resolve() };
    if (turns.words.length >= DESK_LIMITS.waiting) throw new TooManyRetrievals();
    if (turns.words.length === 0) {
      if (this.#underWay.size >= MAILBOX_LIMITS.pagerRetrievals) throw new TooManyRetrievals();
      this.#underWay.set(key, turns);
    }
    turns.words.push(words);
    turns.last = turns.last.then(work).finally(() => {
      turns.words.shift();
      if (turns.words.length === 0) this.#underWay.delete(key);
    });
  }

  async #run(asked: Asked, visit: PagerVisit): Promise<void> {
    const { logger } = this.#options;
    const { visitor } = asked;
    const mailbox = visitor.owner.toString();
    try {
      await this.#do(asked, visit);
    } catch (error) {
      logger.warn({ mailbox, error: describeError(error) }, 'retrieval by MESSAGE broke off');
      if (error instanceof PagerDeliveryFailed) return;
      await this.#tell(visitor, visit, 'cannotFetch').catch((failure: unknown) => {
        logger.info({ mailbox, error: describeError(failure) }, 'the owner could not be told');
      });
    }
  }

  async #do({ visitor, words, seen }: Asked, visit: PagerVisit): Promise<void> {
    const { desk } = this.#options;
    const asked = words === '' ? undefined : await desk?.understand(visitor, words);
    if (desk === undefined || asked === undefined || asked.kind === 'new' || asked.kind === 'unknown') {
      await this.#fetch(visitor, visit, asked?.kind === 'unknown' ? words : undefined);
      return;
    }
    if (!this.#done.may(visitor.owner.toString(), words)) {
      this.#options.logger.info({ mailbox: visitor.owner.toString() }, 'the same words again: not done');
      return;
    }
    await desk.run(visitor, words, visit, seen);
  }

  /** @param unknown words that are no command, and mean a fetch only when there is something to fetch */
  async #fetch(visitor: Visitor, visit: PagerVisit, unknown: string | undefined): Promise<void> {
    const { retrievals, desk, logger } = this.#options;
    const { owner } = visitor;
    const { delivered, refused, elsewhere } =
      desk === undefined
        ? await retrievals.run(owner, (message) => visit.handOver(message))
        : await desk.fetch(visitor, visit);
    logger.info({ mailbox: owner.toString(), delivered, refused }, 'texts delivered by MESSAGE');
    // What she says then may be what she said before, of other texts.
    if (delivered > 0) this.#done.may(owner.toString());
    if (delivered + refused > 0) return;
    if (elsewhere > 0) await this.#tell(visitor, visit, 'fetchedElsewhere');
    else if (desk === undefined || unknown === undefined) await this.#tell(visitor, visit, 'noNewTexts');
    else if (this.#isNews(visitor, 'notUnderstood')) await desk.notUnderstood(visitor, unknown, visit);
  }

  async #tell(visitor: Visitor, visit: PagerVisit, what: Told): Promise<void> {
    if (!this.#isNews(visitor, what)) return;
    await visit.say((await phrasesFor(this.#options.profiles, visitor))[what]);
  }

  #isNews({ owner }: Visitor, what: Told | 'notUnderstood'): boolean {
    return this.#told.may(`${owner.toString()} ${what}`);
  }
}
