import { DeadlineExceeded } from '../core/deadline.ts';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import { backoff } from './backoff.ts';
import { MWI_LIMITS } from './limits.ts';
import type { DueSummary, PublishRequest, PublishResponse, PublishSender, SummaryStore } from './ports.ts';
import { nextStep, settlementOf } from './publication-machine.ts';
import type { PublicationSurroundings, Settlement } from './publication-machine.ts';
import { PublicationMemories } from './publication-memory.ts';
import { refusalAdvice } from './refusal-advice.ts';
import { composeSummary } from './summary-body.ts';
import type { SummaryBodySettings } from './summary-body.ts';
import { Waits } from './waits.ts';

export interface PublicationAttemptsOptions {
  readonly store: SummaryStore;
  readonly sender: PublishSender;
  readonly node: string;
  /** What phones are told to call for their texts. */
  readonly messageAccount: AddressOfRecord;
  /** Seconds to ask for, unless the presence server wants more. */
  readonly expires: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Carries claimed summaries to the presence server, one PUBLISH for each claim, and writes down what came of it. */
export class PublicationAttempts {
  readonly #options: PublicationAttemptsOptions;
  readonly #memories = new PublicationMemories();
  readonly #waits: Waits;
  readonly #answers: Counter;
  readonly #lost: Counter;
  /** When a refusal of this status was last told to the operator, epoch ms. */
  readonly #told = new Map<number, number>();
  #expires: number;
  #serverPausedUntil = 0;
  #abandoned = false;

  constructor(options: PublicationAttemptsOptions) {
    this.#options = options;
    this.#waits = new Waits(options.clock);
    this.#expires = options.expires;
    this.#answers = options.metrics.counter('publish_total', 'PUBLISHes, by answer', ['answer']);
    this.#lost = options.metrics.counter(
      'publish_claims_lost_total',
      'Answers that could not be written down',
    );
  }

  /** Before this instant the presence server wants nothing from us, epoch ms. */
  get serverPausedUntil(): number {
    return this.#serverPausedUntil;
  }

  /** Publishes what was claimed until `claimUntil` (epoch ms). Never rejects. */
  async run(summary: DueSummary, claimUntil: number): Promise<void> {
    const mailbox = summary.owner.toString();
    const settlement = await this.#attempt(summary, claimUntil);
    if (settlement === null) return;
    // What was learnt holds whether or not it can be written down.
    this.#memories.set(mailbox, settlement.memory);
    this.#expires = Math.max(this.#expires, settlement.minExpires ?? 0);
    this.#serverPausedUntil = Math.max(this.#serverPausedUntil, settlement.serverPausedUntil ?? 0);
    await this.#settle(summary.owner, settlement, claimUntil);
  }

  /** Stops waiting for answers; their claims are left to lapse. */
  abandon(): void {
    this.#abandoned = true;
    this.#waits.endAll();
  }

  async #attempt(summary: DueSummary, claimUntil: number): Promise<Settlement | null> {
    const { owner, counts, state } = summary;
    const memory = this.#memories.get(owner.toString());
    const before = this.#surroundings();
    if (before.now + MWI_LIMITS.publishDeadline > claimUntil) {
      // The store was slow to claim: too little of the claim is left to send under its cover.
      return { state, schedule: { dueAt: before.now, notBefore: before.now }, memory };
    }
    const step = nextStep(summary, memory, before);
    if (step.kind === 'let-go') {
      this.#options.logger.info({ mailbox: owner.toString() }, 'cleared publication let go');
      return step.settlement;
    }
    const { entityTag, expires } = step.attempt;
    const settings: SummaryBodySettings = {
      messageAccount: this.#options.messageAccount,
      contextClass: 'text-message',
      voiceLine: false,
      messageHeaders: new Set(),
    };
    const body = composeSummary({ counts, voicemail: null, newest: [] }, settings);
    const response = await this.#publish({ target: owner, entityTag, expires, body });
    if (this.#abandoned) return null;
    const settlement = settlementOf(summary, step.attempt, response, memory, this.#surroundings());
    this.#report(summary, response, settlement);
    return settlement;
  }

  #surroundings(): PublicationSurroundings {
    const { clock, random } = this.#options;
    return { now: clock.now(), expires: this.#expires, fraction: () => random.fraction() };
  }

  async #publish(request: PublishRequest): Promise<PublishResponse> {
    const limit = MWI_LIMITS.publishDeadline;
    const wait = this.#waits.start(limit);
    const late = wait.outcome.then((): PublishResponse => {
      return { kind: 'unanswered', cause: new DeadlineExceeded('PUBLISH', limit) };
    });
    try {
      return await Promise.race([this.#options.sender.publish(request), late]);
    } catch (cause) {
      return { kind: 'unanswered', cause };
    } finally {
      wait.end();
    }
  }

  /** Writes down what came of a claim, again and again while the claim holds. */
  async #settle(owner: AddressOfRecord, { state, schedule }: Settlement, claimUntil: number): Promise<void> {
    const { store, node, clock, random, logger } = this.#options;
    const mailbox = owner.toString();
    for (let failures = 1; ; failures++) {
      try {
        const kept = await store.settle(node, owner, state, schedule);
        // After a failure the claim may be gone because that try took effect after all.
        if (!kept && failures === 1) this.#tellLost(mailbox, 'the claim was lost');
        return;
      } catch (error) {
        const delay = backoff(MWI_LIMITS.storeBackoff, failures, random.fraction());
        const isOver = clock.now() + delay >= claimUntil;
        logger.debug({ mailbox, error: describeError(error) }, 'publication not written down');
        if (isOver || (await this.#waits.start(delay).outcome) === 'ended') {
          this.#tellLost(mailbox, describeError(error));
          return;
        }
      }
    }
  }

  #tellLost(mailbox: string, reason: string): void {
    this.#lost.add();
    this.#options.logger.warn({ mailbox, reason }, 'what came of a PUBLISH could not be written down');
  }

  #report({ owner, counts }: DueSummary, response: PublishResponse, settlement: Settlement): void {
    const { logger } = this.#options;
    const mailbox = owner.toString();
    const due = settlement.schedule.dueAt;
    if (response.kind === 'accepted') {
      this.#answers.add({ answer: 'accepted' });
      logger.debug({ mailbox, new: counts.new, old: counts.old, due }, 'summary published');
      return;
    }
    if (response.kind === 'unanswered') {
      this.#answers.add({ answer: 'unanswered' });
      logger.info({ mailbox, due, error: describeError(response.cause) }, 'PUBLISH not answered');
      return;
    }
    const { status, reason } = response;
    this.#answers.add({ answer: String(status) });
    const fields = { mailbox, status, reason, due };
    if (settlement.stopped === true && this.#isNews(status)) {
      const advice = refusalAdvice(status);
      logger.error({ ...fields, advice }, 'the presence server refuses our PUBLISH; lamps cannot change');
    } else {
      logger.debug(fields, 'PUBLISH refused');
    }
  }

  /** A refusal that hits every mailbox is told once, and once more whenever it has lasted. */
  #isNews(status: number): boolean {
    const now = this.#options.clock.now();
    const told = this.#told.get(status);
    if (told !== undefined && now - told < MWI_LIMITS.toldAgain) return false;
    this.#told.set(status, now);
    return true;
  }
}
