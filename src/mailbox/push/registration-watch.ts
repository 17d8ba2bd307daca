import type { AddressOfRecord } from '../../core/address-of-record.ts';
import { backoff } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { withDeadline } from '../../core/deadline.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { Lookout } from '../../core/lookout.ts';
import type { Counter, Gauge, Metrics } from '../../core/metrics.ts';
import type { Random } from '../../core/random.ts';
import type { RegInfo } from '../../im/reg-info.ts';
import { SubscriptionPool } from '../../subscription/pool.ts';
import type {
  Notification,
  RefreshResponse,
  SubscribeResponse,
  Subscriber,
} from '../../subscription/ports.ts';
import { SteadyPace } from '../../subscription/steady-pace.ts';
import type { OnlineIntake, PushStore } from './ports.ts';
import { REGISTRATION_LIMITS } from './registration-limits.ts';
import { RegistrationReports } from './registration-reports.ts';
import { RegistrationTable } from './registration-table.ts';

export interface RegistrationWatchOptions {
  readonly store: Pick<PushStore, 'usersWithNewTexts'>;
  readonly subscriber: Subscriber<RegInfo>;
  /** Is told who is online. */
  readonly intake: OnlineIntake;
  /** SIP URI of the server that is asked: the way to users it says are online. */
  readonly hop: string;
  /** Users this node watches at most. */
  readonly maxWatched?: number;
  /** SUBSCRIBEs a second at most. */
  readonly rate?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** One user who is watched. */
interface Watched {
  readonly user: AddressOfRecord;
  readonly table: RegistrationTable;
  /** When she was last known to have new texts, epoch ms. */
  wantedAt: number;
  /** When the full state was last asked for, or will be, epoch ms. */
  fullAskedAt: number;
}

/**
 * Learns that users with new texts come online: subscribes to the registration events of each of them (RFC 3680), for as long as
 * she has new texts, and tells the intake.
 *
 *                 wake: a text was kept for her;                    2xx; then each NOTIFY
 *                 a look finds new texts of hers                    tells: online, offline
 *   not watched ─────────────────────────────────> SUBSCRIBE ─────────────────────────────> watched
 *        ^                                                                                     │
 *        └───────── Expires: 0 <── a look finds no new texts of hers any more <────────────────┘
 *
 * A look goes through all users with new texts: at the start, and every few minutes; so nobody is lost with a node that died,
 * or with a wake that was missed. Nodes do not share users out between them: each watches as many as it has room for. What two
 * nodes learn of one user is the same registration under the same name, and brings her texts once.
 */
export class RegistrationWatch {
  readonly #options: RegistrationWatchOptions;
  readonly #maxWatched: number;
  readonly #watched = new Map<string, Watched>();
  readonly #pool: SubscriptionPool<RegInfo>;
  readonly #reports: RegistrationReports;
  readonly #lookout: Lookout;
  readonly #told = new Map<number, number>();
  #lookFailures = 0;
  #stopped: Promise<void> | undefined;
  readonly #answers: Counter;
  readonly #notifies: Counter;
  readonly #count: Gauge;
  readonly #leftOut: Gauge;

  constructor(options: RegistrationWatchOptions) {
    const { subscriber, intake, clock, random, logger, metrics } = options;
    this.#options = options;
    this.#maxWatched = options.maxWatched ?? REGISTRATION_LIMITS.maxWatched;
    const rate = options.rate ?? REGISTRATION_LIMITS.rate;
    this.#reports = new RegistrationReports({ intake, clock, random, logger });
    this.#pool = new SubscriptionPool<RegInfo>({
      ...{ subscriber, clock, random, rate },
      pace: new SteadyPace(rate, clock),
      maxInFlight: REGISTRATION_LIMITS.maxInFlight,
      onSubscribing: (user) => this.#watched.get(user.toString())?.table.expectAny(),
      onNotify: (user, notification, endsAt) => this.#notified(user, notification, endsAt),
      onAnswer: (user, response, _sentAt, refusedWith) => this.#answered(user, response, refusedWith),
    });
    this.#lookout = new Lookout({
      clock,
      look: () => this.#look(),
      earliest: (_lastLook, now) => now,
    });
    this.#answers = metrics.counter(
      'registration_subscribe_total',
      'SUBSCRIBEs to registrations, by answer',
      ['answer'],
    );
    this.#notifies = metrics.counter(
      'registration_notify_total',
      'NOTIFYs of registrations, by what they say',
      ['says'],
    );
    this.#count = metrics.gauge('registration_watched', 'Users whose registrations this node watches');
    this.#leftOut = metrics.gauge(
      'registration_left_out',
      'Users with new texts whom this node has no room to watch, at the last look',
    );
  }

  /** Begins with those who have new texts already. */
  start(): void {
    this.#lookout.lookNow();
  }

  /** A text was kept for `owner`. Never throws. */
  wake(owner: AddressOfRecord): void {
    if (!this.#isStopped()) this.#want(owner);
  }

  /** Starts nothing more and forgets all subscriptions, within a bounded time. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { clock, logger } = this.#options;
    this.#pool.stop();
    this.#watched.clear();
    const over = Promise.all([this.#lookout.stop(), this.#reports.stop()]);
    await withDeadline(clock, REGISTRATION_LIMITS.stopDeadline, 'reports of who is online', over).catch(
      (error: unknown) => logger.info({ error: describeError(error) }, 'stopped with reports under way'),
    );
  }

  /** Watches the user from now on, if there is room. Whether she is watched. */
  #want(user: AddressOfRecord): boolean {
    const now = this.#options.clock.now();
    const key = user.toString();
    const watched = this.#watched.get(key);
    if (watched !== undefined) {
      watched.wantedAt = now;
      return true;
    }
    if (this.#watched.size >= this.#maxWatched) return false;
    const table = new RegistrationTable();
    this.#watched.set(key, { user, table, wantedAt: now, fullAskedAt: -Infinity });
    this.#count.set(this.#watched.size);
    this.#pool.add(user);
    return true;
  }

  /** Goes through all users with new texts; never rejects. When to look again, epoch ms. */
  async #look(): Promise<number> {
    const { clock, random, logger } = this.#options;
    const begunAt = clock.now();
    try {
      const leftOut = await this.#goThrough();
      this.#lookFailures = 0;
      this.#release(begunAt);
      this.#leftOut.set(leftOut);
      if (leftOut > 0) {
        logger.warn({ leftOut, watched: this.#watched.size }, 'no room to watch all users with new texts');
      }
      return clock.now() + REGISTRATION_LIMITS.lookEvery;
    } catch (error) {
      this.#lookFailures++;
      const level = this.#lookFailures === 1 ? 'warn' : 'debug';
      logger[level]({ error: describeError(error) }, 'cannot look for users with new texts; trying again');
      return clock.now() + backoff(REGISTRATION_LIMITS.storeBackoff, this.#lookFailures, random.fraction());
    }
  }

  /** How many users there was no room for. */
  async #goThrough(): Promise<number> {
    const { page } = REGISTRATION_LIMITS;
    let leftOut = 0;
    let after = 0;
    for (;;) {
      const users = await this.#options.store.usersWithNewTexts(after, page);
      const last = users.at(-1);
      if (last === undefined || this.#isStopped()) return leftOut;
      for (const { user } of users) if (!this.#want(user)) leftOut++;
      after = last.mailboxId;
    }
  }

  #isStopped(): boolean {
    return this.#stopped !== undefined;
  }

  /** Lets those go who had no new texts at a look that began at `begunAt`, and got none since. */
  #release(begunAt: number): void {
    if (this.#isStopped()) return;
    for (const [key, { user, wantedAt }] of this.#watched) {
      if (wantedAt >= begunAt) continue;
      this.#watched.delete(key);
      this.#pool.remove(user);
    }
    this.#count.set(this.#watched.size);
  }

  #notified(user: AddressOfRecord, { state, reason, body }: Notification<RegInfo>, endsAt: number): void {
    const { clock, logger, hop } = this.#options;
    const watched = this.#watched.get(user.toString());
    if (watched === undefined) return;
    // An empty NOTIFY says nothing: Kamailio sends one when nobody ever registered, and when a publication lapsed.
    const says = body === null ? 'nothing' : this.#take(watched, body, endsAt);
    this.#notifies.add({ says });
    logger.debug({ user: user.toString(), state, reason, says }, 'told of registrations');
    if (says === 'nothing' || says === 'stale') return;
    this.#reports.put(user, watched.table.registration(user, hop, clock.now()));
  }

  #take(watched: Watched, info: RegInfo, endsAt: number): 'full' | 'partial' | 'stale' {
    const now = this.#options.clock.now();
    const { taken, wantsFull } = watched.table.take(info, endsAt, now);
    if (!taken) watched.table.expectAny();
    if (wantsFull) this.#askForFull(watched, now);
    return taken ? info.state : 'stale';
  }

  /** RFC 3680 §5.2: a refresh makes the notifier tell the full state; not again and again where it does not. */
  #askForFull(watched: Watched, now: number): void {
    if (watched.fullAskedAt > now) return;
    watched.fullAskedAt = Math.max(now, watched.fullAskedAt + REGISTRATION_LIMITS.fullStateGap);
    this.#pool.hurry(watched.user, watched.fullAskedAt);
  }

  #answered(
    user: AddressOfRecord,
    response: SubscribeResponse | RefreshResponse,
    refusedWith: number | undefined,
  ): void {
    const answer = response.kind === 'rejected' ? String(response.status) : response.kind;
    this.#answers.add({ answer });
    if (refusedWith !== undefined) this.#tellRefusal(user, refusedWith);
  }

  /** Once for each status, and once more whenever it has lasted. */
  #tellRefusal(user: AddressOfRecord, status: number): void {
    const { clock, logger } = this.#options;
    const now = clock.now();
    const told = this.#told.get(status);
    if (told !== undefined && now - told < REGISTRATION_LIMITS.toldAgain) return;
    this.#told.set(status, now);
    const fields = { user: user.toString(), status, advice: advice(status) };
    logger.warn(fields, 'the server refuses to tell who is online');
  }
}

function advice(status: number): string {
  if (status === 489) return 'it does not serve the event package reg: check REG_EVENT_SERVER';
  if (status === 401 || status === 403 || status === 407) {
    return 'let it trust our address, and MESSAGE_ACCOUNT as a watcher';
  }
  return 'check what it has against this SUBSCRIBE in its own log';
}
