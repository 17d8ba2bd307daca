import type { Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Gauge } from '../core/metrics.ts';
import { backoff } from './backoff.ts';
import { MWI_LIMITS } from './limits.ts';
import type { DueSummary } from './ports.ts';
import type { PublicationAttemptsOptions } from './publication-attempts.ts';
import { PublicationAttempts } from './publication-attempts.ts';
import { Waits } from './waits.ts';

/** Keeps the presence server told of every mailbox's summary. */
export interface Publisher {
  /** Something may have changed: looks into the store at once. To be called after each commit; never throws. */
  wake(): void;
  /** Starts nothing more, waits a bounded time for what is in flight, and frees this node's claims. */
  stop(): Promise<void>;
}

export interface PublisherOptions extends PublicationAttemptsOptions {
  /** PUBLISHes in flight over all mailboxes. */
  readonly maxInFlight?: number;
}

/** Starts to publish what is due, beginning with what an earlier run of this node left. */
export function startPublisher(options: PublisherOptions): Publisher {
  const publisher = new SummaryPublisher(options);
  publisher.wake();
  return publisher;
}

/**
 * Looks into the store whenever something may be due, claims as much as it can carry, and sends one PUBLISH for each claim.
 * The claim is what keeps a mailbox to one PUBLISH in flight, on this node and on all.
 */
class SummaryPublisher implements Publisher {
  readonly #options: PublisherOptions;
  readonly #maxInFlight: number;
  readonly #attempts: PublicationAttempts;
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #inFlightGauge: Gauge;
  #look: Promise<void> | undefined;
  #timer: { readonly at: number; readonly timer: Timer } | undefined;
  /** When to look next, asked for while a look was under way, epoch ms. */
  #askedFor = Infinity;
  #lastLook = -Infinity;
  #storeRestsUntil = 0;
  #storeFailures = 0;
  /** The last look found at least as much as we could carry. */
  #backlog = false;
  #ownClaimsFreed = false;
  #stopped: Promise<void> | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#maxInFlight = options.maxInFlight ?? MWI_LIMITS.maxInFlight;
    this.#attempts = new PublicationAttempts(options);
    this.#inFlightGauge = options.metrics.gauge('publish_in_flight', 'PUBLISHes in flight');
  }

  wake(): void {
    this.#lookAt(this.#options.clock.now());
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { clock, store, node, logger } = this.#options;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
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
    await this.#look;
    await Promise.all(this.#inFlight.values());
  }

  /** Sees to it that the store is looked into at `at` (epoch ms), or as soon after as it may be. */
  #lookAt(at: number): void {
    if (this.#stopped !== undefined) return;
    if (this.#look !== undefined) {
      this.#askedFor = Math.min(this.#askedFor, at);
      return;
    }
    const now = this.#options.clock.now();
    const when = Math.max(at, this.#earliestLook(), now);
    if (this.#timer !== undefined && this.#timer.at <= when) return;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    if (when > now) {
      const timer = this.#options.clock.after(when - now, () => {
        this.#timer = undefined;
        this.#startLook();
      });
      this.#timer = { at: when, timer };
    } else {
      this.#startLook();
    }
  }

  /** A burst of commits is not a burst of queries, and a backlog is worked off at a pace that leaves room for deposits. */
  #earliestLook(): number {
    const next = this.#lastLook + MWI_LIMITS.claimGap;
    return Math.max(next, this.#storeRestsUntil, this.#attempts.serverPausedUntil);
  }

  #startLook(): void {
    this.#askedFor = Infinity;
    this.#lastLook = this.#options.clock.now();
    this.#look = this.#lookIntoStore().then((next) => {
      this.#look = undefined;
      this.#lookAt(Math.min(next, this.#askedFor));
    });
  }

  /** Claims what is due and starts it; returns when to look again, epoch ms. Never rejects. */
  async #lookIntoStore(): Promise<number> {
    const { store, node, clock, logger } = this.#options;
    const now = clock.now();
    const ceiling = now + MWI_LIMITS.pollCeiling;
    try {
      if (!this.#ownClaimsFreed) {
        // Claims of an earlier run that did not stop cleanly: what they covered has long left or never will.
        await store.releaseClaims(node);
        this.#ownClaimsFreed = true;
      }
      const room = this.#maxInFlight - this.#inFlight.size;
      const claimUntil = now + MWI_LIMITS.claim;
      const claimed = room > 0 ? await store.claimDue(node, now, claimUntil, room) : [];
      this.#backlog = claimed.length >= room;
      for (const summary of claimed) this.#start(summary, claimUntil);
      const next = this.#backlog ? null : await store.nextDueAt();
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

  #start(summary: DueSummary, claimUntil: number): void {
    const mailbox = summary.owner.toString();
    // Claimed while we stop: the claim is freed with all others. Claimed a second time: the first run settles it.
    if (this.#stopped !== undefined || this.#inFlight.has(mailbox)) return;
    const run = this.#attempts.run(summary, claimUntil).finally(() => {
      this.#inFlight.delete(mailbox);
      this.#inFlightGauge.set(this.#inFlight.size);
      this.wake();
    });
    this.#inFlight.set(mailbox, run);
    this.#inFlightGauge.set(this.#inFlight.size);
  }
}
