import { backoff } from '../../core/backoff.ts';
import { pause } from '../../core/clock.ts';
import { withDeadline } from '../../core/deadline.ts';
import { describeError } from '../../core/errors.ts';
import { Lookout } from '../../core/lookout.ts';
import type { Counter, Gauge } from '../../core/metrics.ts';
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
  readonly #inFlightGauge: Gauge;
  readonly #attempts: PushAttempts;
  /** Claimed while another push to the same user was under way, which knows nothing of what made this one due: it comes next. */
  readonly #claimedAgain = new Map<string, { readonly push: Push; readonly claimedUntil: number }>();
  /** By user. */
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #lookout: Lookout;
  #storeRestsUntil = 0;
  /** Till then nothing is claimed, for nothing can be sent. */
  #restsUntil = 0;
  #storeFailures = 0;
  #settledIn = false;
  #forgotAt = -Infinity;
  #stopped: Promise<void> | undefined;

  constructor(options: PushesOptions) {
    const { clock, metrics } = options;
    this.#options = options;
    this.#lookout = new Lookout({
      clock,
      look: () => this.#lookIntoStore(),
      earliest: (lastLook, now) => this.#earliestLook(lastLook, now),
      longestWait: PUSH_LIMITS.pollCeiling,
    });
    this.#attempts = new PushAttempts(options);
    this.#outcomes = metrics.counter(
      'pushes_total',
      'Attempts to bring new texts to a user who is online, by what came of it',
      ['outcome'],
    );
    this.#inFlightGauge = metrics.gauge('pushes_in_flight', 'Users to whom texts are being brought');
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
        await withDeadline(clock, PUSH_LIMITS.stopDeadline, operation, work);
      } catch (error) {
        // Leases and claims lapse by themselves.
        logger.warn({ error: describeError(error) }, 'pushes stop before they are through');
      }
    };
    await within('bringing texts', quiet());
    await within('freeing claims', store.releasePushes(node));
  }

  /** A clock that was put back must not make us wait until it is again what it was. */
  #earliestLook(lastLook: number, now: number): number {
    const { lookGap, storeBackoff, notSent } = PUSH_LIMITS;
    return Math.max(
      Math.min(lastLook + lookGap, now + lookGap),
      Math.min(this.#restsUntil, now + notSent),
      Math.min(this.#storeRestsUntil, now + storeBackoff.ceiling),
    );
  }

  /** Claims what is due and starts it; returns when to look again, epoch ms. Never rejects. */
  async #lookIntoStore(): Promise<number> {
    const { store, node, clock, random, logger } = this.#options;
    const now = clock.now();
    const ceiling = now + PUSH_LIMITS.pollCeiling;
    try {
      if (!this.#settledIn) await store.releasePushes(node);
      this.#settledIn = true;
      await this.#forget(now);
      const room = PUSH_LIMITS.inFlight - this.#inFlight.size;
      // Whatever comes back makes us look again.
      if (room <= 0) return ceiling;
      const until = now + PUSH_LIMITS.claim;
      const claimed = await store.claimPushes({ node, until }, now, room);
      for (const push of claimed) this.#start(push, until);
      const next = claimed.length < room ? await store.nextPushAt() : now;
      this.#storeFailures = 0;
      return Math.min(next ?? Infinity, ceiling);
    } catch (error) {
      this.#storeFailures++;
      const rest = backoff(PUSH_LIMITS.storeBackoff, this.#storeFailures, random.fraction());
      this.#storeRestsUntil = clock.now() + rest;
      const level = this.#storeFailures === 1 ? 'warn' : 'debug';
      logger[level]({ error: describeError(error) }, 'cannot look for texts to bring; trying again');
      return this.#storeRestsUntil;
    }
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
    // Claimed while we stop: the claim is freed with all others.
    if (this.#stopped !== undefined) return;
    if (this.#inFlight.has(key)) {
      this.#claimedAgain.set(key, { push, claimedUntil });
      return;
    }
    const run = this.#run(push, claimedUntil).finally(() => {
      this.#inFlight.delete(key);
      this.#inFlightGauge.set(this.#inFlight.size);
      const next = this.#claimedAgain.get(key);
      this.#claimedAgain.delete(key);
      if (next !== undefined) this.#start(next.push, next.claimedUntil);
      this.wake();
    });
    this.#inFlight.set(key, run);
    this.#inFlightGauge.set(this.#inFlight.size);
  }

  /** Makes one attempt and writes down what came of it. Never rejects. */
  async #run(push: Push, claimedUntil: number): Promise<void> {
    const { logger } = this.#options;
    const fields = { user: push.user.toString(), attempts: push.attempts };
    const outcome = await this.#attempt(push, claimedUntil);
    this.#outcomes.add({ outcome: outcome.replaceAll(' ', '_') });
    logger.debug({ ...fields, outcome }, 'push tried');
    // When we stop, the claim is freed with all others.
    if (outcome === 'passed over' && this.#stopped !== undefined) return;
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
    const stopping = (): boolean => this.#stopped !== undefined;
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
      if (this.#stopped !== undefined || clock.now() >= claimedUntil) return;
      await pause(clock, PUSH_LIMITS.settleRetry);
    }
  }
}
