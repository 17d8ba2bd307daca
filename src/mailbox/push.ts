import type { AddressOfRecord } from '../core/address-of-record.ts';
import { backoff } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { pause } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { MailboxError, describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { Lookout } from '../core/lookout.ts';
import type { Counter, Gauge, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import { PagerDeliveryFailed } from './ports.ts';
import type { Courier } from './push-delivery.ts';
import { ChatCourier, MessageCourier } from './push-delivery.ts';
import type { ChatCaller, PushPager } from './push-delivery-ports.ts';
import { CallFailed } from './push-delivery-ports.ts';
import type { PushFrom } from './push-identity.ts';
import { PUSH_LIMITS } from './push-limits.ts';
import type { PushWay } from './push-policy.ts';
import { nextAttempt, verdictOnCall, verdictOnMessage, waysTo } from './push-policy.ts';
import type { Push, PushOutcome, PushStore } from './push-ports.ts';
import { Recently } from './recently.ts';
import type { Retrievals } from './retrieval.ts';

/** Brings texts to users who are online. */
export interface Pushes {
  /** A push may be due: looks into the store soon. To be called after each commit that made one; never throws. */
  wake(): void;
  /** Begins nothing more, waits a bounded time for what is in flight, and frees this node's claims. */
  stop(): Promise<void>;
}

export interface PushesOptions {
  readonly store: Pick<
    PushStore,
    'claimPushes' | 'settlePush' | 'nextPushAt' | 'releasePushes' | 'forgetRegistrations'
  >;
  readonly retrievals: Pick<Retrievals, 'run'>;
  /** Undefined: no chats are had here, and every text goes by MESSAGE. */
  readonly caller: ChatCaller | undefined;
  readonly pager: PushPager;
  readonly account: AddressOfRecord;
  readonly pushFrom: PushFrom;
  /** Names of headers kept with texts: KEEP_HEADERS. */
  readonly keptHeaders?: readonly string[];
  /** How often a push is tried. */
  readonly attempts: number;
  /** This node's name among those that share the database. */
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Starts to bring what is due, beginning with what an earlier run of this node left. */
export function startPushes(options: PushesOptions): Pushes {
  const worker = new PushWorker(options);
  worker.wake();
  return worker;
}

/**
 * What came of one attempt.
 *   brought      all new texts are hers
 *   nothing new  there was none
 *   refused      her phone does not take what is left, in any way
 *   no way       her phone takes neither chats nor MESSAGEs
 *   elsewhere    a retrieval of hers, or a push to another address of hers, hands them over
 *   failed       nobody answered, or not now
 *   passed over  goes on with the next claim: we stop, or this one is nearly over
 */
type Outcome = 'brought' | 'nothing new' | 'refused' | 'no way' | 'elsewhere' | 'failed' | 'passed over';

/** A text is not begun any more: the program stops, or the claim is nearly over. */
class PushBrokenOff extends MailboxError {
  constructor() {
    super('PUSH_BROKEN_OFF', 'the push goes on later');
  }
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
  readonly #texts: Counter;
  readonly #inFlightGauge: Gauge;
  /** Registrations whose phone takes no chats. */
  readonly #withoutChat: Recently;
  /** By user. */
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #lookout: Lookout;
  #storeRestsUntil = 0;
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
    this.#withoutChat = new Recently({ clock, ...PUSH_LIMITS.withoutChat });
    this.#outcomes = metrics.counter(
      'pushes_total',
      'Attempts to bring new texts to a user who is online, by what came of it',
      ['outcome'],
    );
    this.#texts = metrics.counter('texts_pushed_total', 'Texts brought to users who are online, by the way', [
      'by',
    ]);
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
    const { lookGap, storeBackoff } = PUSH_LIMITS;
    return Math.max(
      Math.min(lastLook + lookGap, now + lookGap),
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
    // Claimed while we stop: the claim is freed with all others. Claimed a second time: the first run settles it.
    if (this.#stopped !== undefined || this.#inFlight.has(key)) return;
    const run = this.#run(push, claimedUntil).finally(() => {
      this.#inFlight.delete(key);
      this.#inFlightGauge.set(this.#inFlight.size);
      this.wake();
    });
    this.#inFlight.set(key, run);
    this.#inFlightGauge.set(this.#inFlight.size);
  }

  /** Makes one attempt and writes down what came of it. Never rejects. */
  async #run(push: Push, claimedUntil: number): Promise<void> {
    const { clock, random, logger, attempts: most } = this.#options;
    const fields = { user: push.user.toString(), attempts: push.attempts };
    const outcome = await this.#attempt(push, claimedUntil);
    this.#outcomes.add({ outcome: outcome.replaceAll(' ', '_') });
    logger.debug({ ...fields, outcome }, 'push tried');
    if (outcome === 'passed over') {
      // When we stop, the claim is freed with all others.
      if (this.#stopped === undefined) {
        await this.#settle(push, { kind: 'failed', retryAt: clock.now() }, claimedUntil);
      }
      return;
    }
    if (outcome !== 'failed' && outcome !== 'elsewhere') {
      await this.#settle(push, { kind: 'over' }, claimedUntil);
      return;
    }
    const retryAt = nextAttempt(push, most, clock.now(), random.fraction());
    if (retryAt === null) logger.info(fields, 'texts could not be brought; no more is tried for now');
    await this.#settle(push, { kind: 'failed', retryAt }, claimedUntil);
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

  async #attempt(push: Push, claimedUntil: number): Promise<Outcome> {
    const { clock, caller } = this.#options;
    if (push.attempts === 0) await pause(clock, PUSH_LIMITS.settling);
    const mayGoOn = (): boolean =>
      this.#stopped === undefined && clock.now() < claimedUntil - PUSH_LIMITS.claimMargin;
    const ways = waysTo(push.methods, caller !== undefined && !this.#withoutChat.has(phoneOf(push)));
    let outcome: Outcome = 'no way';
    for (const way of ways) {
      if (!mayGoOn()) return 'passed over';
      outcome = await this.#bring(push, way, mayGoOn);
      if (outcome !== 'no way' && outcome !== 'refused') return outcome;
    }
    return outcome;
  }

  /** Never rejects. */
  async #bring(push: Push, way: PushWay, mayGoOn: () => boolean): Promise<Outcome> {
    const { retrievals, logger } = this.#options;
    const { user } = push;
    const fields = { user: user.toString(), way };
    const courier = this.#courier(push, way);
    try {
      const result = await retrievals.run(user, async (message) => {
        if (!mayGoOn()) throw new PushBrokenOff();
        await courier.deliver(message);
        this.#texts.add({ by: way });
      });
      const { delivered, refused, elsewhere } = result;
      if (delivered + refused > 0) logger.info({ ...fields, delivered, refused }, 'texts brought');
      if (elsewhere > 0) return 'elsewhere';
      if (refused > 0) return 'refused';
      return delivered > 0 ? 'brought' : 'nothing new';
    } catch (error) {
      const outcome = this.#verdictOn(error, push);
      logger.info({ ...fields, outcome, error: describeError(error) }, 'bringing texts broke off');
      return outcome;
    } finally {
      await courier.end();
    }
  }

  #courier({ user, hop }: Push, way: PushWay): Courier {
    const { caller, pager, pushFrom, keptHeaders = [], account, clock, logger } = this.#options;
    const options = { registration: { user, hop }, pushFrom, keptHeaders, account, clock, logger };
    return way === 'chat' && caller !== undefined
      ? new ChatCourier(caller, options)
      : new MessageCourier(pager, options);
  }

  #verdictOn(error: unknown, push: Push): Outcome {
    if (error instanceof PushBrokenOff || this.#stopped !== undefined) return 'passed over';
    if (error instanceof CallFailed) {
      const verdict = verdictOnCall(error.status);
      if (verdict !== 'later') this.#withoutChat.add(phoneOf(push));
      return verdict === 'no chat' ? 'no way' : 'failed';
    }
    if (error instanceof PagerDeliveryFailed && verdictOnMessage(error.status) === 'no MESSAGE')
      return 'no way';
    return 'failed';
  }
}

function phoneOf({ user, name }: Push): string {
  return `${user.toString()} ${name}`;
}
