import { ClaimedWork } from '../../core/claimed-work.ts';
import { pause } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { Counter } from '../../core/metrics.ts';
import type { Random } from '../../core/random.ts';
import type { AttemptOutcome, PushAttemptsOptions } from './attempt.ts';
import { PushAttempts } from './attempt.ts';
import { PUSH_LIMITS } from './limits.ts';
import { nextAttempt } from './policy.ts';
import type { Push, PushOutcome, PushStore } from './ports.ts';

/** Brings texts to users who are online. */
export interface Pushes {
  /** A push may be due: looks into the store soon. To be called after each commit that made one; never throws. */
  wake(): void;
  /** Begins nothing more, waits a bounded time for what is in flight, and frees this node's claims. */
  stop(): Promise<void>;
}

export interface PushesOptions extends PushAttemptsOptions {
  readonly store: Pick<
    PushStore,
    'claimPushes' | 'settlePush' | 'nextPushAt' | 'releasePushes' | 'forgetRegistrations'
  >;
  /** How often a push is tried. */
  readonly attempts: number;
  /** This node's name among those that share the database. */
  readonly node: string;
  readonly random: Random;
}

/** Starts to bring what is due, beginning with what an earlier run of this node left. */
export function startPushes(options: PushesOptions): Pushes {
  const worker = new PushWorker(options);
  worker.wake();
  return worker;
}

/**
 * Claims pushes that are due, and hands each user her new texts:
 *
 *   due ── claimed ──> settling, before the first attempt
 *                         └──> a chat ── all acknowledged ──────────────────────────────────> over
 *                                │ takes no chats, or not this text
 *                                └──> MESSAGEs ── all acknowledged, or refused for good ────> over
 *                                        │ not there, does not want it now, the line broke
 *                                        └──> due later, up to PUSH_ATTEMPTS ──────────────> given up until she registers anew
 *
 * Each text is leased while it is brought, so that neither a second registration, nor another node, nor her own fetching brings
 * it twice: a claim keeps nodes from trying side by side, no more.
 */
class PushWorker implements Pushes {
  readonly #options: PushesOptions;
  readonly #outcomes: Counter;
  readonly #attempts: PushAttempts;
  /** Claimed while another push to the same user was under way, which knows nothing of what made this one due: it comes next. */
  readonly #claimedAgain = new Map<string, { readonly push: Push; readonly claimedUntil: number }>();
  /** By user. */
  readonly #work: ClaimedWork<Push>;
  /** Till then nothing is claimed, for nothing can be sent. */
  #restsUntil = 0;
  #forgotAt = -Infinity;

  constructor(options: PushesOptions) {
    const { store, node, metrics } = options;
    this.#options = options;
    this.#attempts = new PushAttempts(options);
    this.#outcomes = metrics.counter(
      'pushes_total',
      'Attempts to bring new texts to a user who is online, by what came of it',
      ['outcome'],
    );
    this.#work = new ClaimedWork({
      ...options,
      what: 'pushes',
      source: {
        claim: (until, now, limit) => store.claimPushes({ node, until }, now, limit),
        nextAt: () => store.nextPushAt(),
        release: () => store.releasePushes(node),
      },
      limits: PUSH_LIMITS,
      begin: (push, until) => this.#start(push, until),
      beforeClaim: (now) => this.#forget(now),
      restsUntil: (now) => Math.min(this.#restsUntil, now + PUSH_LIMITS.notSent),
      gauge: metrics.gauge('pushes_in_flight', 'Users to whom texts are being brought'),
    });
  }

  wake(): void {
    this.#work.wake();
  }

  stop(): Promise<void> {
    return this.#work.stop();
  }

  async #forget(now: number): Promise<void> {
    const { every, batch } = PUSH_LIMITS.forgetting;
    if (Math.abs(now - this.#forgotAt) < every) return;
    const forgotten = await this.#options.store.forgetRegistrations(now, batch);
    // As many as may be at one time: there are more.
    if (forgotten < batch) this.#forgotAt = now;
  }

  #start(push: Push, claimedUntil: number): void {
    const key = push.user.toString();
    if (this.#work.isStopping) return;
    if (this.#work.isInFlight(key)) {
      this.#claimedAgain.set(key, { push, claimedUntil });
      return;
    }
    this.#work.track(key, this.#run(push, claimedUntil), () => {
      const next = this.#claimedAgain.get(key);
      this.#claimedAgain.delete(key);
      if (next !== undefined) this.#start(next.push, next.claimedUntil);
    });
  }

  /** Makes one attempt and writes down what came of it. Never rejects. */
  async #run(push: Push, claimedUntil: number): Promise<void> {
    const { logger } = this.#options;
    const fields = { user: push.user.toString(), attempts: push.attempts };
    const outcome = await this.#attempt(push, claimedUntil);
    this.#outcomes.add({ outcome: outcome.replaceAll(' ', '_') });
    logger.debug({ ...fields, outcome }, 'push tried');
    // When we stop, the claim is freed with all others.
    if (outcome === 'passed over' && this.#work.isStopping) return;
    // The claim is that of the next push by now.
    if (this.#claimedAgain.has(push.user.toString())) return;
    const settled = this.#settlementOf(push, outcome);
    if (settled.kind === 'failed' && settled.retryAt === null) {
      logger.info(fields, 'texts could not be brought; no more is tried for now');
    }
    await this.#settle(push, settled, claimedUntil);
  }

  async #attempt(push: Push, claimedUntil: number): Promise<AttemptOutcome> {
    const { clock } = this.#options;
    if (push.attempts === 0) await pause(clock, PUSH_LIMITS.settling);
    const stopping = (): boolean => this.#work.isStopping;
    const mayGoOn = (): boolean => !stopping() && clock.now() < claimedUntil - PUSH_LIMITS.claimMargin;
    const left = (): number => Math.max(0, claimedUntil - PUSH_LIMITS.breakOff - clock.now());
    return await this.#attempts.attempt(push, { mayGoOn, left, stopping });
  }

  #settlementOf(push: Push, outcome: AttemptOutcome): PushOutcome {
    const { clock, random, attempts: most } = this.#options;
    const now = clock.now();
    switch (outcome) {
      case 'brought':
      case 'nothing new':
      case 'no way':
        return { kind: 'over' };
      case 'refused':
        return { kind: 'refused' };
      case 'passed over':
        return { kind: 'put off', until: now };
      case 'not sent':
        this.#restsUntil = now + PUSH_LIMITS.notSent;
        return { kind: 'put off', until: this.#restsUntil };
      case 'failed':
      case 'elsewhere':
        return { kind: 'failed', retryAt: nextAttempt(push, most, now, random.fraction()) };
    }
  }

  /** A database that fails for a moment must not hold the next attempt up until the claim lapses. */
  async #settle(push: Push, outcome: PushOutcome, claimedUntil: number): Promise<void> {
    const { store, node, clock, logger } = this.#options;
    for (;;) {
      try {
        await store.settlePush(node, push, outcome);
        return;
      } catch (error) {
        const user = push.user.toString();
        logger.warn({ user, error: describeError(error) }, 'what came of a push is not written down');
      }
      if (this.#work.isStopping || clock.now() >= claimedUntil) return;
      await pause(clock, PUSH_LIMITS.settleRetry);
    }
  }
}
