import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { DeadlineExceeded } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import { backoff } from '../core/backoff.ts';
import { LampBodies } from './lamp-body.ts';
import { MWI_LIMITS } from './limits.ts';
import type { DueSummary, PublishRequest, PublishResponse, PublishSender, SummaryStore } from './ports.ts';
import { NOTHING_PUBLISHED } from './ports.ts';
import { nextStep, settlementOf } from './publication-machine.ts';
import type { PublicationSurroundings, Settlement } from './publication-machine.ts';
import { PublicationMemories } from './publication-memory.ts';
import { refusalAdvice } from './refusal-advice.ts';
import type { SummaryBodySettings } from './summary-body.ts';
import { Waits } from '../core/waits.ts';

export interface PublicationAttemptsOptions {
  readonly store: SummaryStore;
  readonly sender: PublishSender;
  /** How bodies are written. */
  readonly body: SummaryBodySettings;
  /** Seconds to ask for, unless the presence server wants more. */
  readonly expires: number;
  /** Whether a refresh carries the body; real presence servers notify an empty one otherwise. */
  readonly refreshBody: boolean;
  /** The lamp that is published again and again to learn whether the presence server forgot it; null: none. */
  readonly beacon: { readonly target: AddressOfRecord; /** ms */ readonly every: number } | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What one PUBLISH told beside its lamp's own fate. */
export interface AttemptOutcome {
  readonly response: PublishResponse;
  /** From sending to the answer, ms. */
  readonly took: number;
  /** The presence server forgot what it had granted. */
  readonly forgotten: boolean;
}

/** Carries claimed summaries to the presence server, one PUBLISH for each claim, and writes down what came of it. */
export class PublicationAttempts {
  readonly #options: PublicationAttemptsOptions;
  readonly #bodies: LampBodies;
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
    this.#bodies = new LampBodies(options.store, options.body, options.logger);
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

  /**
   * Publishes what was claimed and settles it; `onAnswer` hears of the answer before it is written down. Never rejects.
   */
  async run(summary: DueSummary, onAnswer: (outcome: AttemptOutcome) => void): Promise<void> {
    const settlement = await this.#attempt(summary, onAnswer);
    if (settlement === null) return;
    // What was learnt holds whether or not it can be written down.
    this.#memories.set(summary.target.toString(), settlement.memory);
    this.#expires = Math.max(this.#expires, settlement.minExpires ?? 0);
    this.#serverPausedUntil = Math.max(this.#serverPausedUntil, settlement.serverPausedUntil ?? 0);
    await this.#settle(
      summary,
      this.#isBeacon(summary) ? this.#soon(settlement, summary.wantedVersion) : settlement,
    );
  }

  /** Stops waiting for answers; their claims are left to lapse. */
  abandon(): void {
    this.#abandoned = true;
    this.#waits.endAll();
  }

  async #attempt(
    summary: DueSummary,
    onAnswer: (outcome: AttemptOutcome) => void,
  ): Promise<Settlement | null> {
    const { target, state, claim } = summary;
    const { clock, logger } = this.#options;
    const memory = this.#memories.get(target.toString());
    const before = this.#surroundings();
    // The beacon is never let go.
    const step = nextStep(this.#isBeacon(summary) ? { ...summary, changedAt: before.now } : summary, before);
    if (step.kind === 'let-go') {
      logger.info({ mailbox: target.toString() }, 'cleared publication let go');
      return step.settlement;
    }
    const { entityTag, expires, bare } = step.attempt;
    const body = bare ? null : await this.#bodies.bodyOf(summary, before.now);
    const sentAt = clock.now();
    if (sentAt + MWI_LIMITS.publishDeadline > claim.until) {
      // The store was slow: too little of the claim is left to send under its cover.
      return { state, schedule: { dueAt: sentAt, notBefore: sentAt }, memory };
    }
    const response = await this.#publish({ target, entityTag, expires, body });
    if (this.#abandoned) return null;
    const settlement = settlementOf(summary, step.attempt, response, memory, this.#surroundings());
    this.#report(summary, response, settlement);
    onAnswer({
      response,
      took: clock.now() - sentAt,
      // It may be a lost answer that made the tag stale; a server that was away and forgot looks the same.
      forgotten: this.#isBeacon(summary) && settlement.staleTag === true,
    });
    return settlement;
  }

  #isBeacon({ target }: DueSummary): boolean {
    return this.#options.beacon?.target.equals(target) === true;
  }

  #soon(settlement: Settlement, wantedVersion: number): Settlement {
    const { dueAt, notBefore } = settlement.schedule;
    const soon = this.#options.clock.now() + (this.#options.beacon?.every ?? MWI_LIMITS.beaconRefresh);
    // One that is refused is nobody's trouble: no phone looks at it.
    const state =
      settlement.stopped === true
        ? { ...NOTHING_PUBLISHED, publishedVersion: wantedVersion }
        : settlement.state;
    return {
      ...settlement,
      state,
      schedule: { dueAt: Math.max(Math.min(dueAt ?? soon, soon), notBefore), notBefore },
    };
  }

  #surroundings(): PublicationSurroundings {
    const { clock, random, refreshBody } = this.#options;
    return { now: clock.now(), expires: this.#expires, fraction: () => random.fraction(), refreshBody };
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
  async #settle({ target, claim }: DueSummary, { state, schedule }: Settlement): Promise<void> {
    const { store, clock, random, logger } = this.#options;
    const mailbox = target.toString();
    for (let failures = 1; ; failures++) {
      try {
        const kept = await store.settle(claim, target, state, schedule);
        // After a failure the claim may be gone because that try took effect after all.
        if (!kept && failures === 1) this.#tellLost(mailbox, 'the claim was lost');
        return;
      } catch (error) {
        const delay = backoff(MWI_LIMITS.storeBackoff, failures, random.fraction());
        const isOver = clock.now() + delay >= claim.until;
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

  #report(summary: DueSummary, response: PublishResponse, settlement: Settlement): void {
    const { logger } = this.#options;
    const mailbox = summary.target.toString();
    const { counts } = summary;
    const due = settlement.schedule.dueAt;
    switch (response.kind) {
      case 'accepted':
        this.#answers.add({ answer: 'accepted' });
        logger.debug({ mailbox, new: counts.new, old: counts.old, due }, 'summary published');
        return;
      case 'absent':
        this.#answers.add({ answer: 'absent' });
        logger.debug({ mailbox, due }, 'no phone to tell');
        return;
      case 'unanswered':
        this.#answers.add({ answer: 'unanswered' });
        logger.info({ mailbox, due, error: describeError(response.cause) }, 'PUBLISH not answered');
        return;
      case 'rejected':
        this.#answers.add({ answer: String(response.status) });
        this.#reportRefusal(summary, response, settlement);
    }
  }

  #reportRefusal(
    summary: DueSummary,
    { status, reason }: Extract<PublishResponse, { kind: 'rejected' }>,
    { schedule: { dueAt: due }, stopped }: Settlement,
  ): void {
    const { logger } = this.#options;
    const fields = { mailbox: summary.target.toString(), status, reason, due };
    if (stopped !== true) {
      logger.debug(fields, 'PUBLISH refused');
    } else if (this.#isBeacon(summary)) {
      logger.debug(
        fields,
        'the beacon is refused: a server that forgets is noticed at the next refresh only',
      );
    } else if (this.#isNews(status)) {
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
