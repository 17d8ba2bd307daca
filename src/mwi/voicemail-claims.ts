import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Random } from '../core/random.ts';
import { backoff } from '../core/backoff.ts';
import { DueQueue } from '../core/due-queue.ts';
import type { VoicemailStore } from './ports.ts';
import { VOICEMAIL_LIMITS } from './voicemail-limits.ts';

export interface VoicemailClaimsOptions {
  readonly store: VoicemailStore;
  readonly node: string;
  /** How many more users can be taken on. */
  readonly room: () => number;
  /** The user is this node's to watch; told again when it is already. */
  readonly onClaimed: (user: AddressOfRecord) => void;
  /** Another node watches the user now, or the mailbox is gone. */
  readonly onLost: (user: AddressOfRecord) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Held {
  readonly user: AddressOfRecord;
}

/** Which users are this node's to watch: claims them in the store, and renews the claims while it lives. */
export class VoicemailClaims {
  readonly #options: VoicemailClaimsOptions;
  readonly #held = new Map<string, Held>();
  /** When each claim is renewed. */
  readonly #renewals = new DueQueue<Held>();
  #renewing = 0;
  #timer: { readonly at: number; readonly timer: Timer } | undefined;
  #look: Promise<void> | undefined;
  /** When the store is looked into next, epoch ms. */
  #lookAt = -Infinity;
  #lastLook = -Infinity;
  #storeRestsUntil = -Infinity;
  #storeFailures = 0;
  #ownClaimsFreed = false;
  #stopped = false;

  constructor(options: VoicemailClaimsOptions) {
    this.#options = options;
  }

  /** There may be something to claim. */
  wake(): void {
    this.#lookAt = Math.min(this.#lookAt, this.#options.clock.now());
    this.#run();
  }

  /** Leaves `user` to whoever looks at `dueAt` (epoch ms) or later; never rejects. */
  async letGo(user: AddressOfRecord, dueAt: number): Promise<void> {
    const { store, node, logger } = this.#options;
    this.#forget(user);
    try {
      await store.keepWatch(node, user, { dueAt });
    } catch (error) {
      logger.debug({ user: user.toString(), error: describeError(error) }, 'watch not let go; it lapses');
    }
  }

  /** Claims nothing more. Resolves when the look under way is over; never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    this.#renewals.clear();
    await this.#look;
  }

  /** Frees all claims of this node; never rejects. */
  async release(): Promise<void> {
    const { store, node, logger } = this.#options;
    this.#held.clear();
    try {
      await store.releaseWatches(node);
    } catch (error) {
      logger.warn({ error: describeError(error) }, 'watches not released; they lapse by themselves');
    }
  }

  /** Does what is due, and sets the one timer to what is due next. */
  #run(): void {
    if (this.#stopped) return;
    this.#renewClaims();
    this.#lookIfDue();
    const { clock } = this.#options;
    const at = this.#nextDue();
    if (this.#timer !== undefined && this.#timer.at <= at) return;
    this.#timer?.timer.cancel();
    const timer = clock.after(Math.max(0, at - clock.now()), () => {
      this.#timer = undefined;
      this.#run();
    });
    this.#timer = { at, timer };
  }

  /** Epoch ms. What is under way runs us again when it is over. */
  #nextDue(): number {
    const { clock } = this.#options;
    const renewal = this.#renewing < VOICEMAIL_LIMITS.renewalsInFlight ? this.#renewals.first?.at : undefined;
    return Math.min(
      renewal === undefined ? Infinity : Math.max(renewal, this.#storeRestsUntil),
      this.#look === undefined ? Math.max(this.#lookAt, this.#earliestLook()) : Infinity,
      clock.now() + VOICEMAIL_LIMITS.pollCeiling,
    );
  }

  #renewClaims(): void {
    const now = this.#options.clock.now();
    if (now < this.#storeRestsUntil) return;
    while (this.#renewing < VOICEMAIL_LIMITS.renewalsInFlight) {
      const held = this.#renewals.takeDue(now);
      if (held === undefined) return;
      this.#renewing++;
      void this.#renew(held).finally(() => {
        this.#renewing--;
        this.#run();
      });
    }
  }

  async #renew(held: Held): Promise<void> {
    const { store, node, clock, logger, onLost } = this.#options;
    const { user } = held;
    const claimUntil = clock.now() + VOICEMAIL_LIMITS.claim;
    const isHeld = (): boolean => !this.#stopped && this.#held.get(user.toString()) === held;
    try {
      const isKept = await store.keepWatch(node, user, { claimUntil });
      if (!isHeld()) return;
      if (isKept) {
        this.#renewals.set(held, claimUntil - VOICEMAIL_LIMITS.renewLead);
        return;
      }
      logger.info(
        { user: user.toString() },
        'another node watches this voicemail now, or the mailbox is gone',
      );
      this.#forget(user);
      onLost(user);
    } catch (error) {
      // Nobody else can claim it either while the store is away.
      if (isHeld()) this.#renewals.set(held, clock.now());
      this.#storeFailed(error, 'watches not renewed; trying again');
    }
  }

  #forget(user: AddressOfRecord): void {
    const held = this.#held.get(user.toString());
    if (held === undefined) return;
    this.#held.delete(user.toString());
    this.#renewals.delete(held);
  }

  /** A burst of commits is not a burst of queries. */
  #earliestLook(): number {
    return Math.max(this.#lastLook + VOICEMAIL_LIMITS.claimGap, this.#storeRestsUntil);
  }

  #lookIfDue(): void {
    const now = this.#options.clock.now();
    if (this.#look !== undefined || now < Math.max(this.#lookAt, this.#earliestLook())) return;
    this.#lastLook = now;
    this.#lookAt = now + VOICEMAIL_LIMITS.pollCeiling;
    this.#look = this.#lookIntoStore().then((next) => {
      this.#look = undefined;
      this.#lookAt = Math.min(this.#lookAt, next);
      this.#run();
    });
  }

  /** Claims what is due; returns when to look again, epoch ms. Never rejects. */
  async #lookIntoStore(): Promise<number> {
    const { store, node, clock, room } = this.#options;
    try {
      if (!this.#ownClaimsFreed) {
        // Watches of an earlier run that did not stop cleanly.
        await store.releaseWatches(node);
        this.#ownClaimsFreed = true;
      }
      const limit = room();
      if (limit <= 0 || this.#isStopped()) return Infinity;
      const now = clock.now();
      const until = now + VOICEMAIL_LIMITS.claim;
      const users = await store.claimWatches({ node, until }, now, limit);
      this.#storeFailures = 0;
      // Claimed while we stop: the claims are freed with all others.
      for (const user of this.#isStopped() ? [] : users) this.#take(user, until);
      return users.length >= limit ? clock.now() : ((await store.nextWatchAt()) ?? Infinity);
    } catch (error) {
      this.#storeFailed(error, 'cannot look for voicemails to watch; trying again');
      return this.#storeRestsUntil;
    }
  }

  // A method, for the compiler does not see that stop() may have run during an await.
  #isStopped(): boolean {
    return this.#stopped;
  }

  #take(user: AddressOfRecord, until: number): void {
    const held = this.#held.get(user.toString()) ?? { user };
    this.#held.set(user.toString(), held);
    this.#renewals.set(held, until - VOICEMAIL_LIMITS.renewLead);
    this.#options.onClaimed(user);
  }

  #storeFailed(error: unknown, message: string): void {
    const { clock, random, logger } = this.#options;
    if (clock.now() < this.#storeRestsUntil) return;
    this.#storeFailures++;
    const rest = backoff(VOICEMAIL_LIMITS.storeBackoff, this.#storeFailures, random.fraction());
    this.#storeRestsUntil = clock.now() + rest;
    const level = this.#storeFailures === 1 ? 'warn' : 'debug';
    logger[level]({ error: describeError(error) }, message);
  }
}
