import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { Waits } from '../core/waits.ts';
import { Farewells } from './farewells.ts';
import { inTime } from './in-time.ts';
import { SUBSCRIPTION_LIMITS } from './limits.ts';
import { PacedSteps } from './paced-steps.ts';
import type { Notification, RefreshResponse, SubscribeResponse, Subscriber, Subscription } from './ports.ts';
import type { Pace } from './steady-pace.ts';
import type { Watch, WatchSurroundings, WatchTurn } from './watch.ts';
import { NEW_WATCH } from './watch.ts';
import { afterNotify, afterRefresh, afterSubscribe, dueStep, endOf } from './watch-turns.ts';

export interface SubscriptionPoolOptions<Body> {
  readonly subscriber: Subscriber<Body>;
  /** How fast SUBSCRIBEs may leave. */
  readonly pace: Pace;
  /** The same a second: lifetimes are such that refreshes take a part of it only. */
  readonly rate: number;
  readonly maxInFlight: number;
  /** Lifetime to ask for, seconds; by the number of users when left out. */
  readonly expires?: number;
  /** A NOTIFY came. `endsAt`: when the subscription ends as things are, or ended, epoch ms. Must not throw. */
  readonly onNotify: (user: AddressOfRecord, notification: Notification<Body>, endsAt: number) => void;
  /** A SUBSCRIBE that begins a subscription leaves: what the last one said may not be continued. Must not throw. */
  readonly onSubscribing?: (user: AddressOfRecord) => void;
  /**
   * An answer came to a SUBSCRIBE that left at `sentAt` (epoch ms), or none did; `refusedWith`: its status, where somebody has to
   * look at it. Must not throw.
   */
  readonly onAnswer: (
    user: AddressOfRecord,
    response: SubscribeResponse | RefreshResponse,
    sentAt: number,
    refusedWith: number | undefined,
  ) => void;
  /**
   * Nothing is to be expected for `user` before `dueAt` (epoch ms): she is kept no more. Left out: she is, and tried again then.
   * Must not throw.
   */
  readonly onLetGo?: (user: AddressOfRecord, dueAt: number) => void;
  readonly clock: Clock;
  readonly random: Random;
}

/** One user who is subscribed to, or will be. */
interface Entry {
  readonly user: AddressOfRecord;
  watch: Watch;
  subscription: Subscription | undefined;
  /** The SUBSCRIBE whose NOTIFYs are believed. */
  attempt: object | undefined;
  /** When to refresh ahead of time, epoch ms. */
  hurryAt: number;
}

/** A subscription that is to end. */
interface Leaving {
  readonly user: AddressOfRecord;
  readonly leaves: Subscription;
}

/**
 * Keeps a subscription for each of many users: begins it, refreshes it, begins it anew when it is lost, as {@link Watch} says,
 * and ends it, as fast as the pace allows.
 */
export class SubscriptionPool<Body> {
  readonly #options: SubscriptionPoolOptions<Body>;
  readonly #entries = new Map<string, Entry>();
  /** When each next SUBSCRIBE is due. */
  readonly #steps: PacedSteps<Entry | Leaving>;
  readonly #waits: Waits;
  readonly #farewells: Farewells;
  #unasked = 0;
  /** Seconds the notifier wants at least. */
  #minExpires = 0;
  #hastenedAt = -Infinity;
  #stopped = false;

  constructor(options: SubscriptionPoolOptions<Body>) {
    this.#options = options;
    this.#waits = new Waits(options.clock);
    this.#farewells = new Farewells(this.#waits);
    this.#steps = new PacedSteps({
      ...options,
      take: (due) => ('leaves' in due ? this.#farewells.end(due.leaves) : this.#takeStep(due)),
    });
  }

  /** Users who are subscribed to, or will be. */
  get size(): number {
    return this.#entries.size;
  }

  /** Those of them for whom no SUBSCRIBE is under way or taken. */
  get unasked(): number {
    return this.#unasked;
  }

  /** Subscribes for `user`, unless that is done already. */
  add(user: AddressOfRecord): void {
    const key = user.toString();
    if (this.#stopped || this.#entries.has(key)) return;
    const entry: Entry = {
      user,
      watch: NEW_WATCH,
      subscription: undefined,
      attempt: undefined,
      hurryAt: Infinity,
    };
    this.#entries.set(key, entry);
    this.#unasked++;
    this.#steps.set(entry, this.#options.clock.now());
    this.#steps.run();
  }

  /** Ends the subscription for `user` (RFC 6665 §4.1.2.3). */
  remove(user: AddressOfRecord): void {
    const entry = this.#takeOut(user);
    if (entry?.subscription === undefined) return;
    this.#leave(user, entry.subscription);
    this.#steps.run();
  }

  /** Keeps `user` no more; the notifier learns it by the 481 to its next NOTIFY. */
  forget(user: AddressOfRecord): void {
    this.#takeOut(user)?.subscription?.forget();
  }

  /** Refreshes ahead of time, not before `at` (epoch ms): the notifier tells the whole state then. */
  hurry(user: AddressOfRecord, at: number): void {
    const entry = this.#entries.get(user.toString());
    if (entry === undefined) return;
    entry.hurryAt = Math.min(entry.hurryAt, at);
    this.#hurry(entry);
    this.#steps.run();
  }

  /** Starts nothing more and forgets all: what is still notified gets 481, and the subscription ends there. */
  stop(): void {
    this.#stopped = true;
    this.#steps.stop();
    for (const { subscription } of this.#entries.values()) subscription?.forget();
    this.#entries.clear();
    this.#waits.endAll();
  }

  #takeOut(user: AddressOfRecord): Entry | undefined {
    const entry = this.#entries.get(user.toString());
    if (entry === undefined) return undefined;
    this.#enter(entry, NEW_WATCH);
    this.#entries.delete(user.toString());
    this.#steps.delete(entry);
    this.#unasked--;
    return entry;
  }

  #isKept(entry: Entry): boolean {
    return this.#entries.get(entry.user.toString()) === entry;
  }

  /** What leaves for her now; undefined for nothing. */
  #takeStep(entry: Entry): Promise<void> | undefined {
    const step = dueStep(entry.watch, this.#surroundings());
    if (step.kind === 'none') {
      this.#turn(entry, step.turn);
      return undefined;
    }
    if (step.drop) this.#drop(entry);
    this.#enter(entry, step.watch);
    entry.hurryAt = Infinity;
    const { subscription } = entry;
    const isRefresh = step.kind === 'refresh' && subscription !== undefined;
    return isRefresh ? this.#refresh(entry, subscription) : this.#subscribe(entry);
  }

  async #subscribe(entry: Entry): Promise<void> {
    const { subscriber, clock, onSubscribing } = this.#options;
    const { user } = entry;
    const sentAt = clock.now();
    const attempt = {};
    entry.attempt = attempt;
    const isCurrent = (): boolean => this.#isKept(entry) && entry.attempt === attempt;
    let begun: Subscription | undefined;
    onSubscribing?.(user);
    const answer = subscriber.subscribe(user, this.#lifetime(), (notification) => {
      // NOTIFYs of a subscription that was given up say nothing any more.
      if (isCurrent()) this.#notified(entry, notification);
      else if (begun !== undefined && notification.state === 'terminated') this.#farewells.over(begun);
    });
    const response = await inTime<SubscribeResponse>(this.#waits, answer, (late) => {
      if (late.kind === 'accepted') late.subscription.forget();
    });
    if (response.kind === 'accepted') begun = response.subscription;
    if (!isCurrent()) {
      if (begun !== undefined) this.#leave(user, begun);
      return;
    }
    if (begun === undefined) entry.attempt = undefined;
    else entry.subscription = begun;
    this.#answered(entry, response, sentAt, afterSubscribe(entry.watch, response, this.#surroundings()));
  }

  async #refresh(entry: Entry, subscription: Subscription): Promise<void> {
    const sentAt = this.#options.clock.now();
    const response = await inTime<RefreshResponse>(
      this.#waits,
      subscription.refresh(this.#lifetime()),
      () => undefined,
    );
    // A NOTIFY may have ended it, and another may be under way by now.
    if (!this.#isKept(entry) || entry.subscription !== subscription) return;
    if (response.kind === 'rejected' && response.status === 481) this.#hastenAll();
    this.#answered(entry, response, sentAt, afterRefresh(entry.watch, response, this.#surroundings()));
  }

  #answered(
    entry: Entry,
    response: SubscribeResponse | RefreshResponse,
    sentAt: number,
    turn: WatchTurn,
  ): void {
    this.#options.onAnswer(entry.user, response, sentAt, turn.refusedWith);
    this.#turn(entry, turn);
  }

  #leave(user: AddressOfRecord, subscription: Subscription): void {
    if (this.#stopped) subscription.forget();
    else this.#steps.set({ user, leaves: subscription }, this.#options.clock.now());
  }

  /** A notifier that does not know one subscription may have restarted, and know none: all are refreshed as the pace allows. */
  #hastenAll(): void {
    const now = this.#options.clock.now();
    if (now - this.#hastenedAt < SUBSCRIPTION_LIMITS.hastenGap) return;
    this.#hastenedAt = now;
    for (const entry of this.#entries.values()) {
      if (entry.watch.phase === 'subscribed' && entry.watch.heard) this.#steps.set(entry, now);
    }
  }

  #hurry(entry: Entry): void {
    const { watch, hurryAt } = entry;
    if (hurryAt < Infinity && watch.phase === 'subscribed' && watch.heard) this.#steps.set(entry, hurryAt);
  }

  /** Seconds to ask for. */
  #lifetime(): number {
    const { expires, refreshShare, refreshWindow } = SUBSCRIPTION_LIMITS;
    const bearable = this.#entries.size / (this.#options.rate * refreshShare * refreshWindow.from);
    const fitting = Math.ceil(Math.min(Math.max(bearable, expires.shortest), expires.longest));
    const wanted = this.#options.expires ?? fitting;
    return Math.max(wanted, this.#minExpires);
  }

  #notified(entry: Entry, notification: Notification<Body>): void {
    const { clock, onNotify } = this.#options;
    onNotify(entry.user, notification, endOf(entry.watch, notification, clock.now()));
    // Whoever was told may have given the user up.
    if (this.#isKept(entry)) {
      this.#turn(entry, afterNotify(entry.watch, notification, this.#surroundings()));
    }
    this.#steps.run();
  }

  /** Brings about what the machine says. */
  #turn(entry: Entry, turn: WatchTurn): void {
    const { onLetGo } = this.#options;
    this.#enter(entry, turn.watch);
    if (turn.drop === true) this.#drop(entry);
    if (turn.minExpires !== undefined) this.#minExpires = Math.max(this.#minExpires, turn.minExpires);
    if (turn.letGo === true && turn.dueAt !== null && onLetGo !== undefined) {
      this.forget(entry.user);
      onLetGo(entry.user, turn.dueAt);
      return;
    }
    if (turn.dueAt === null) this.#steps.delete(entry);
    else this.#steps.set(entry, turn.dueAt);
    this.#hurry(entry);
  }

  #enter(entry: Entry, watch: Watch): void {
    const isUnasked = (phase: Watch['phase']): number => (phase === 'unasked' ? 1 : 0);
    this.#unasked += isUnasked(watch.phase) - isUnasked(entry.watch.phase);
    entry.watch = watch;
  }

  #drop(entry: Entry): void {
    entry.subscription?.forget();
    entry.subscription = undefined;
    entry.attempt = undefined;
  }

  #surroundings(): WatchSurroundings {
    const { clock, random } = this.#options;
    return { now: clock.now(), expires: this.#lifetime(), fraction: () => random.fraction() };
  }
}
