import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Gauge, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import { Waits } from '../core/waits.ts';
import { SubscriptionPool } from '../subscription/pool.ts';
import type { RefreshResponse, SubscribeResponse } from '../subscription/ports.ts';
import type { VoicemailStore } from './ports.ts';
import { PublishPace } from './publish-pace.ts';
import { VoicemailClaims } from './voicemail-claims.ts';
import { VoicemailIntake } from './voicemail-intake.ts';
import { VOICEMAIL_LIMITS } from './voicemail-limits.ts';
import type { SummaryNotification, SummarySubscriber } from './voicemail-ports.ts';
import { VoicemailReports } from './voicemail-reports.ts';
import { VoicemailSigns } from './voicemail-signs.ts';
import { isWithdrawn, standsUntil } from './voicemail-standing.ts';

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

/** Starts to watch, beginning with what an earlier run of this node left. */
export function startVoicemailWatcher(options: VoicemailWatcherOptions): VoicemailWatcher {
  const watcher = new Watcher(options);
  watcher.wake();
  return watcher;
}

/** Subscribes for each user this node has claimed, and hands on what NOTIFYs say. */
class Watcher implements VoicemailWatcher {
  readonly #options: VoicemailWatcherOptions;
  readonly #claims: VoicemailClaims;
  readonly #pool: SubscriptionPool<string>;
  readonly #reports: VoicemailReports;
  readonly #signs: VoicemailSigns;
  #stopped: Promise<void> | undefined;
  readonly #answers: Counter;
  readonly #notifies: Counter;
  readonly #watched: Gauge;

  constructor(options: VoicemailWatcherOptions) {
    const { store, node, subscriber, clock, random, logger, metrics } = options;
    const { maxInFlight = VOICEMAIL_LIMITS.maxInFlight, maxWatched = VOICEMAIL_LIMITS.maxWatched } = options;
    const { rate = VOICEMAIL_LIMITS.rate } = options;
    this.#options = options;
    const pace = new PublishPace(rate, clock);
    this.#signs = new VoicemailSigns(pace, { clock, logger });
    const intake = new VoicemailIntake(store, { clock, metrics });
    this.#reports = new VoicemailReports({ intake, clock, random, logger });
    this.#pool = new SubscriptionPool<string>({
      ...{ subscriber, pace, rate, maxInFlight, clock, random },
      ...(options.expires === undefined ? {} : { expires: options.expires }),
      onNotify: (user, notification, endsAt) => this.#notified(user, notification, endsAt),
      onAnswer: (user, response, sentAt, refusedWith) => {
        this.#answered(response, sentAt);
        if (refusedWith !== undefined) this.#signs.tellRefusal(user, refusedWith);
      },
      onLetGo: (user, dueAt) => {
        this.#watched.set(this.#pool.size);
        void this.#claims.letGo(user, dueAt);
      },
    });
    this.#claims = new VoicemailClaims({
      ...{ store, node, clock, random, logger },
      room: () => Math.min(maxWatched - this.#pool.size, VOICEMAIL_LIMITS.maxUnasked - this.#pool.unasked),
      onClaimed: (user) => {
        this.#pool.add(user);
        this.#watched.set(this.#pool.size);
      },
      onLost: (user) => {
        this.#pool.forget(user);
        this.#watched.set(this.#pool.size);
      },
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
    // The SUBSCRIBEs in flight are given up; what the voicemail still notifies gets 481, and the subscription ends there.
    this.#pool.stop();
    const waits = new Waits(this.#options.clock);
    const deadline = waits.start(VOICEMAIL_LIMITS.stopDeadline);
    await Promise.race([Promise.all([this.#claims.stop(), this.#reports.stop()]), deadline.outcome]);
    this.#reports.abandon();
    await Promise.race([this.#claims.release(), deadline.outcome]);
    waits.endAll();
  }

  #notified(user: AddressOfRecord, notification: SummaryNotification, endsAt: number): void {
    const { clock, logger } = this.#options;
    const { state, reason, body } = notification;
    this.#notifies.add({ state });
    logger.debug({ user: user.toString(), state, reason }, 'the voicemail notifies');
    if (isWithdrawn(notification)) this.#reports.put(user, null, clock.now());
    else if (body !== null) this.#reports.put(user, body, standsUntil(endsAt, clock.now()));
  }

  #answered(response: SubscribeResponse | RefreshResponse, sentAt: number): void {
    const answer = response.kind === 'rejected' ? String(response.status) : response.kind;
    this.#answers.add({ answer });
    this.#signs.judge(response, sentAt);
  }
}
