import { describeError } from '../core/errors.ts';
import { Lookout } from '../core/lookout.ts';
import type { Gauge } from '../core/metrics.ts';
import { backoff } from '../core/backoff.ts';
import { MWI_LIMITS } from './limits.ts';
import type { DueSummary } from './ports.ts';
import type { AttemptOutcome, PublicationAttemptsOptions } from './publication-attempts.ts';
import { PublicationAttempts } from './publication-attempts.ts';
import { PublishPace } from './publish-pace.ts';
import { ServerWatch } from './server-watch.ts';
import { Waits } from '../core/waits.ts';

/** Keeps the presence server told of what every lamp should say. */
export interface Publisher {
  /** Something may have changed: looks into the store at once. To be called after each commit; never throws. */
  wake(): void;
  /** Starts nothing more, waits a bounded time for what is in flight, and frees this node's claims. */
  stop(): Promise<void>;
}

export interface PublisherOptions extends PublicationAttemptsOptions {
  /** This node's name among those that share the database. */
  readonly node: string;
  /** Most PUBLISHes a second. */
  readonly rate: number;
  /** PUBLISHes in flight over all lamps. */
  readonly maxInFlight?: number;
}

/** Starts to publish what is due, beginning with what an earlier run of this node left. */
export function startPublisher(options: PublisherOptions): Publisher {
  const publisher = new SummaryPublisher(options);
  publisher.wake();
  return publisher;
}

/**
 * Looks into the store whenever something may be due, claims as much as it can carry at its pace, and sends one PUBLISH for
 * each claim. The claim is what keeps a lamp to one PUBLISH in flight, on this node and on all.
 */
class SummaryPublisher implements Publisher {
  readonly #options: PublisherOptions;
  readonly #maxInFlight: number;
  readonly #attempts: PublicationAttempts;
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #pace: PublishPace;
  readonly #watch: ServerWatch;
  readonly #lookout: Lookout;
  readonly #inFlightGauge: Gauge;
  readonly #rateGauge: Gauge;
  #hastening: Promise<void> | undefined;
  /** The quickest answer of late, ms. */
  #quickest: number = MWI_LIMITS.publishDeadline;
  #storeRestsUntil = 0;
  #storeFailures = 0;
  #settledIn = false;
  #stopped: Promise<void> | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#maxInFlight = options.maxInFlight ?? MWI_LIMITS.maxInFlight;
    this.#attempts = new PublicationAttempts(options);
    this.#pace = new PublishPace(options.rate, options.clock);
    this.#watch = new ServerWatch(options.clock);
    this.#lookout = new Lookout({
      clock: options.clock,
      look: () => this.#lookIntoStore(),
      earliest: (lastLook, now) => this.#earliestLook(lastLook, now),
      onWaited: (late) => {
        if (late > MWI_LIMITS.pace.lateTimer) this.#pace.judge('overloaded');
      },
    });
    this.#inFlightGauge = options.metrics.gauge('publish_in_flight', 'PUBLISHes in flight');
    this.#rateGauge = options.metrics.gauge(
      'publish_rate',
      'PUBLISHes a second that may leave, as things are',
    );
    this.#rateGauge.set(Math.round(this.#pace.rate));
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
    const waits = new Waits(clock);
    const deadline = waits.start(MWI_LIMITS.stopDeadline);
    const isQuiet = await Promise.race([this.#quiet().then(() => true), deadline.outcome.then(() => false)]);
    this.#attempts.abandon();
    if (isQuiet) {
      const released = store.releaseClaims(node).catch((error: unknown) => {
        logger.warn({ error: describeError(error) }, 'claims not released; they lapse by themselves');
      });
      await Promise.race([released, deadline.outcome]);
    } else {
      // A claim over a PUBLISH that is still in flight is kept: it is what keeps other nodes from sending one beside it.
      logger.warn({ inFlight: this.#inFlight.size }, 'stopped with PUBLISHes in flight');
    }
    waits.endAll();
  }

  async #quiet(): Promise<void> {
    await this.#lookout.stop();
    await Promise.all([this.#hastening, ...this.#inFlight.values()]);
  }

  /** A burst of commits is not a burst of queries, and a backlog is worked off at a pace that leaves room for deposits. */
  #earliestLook(lastLook: number, now: number): number {
    // A clock that was put back must not make lamps wait until it is again what it was.
    const next = Math.min(lastLook, now) + MWI_LIMITS.claimGap;
    const storeRests = Math.min(this.#storeRestsUntil, now + MWI_LIMITS.storeBackoff.ceiling);
    const serverPauses = Math.min(this.#attempts.serverPausedUntil, now + 2 * MWI_LIMITS.retryAfterCeiling);
    return Math.max(next, storeRests, serverPauses);
  }

  /** Claims what is due and starts it; returns when to look again, epoch ms. Never rejects. */
  async #lookIntoStore(): Promise<number> {
    const { store, clock, logger } = this.#options;
    const now = clock.now();
    const ceiling = now + MWI_LIMITS.pollCeiling;
    try {
      await this.#settleIn(now);
      this.#hasten();
      const room = Math.min(this.#maxInFlight - this.#inFlight.size, this.#pace.room);
      if (room <= 0) {
        // Whatever comes back makes us look again; else the pace says when.
        return Math.min(this.#inFlight.size >= this.#maxInFlight ? Infinity : this.#pace.nextAt, ceiling);
      }
      const claim = { node: this.#options.node, until: now + MWI_LIMITS.claim };
      const claimed = await store.claimDue(claim, now, room);
      this.#pace.spend(claimed.length);
      const backlog = claimed.length >= room;
      for (const summary of claimed) this.#start(summary);
      const next = backlog ? this.#pace.nextAt : await store.nextDueAt();
      this.#storeFailures = 0;
      return Math.min(next ?? Infinity, ceiling);
    } catch (error) {
      this.#storeFailures++;
      const rest = backoff(MWI_LIMITS.storeBackoff, this.#storeFailures, this.#options.random.fraction());
      this.#storeRestsUntil = clock.now() + rest;
      const level = this.#storeFailures === 1 ? 'warn' : 'debug';
      logger[level]({ error: describeError(error) }, 'cannot look for summaries to publish; trying again');
      return this.#storeRestsUntil;
    }
  }

  /** Once: frees what an earlier run of this node left, which has long left or never will, and lights the beacon. */
  async #settleIn(now: number): Promise<void> {
    if (this.#settledIn) return;
    const { store, node, beacon } = this.#options;
    await store.releaseClaims(node);
    if (beacon !== null) await store.keepBeacon(beacon.target, now);
    this.#settledIn = true;
  }

  /** Does for all lamps what the presence server's ways ask for, beside everything else. */
  #hasten(): void {
    if (this.#hastening !== undefined || this.#stopped !== undefined) return;
    const which = this.#watch.take();
    if (which === null) return;
    const { store, clock, logger } = this.#options;
    if (which === 'live') {
      logger.warn({}, 'the presence server forgot our publications: publishing all of them anew');
    } else {
      logger.info({}, 'the presence server is back: publishing what it missed');
    }
    this.#hastening = store
      .hasten(which, clock.now())
      .catch((error: unknown) => {
        logger.warn({ error: describeError(error) }, 'publications not hastened; trying again');
        this.#watch.giveBack(which);
      })
      .finally(() => {
        this.#hastening = undefined;
        this.wake();
      });
  }

  #start(summary: DueSummary): void {
    const lamp = summary.target.toString();
    // Claimed while we stop: the claim is freed with all others. Claimed a second time: the first run settles it.
    if (this.#stopped !== undefined || this.#inFlight.has(lamp)) return;
    const run = this.#attempts
      .run(summary, (outcome) => this.#judge(outcome))
      .finally(() => {
        this.#inFlight.delete(lamp);
        this.#inFlightGauge.set(this.#inFlight.size);
        this.wake();
      });
    this.#inFlight.set(lamp, run);
    this.#inFlightGauge.set(this.#inFlight.size);
  }

  #judge({ response, took, forgotten }: AttemptOutcome): void {
    const failed =
      response.kind === 'unanswered' ||
      (response.kind === 'rejected' && (response.status === 408 || response.status >= 500));
    if (failed) this.#watch.failed();
    else if (response.kind === 'accepted') this.#watch.succeeded();
    if (forgotten) this.#watch.forgot();
    // Slow is what takes long beside the quickest answer seen, which is forgotten little by little: some servers are far away.
    this.#quickest = Math.min(took, this.#quickest * 1.001 + 0.01);
    const isSlow = took > this.#quickest + MWI_LIMITS.pace.slowAnswer;
    this.#pace.judge(failed || isSlow ? 'overloaded' : 'at ease');
    this.#rateGauge.set(Math.round(this.#pace.rate));
  }
}
