import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { DeadlineExceeded } from '../core/deadline.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Gauge, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import type {
  RefreshResponse,
  SubscribeResponse,
  SubscribeSilence,
  Subscription,
} from '../subscription/ports.ts';
import type { Watch, WatchSurroundings, WatchTurn } from '../subscription/watch.ts';
import { NEW_WATCH, afterNotify, afterRefresh, afterSubscribe, dueStep } from '../subscription/watch.ts';
import { DueQueue } from '../core/due-queue.ts';
import type { VoicemailStore } from './ports.ts';
import { PublishPace } from './publish-pace.ts';
import { VoicemailClaims } from './voicemail-claims.ts';
import { VoicemailIntake } from './voicemail-intake.ts';
import { VOICEMAIL_LIMITS } from './voicemail-limits.ts';
import type { SummaryNotification, SummarySubscriber } from './voicemail-ports.ts';
import { VoicemailReports } from './voicemail-reports.ts';
import { VoicemailSigns } from './voicemail-signs.ts';
import { isWithdrawn, standsUntil } from './voicemail-standing.ts';
import { Waits } from '../core/waits.ts';

/** Keeps us told of what the voicemail says of every user who has a mailbox. */
export interface VoicemailWatcher {
  /** There may be a new mailbox. Never throws. */
  wake(): void;
  /** Starts nothing more, and leaves this node's watches to others within a bounded time. */
  stop(): Promise<void>;
}

export interface VoicemailWatcherOptions {
  readonly store: VoicemailStore;
  readonly subscriber: SummarySubscriber;
  /** Name of this node among those that share the store. */
  readonly node: string;
  /** Lifetime to ask for, seconds; by the number of users when left out. */
  readonly expires?: number;
  /** SUBSCRIBEs a second at most. */
  readonly rate?: number;
  /** SUBSCRIBEs in flight over all users. */
  readonly maxInFlight?: number;
  /** Users this node watches at most. */
  readonly maxWatched?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** One user this node watches. */
interface Entry {
  readonly user: AddressOfRecord;
  watch: Watch;
  subscription: Subscription | undefined;
  /** The SUBSCRIBE whose NOTIFYs are believed. */
  attempt: object | undefined;
}

/** Starts to watch, beginning with what an earlier run of this node left. */
export function startVoicemailWatcher(options: VoicemailWatcherOptions): VoicemailWatcher {
  const watcher = new Watcher(options);
  watcher.wake();
  return watcher;
}

/** Subscribes for each user this node has claimed, as the pace allows, and hands on what NOTIFYs say. */
class Watcher implements VoicemailWatcher {
  readonly #options: VoicemailWatcherOptions;
  readonly #maxInFlight: number;
  readonly #maxWatched: number;
  /** SUBSCRIBEs a second at most. */
  readonly #rate: number;
  readonly #claims: VoicemailClaims;
  readonly #entries = new Map<string, Entry>();
  /** Users no subscription stands for. */
  #unasked = 0;
  /** When each user's next SUBSCRIBE is due. */
  readonly #steps = new DueQueue<Entry>();
  readonly #reports: VoicemailReports;
  readonly #pace: PublishPace;
  readonly #signs: VoicemailSigns;
  readonly #waits: Waits;
  #inFlight = 0;
  /** Seconds the voicemail wants at least. */
  #minExpires = 0;
  #hastenedAt = -Infinity;
  #timer: { readonly at: number; readonly timer: Timer } | undefined;
  #stopped: Promise<void> | undefined;
  readonly #answers: Counter;
  readonly #notifies: Counter;
  readonly #watched: Gauge;

  constructor(options: VoicemailWatcherOptions) {
    const { store, node, clock, random, logger, metrics } = options;
    this.#options = options;
    this.#maxInFlight = options.maxInFlight ?? VOICEMAIL_LIMITS.maxInFlight;
    this.#maxWatched = options.maxWatched ?? VOICEMAIL_LIMITS.maxWatched;
    this.#rate = options.rate ?? VOICEMAIL_LIMITS.rate;
    this.#pace = new PublishPace(this.#rate, clock);
    this.#signs = new VoicemailSigns(this.#pace, { clock, logger });
    this.#waits = new Waits(clock);
    const intake = new VoicemailIntake(store, { clock, metrics });
    this.#reports = new VoicemailReports({ intake, clock, random, logger });
    this.#claims = new VoicemailClaims({
      ...{ store, node, clock, random, logger },
      room: () =>
        Math.min(this.#maxWatched - this.#entries.size, VOICEMAIL_LIMITS.maxUnasked - this.#unasked),
      onClaimed: (user) => this.#take(user),
      onLost: (user) => this.#dismiss(user),
    });
    this.#answers = metrics.counter('voicemail_subscribe_total', 'SUBSCRIBEs to the voicemail, by answer', [
      'answer',
    ]);
    this.#notifies = metrics.counter('voicemail_notify_total', 'NOTIFYs of the voicemail, by state', [
      'state',
    ]);
    this.#watched = metrics.gauge('voicemail_watched', 'Users whose voicemail this node watches');
  }

  wake(): void {
    if (this.#stopped === undefined) this.#claims.wake();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    this.#steps.clear();
    // The SUBSCRIBEs in flight are given up; what the voicemail still notifies gets 481, and the subscription ends there.
    this.#waits.endAll();
    for (const { subscription } of this.#entries.values()) subscription?.forget();
    this.#entries.clear();
    const waits = new Waits(this.#options.clock);
    const deadline = waits.start(VOICEMAIL_LIMITS.stopDeadline);
    await Promise.race([Promise.all([this.#claims.stop(), this.#reports.stop()]), deadline.outcome]);
    this.#reports.abandon();
    await Promise.race([this.#claims.release(), deadline.outcome]);
    waits.endAll();
  }

  #take(user: AddressOfRecord): void {
    if (this.#entries.has(user.toString())) return;
    const entry: Entry = { user, watch: NEW_WATCH, subscription: undefined, attempt: undefined };
    this.#entries.set(user.toString(), entry);
    this.#unasked++;
    this.#steps.set(entry, this.#options.clock.now());
    this.#run();
  }

  /** Forgets the user here. */
  #dismiss(user: AddressOfRecord): void {
    const entry = this.#entries.get(user.toString());
    if (entry === undefined) return;
    this.#enter(entry, NEW_WATCH);
    this.#dropSubscription(entry);
    this.#steps.delete(entry);
    this.#entries.delete(user.toString());
    this.#unasked--;
  }

  #isWatched(entry: Entry): boolean {
    return this.#stopped === undefined && this.#entries.get(entry.user.toString()) === entry;
  }

  /** Sends what is due as the pace allows, and sets the one timer to what is due next. */
  #run(): void {
    if (this.#stopped !== undefined) return;
    this.#watched.set(this.#entries.size);
    const { clock } = this.#options;
    while (this.#inFlight < this.#maxInFlight && this.#pace.room >= 1) {
      const entry = this.#steps.takeDue(clock.now());
      if (entry === undefined) break;
      this.#takeStep(entry);
    }
    const first = this.#inFlight < this.#maxInFlight ? this.#steps.first : undefined;
    // With all hands full, the next answer runs us again.
    if (first === undefined) return;
    const at = Math.max(first.at, this.#pace.room >= 1 ? first.at : this.#pace.nextAt);
    if (this.#timer !== undefined && this.#timer.at <= at) return;
    this.#timer?.timer.cancel();
    const timer = clock.after(Math.max(0, at - clock.now()), () => {
      this.#timer = undefined;
      this.#run();
    });
    this.#timer = { at, timer };
  }

  #takeStep(entry: Entry): void {
    const step = dueStep(entry.watch, this.#surroundings());
    if (step.kind === 'none') {
      this.#turn(entry, step.turn);
      return;
    }
    if (step.drop) this.#dropSubscription(entry);
    this.#enter(entry, step.watch);
    this.#pace.spend(1);
    this.#inFlight++;
    const { subscription } = entry;
    const isRefresh = step.kind === 'refresh' && subscription !== undefined;
    void (isRefresh ? this.#refresh(entry, subscription) : this.#subscribe(entry)).finally(() => {
      this.#inFlight--;
      this.#run();
    });
  }

  async #subscribe(entry: Entry): Promise<void> {
    const { subscriber, clock } = this.#options;
    const sentAt = clock.now();
    const attempt = {};
    entry.attempt = attempt;
    const answer = subscriber.subscribe(entry.user, this.#lifetime(), (notification) => {
      // NOTIFYs of a subscription that was given up say nothing any more.
      if (this.#isWatched(entry) && entry.attempt === attempt) this.#notified(entry, notification);
    });
    const response = await this.#bounded<SubscribeResponse>(answer, (late) => {
      if (late.kind === 'accepted') late.subscription.forget();
    });
    if (!this.#isWatched(entry) || entry.attempt !== attempt) {
      if (response.kind === 'accepted') response.subscription.forget();
      return;
    }
    this.#judge(response, sentAt);
    if (response.kind === 'accepted') entry.subscription = response.subscription;
    else entry.attempt = undefined;
    this.#turn(entry, afterSubscribe(entry.watch, response, this.#surroundings()));
  }

  async #refresh(entry: Entry, subscription: Subscription): Promise<void> {
    const sentAt = this.#options.clock.now();
    const response = await this.#bounded<RefreshResponse>(
      subscription.refresh(this.#lifetime()),
      () => undefined,
    );
    // A NOTIFY may have ended it, and another may be under way by now.
    if (!this.#isWatched(entry) || entry.subscription !== subscription) return;
    this.#judge(response, sentAt);
    if (response.kind === 'rejected' && response.status === 481) this.#hasten();
    this.#turn(entry, afterRefresh(entry.watch, response, this.#surroundings()));
  }

  /** A voicemail that does not know one subscription may have restarted, and know none: all are refreshed as the pace allows. */
  #hasten(): void {
    const now = this.#options.clock.now();
    if (now - this.#hastenedAt < VOICEMAIL_LIMITS.hastenGap) return;
    this.#hastenedAt = now;
    for (const entry of this.#entries.values()) {
      if (entry.watch.phase === 'subscribed' && entry.watch.heard) this.#steps.set(entry, now);
    }
  }

  /** Seconds to ask for. */
  #lifetime(): number {
    const { shortest, longest } = VOICEMAIL_LIMITS.expires;
    const { from } = VOICEMAIL_LIMITS.refreshWindow;
    const bearable = this.#entries.size / (this.#rate * VOICEMAIL_LIMITS.refreshShare * from);
    const wanted = this.#options.expires ?? Math.ceil(Math.min(Math.max(bearable, shortest), longest));
    return Math.max(wanted, this.#minExpires);
  }

  /** Gives an answer up after a while; `onLate` is told of one that comes after all. Never rejects. */
  async #bounded<R>(answer: Promise<R>, onLate: (response: R) => void): Promise<R | SubscribeSilence> {
    const limit = VOICEMAIL_LIMITS.subscribeDeadline;
    const wait = this.#waits.start(limit);
    let isLate = false;
    const overdue = wait.outcome.then((): SubscribeSilence => {
      isLate = true;
      return { kind: 'unanswered', cause: new DeadlineExceeded('SUBSCRIBE', limit) };
    });
    const inTime = answer.then((response) => {
      if (isLate) onLate(response);
      return response;
    });
    try {
      return await Promise.race([inTime, overdue]);
    } catch (cause) {
      return { kind: 'unanswered', cause };
    } finally {
      wait.end();
    }
  }

  #notified(entry: Entry, notification: SummaryNotification): void {
    const { clock, logger } = this.#options;
    const { user } = entry;
    const { state, reason, body } = notification;
    this.#notifies.add({ state });
    logger.debug({ user: user.toString(), state, reason }, 'the voicemail notifies');
    if (isWithdrawn(notification)) this.#reports.put(user, null, clock.now());
    else if (body !== null) {
      this.#reports.put(user, body, standsUntil(entry.watch, notification, clock.now()));
    }
    this.#turn(entry, afterNotify(entry.watch, notification, this.#surroundings()));
    this.#run();
  }

  /** Brings about what the machine says. */
  #turn(entry: Entry, turn: WatchTurn): void {
    const { user } = entry;
    this.#enter(entry, turn.watch);
    if (turn.drop === true) this.#dropSubscription(entry);
    if (turn.minExpires !== undefined) this.#minExpires = Math.max(this.#minExpires, turn.minExpires);
    if (turn.refusedWith !== undefined) this.#signs.tellRefusal(user, turn.refusedWith);
    if (turn.letGo === true && turn.dueAt !== null) {
      this.#dismiss(user);
      void this.#claims.letGo(user, turn.dueAt);
    } else if (turn.dueAt === null) this.#steps.delete(entry);
    else this.#steps.set(entry, turn.dueAt);
  }

  #enter(entry: Entry, watch: Watch): void {
    const isUnasked = (phase: Watch['phase']): number => (phase === 'unasked' ? 1 : 0);
    this.#unasked += isUnasked(watch.phase) - isUnasked(entry.watch.phase);
    entry.watch = watch;
  }

  #dropSubscription(entry: Entry): void {
    entry.subscription?.forget();
    entry.subscription = undefined;
    entry.attempt = undefined;
  }

  #surroundings(): WatchSurroundings {
    const { clock, random } = this.#options;
    return { now: clock.now(), expires: this.#lifetime(), fraction: () => random.fraction() };
  }

  #judge(response: SubscribeResponse | RefreshResponse, sentAt: number): void {
    const answer = response.kind === 'rejected' ? String(response.status) : response.kind;
    this.#answers.add({ answer });
    this.#signs.judge(response, sentAt);
  }
}
