import type { AddressOfRecord } from '../../core/address-of-record.ts';
import { backoff } from '../../core/backoff.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Random } from '../../core/random.ts';
import type { OnlineIntake, Registration } from './ports.ts';
import { REGISTRATION_LIMITS } from './registration-limits.ts';

export interface RegistrationReportsOptions {
  readonly intake: OnlineIntake;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Report {
  readonly user: AddressOfRecord;
  /** null: she is not online. */
  readonly registration: Registration | null;
}

/**
 * Hands on who is online, for each user one report at a time and the newest next: a NOTIFY was answered already, so while the
 * store is away its report waits here. Bounded by the users that are watched.
 */
export class RegistrationReports {
  readonly #options: RegistrationReportsOptions;
  readonly #waiting = new Map<string, Report>();
  readonly #underWay = new Map<string, Promise<void>>();
  #rest: Timer | undefined;
  #failures = 0;
  #stopped = false;

  constructor(options: RegistrationReportsOptions) {
    this.#options = options;
  }

  /** How it is with `user` from now on; takes the place of what still waits. */
  put(user: AddressOfRecord, registration: Registration | null): void {
    if (this.#stopped) return;
    this.#waiting.set(user.toString(), { user, registration });
    this.#drain();
  }

  /** Hands on nothing more, and resolves when nothing is under way; what waits is told anew to whoever subscribes next. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#rest?.cancel();
    this.#rest = undefined;
    this.#waiting.clear();
    await Promise.all(this.#underWay.values());
  }

  #drain(): void {
    if (this.#rest !== undefined || this.#stopped) return;
    for (const [key, report] of this.#waiting) {
      if (this.#underWay.size >= REGISTRATION_LIMITS.reportsInFlight) return;
      if (this.#underWay.has(key)) continue;
      this.#waiting.delete(key);
      const run = this.#report(key, report).finally(() => {
        this.#underWay.delete(key);
        this.#drain();
      });
      this.#underWay.set(key, run);
    }
  }

  /** Never rejects. */
  async #report(key: string, report: Report): Promise<void> {
    const { intake, clock } = this.#options;
    const { user, registration } = report;
    try {
      if (registration === null) await intake.offline(user);
      else if (registration.until > clock.now()) await intake.online(registration);
      this.#failures = 0;
    } catch (error) {
      if (this.#stopped) return;
      if (!this.#waiting.has(key)) this.#waiting.set(key, report);
      this.#restAfter({ user: key, error: describeError(error) });
    }
  }

  #restAfter(fields: Readonly<Record<string, unknown>>): void {
    if (this.#rest !== undefined) return;
    const { clock, random, logger } = this.#options;
    this.#failures++;
    const level = this.#failures === 1 ? 'warn' : 'debug';
    logger[level](fields, 'cannot keep who is online; trying again');
    const pause = backoff(REGISTRATION_LIMITS.storeBackoff, this.#failures, random.fraction());
    this.#rest = clock.after(pause, () => {
      this.#rest = undefined;
      this.#drain();
    });
  }
}
