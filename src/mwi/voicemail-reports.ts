import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Random } from '../core/random.ts';
import { MalformedMessageSummary } from '../im/message-summary.ts';
import { backoff } from '../core/backoff.ts';
import type { VoicemailIntake } from './voicemail-intake.ts';
import { VOICEMAIL_LIMITS } from './voicemail-limits.ts';

export interface VoicemailReportsOptions {
  readonly intake: Pick<VoicemailIntake, 'report'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Pending {
  readonly user: AddressOfRecord;
  /** null: nothing any more. */
  readonly body: string | null;
  /** Epoch ms. */
  readonly until: number;
}

/**
 * Hands on what NOTIFYs say, for each user one report at a time and the newest next: a NOTIFY was answered already, so while
 * the store is away its report waits here, until it would not stand any more. Bounded by the users that are watched.
 */
export class VoicemailReports {
  readonly #options: VoicemailReportsOptions;
  readonly #waiting = new Map<string, Pending>();
  readonly #underWay = new Map<string, Promise<void>>();
  #rest: Timer | undefined;
  #failures = 0;
  #stopped = false;

  constructor(options: VoicemailReportsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size + this.#underWay.size;
  }

  /** What the voicemail says of `user` from now on; takes the place of what still waits. */
  put(user: AddressOfRecord, body: string | null, until: number): void {
    if (this.#stopped) return;
    this.#waiting.set(user.toString(), { user, body, until });
    this.#drain();
  }

  /** Resolves when nothing is under way, and hands on nothing more. */
  async stop(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
    this.abandon();
  }

  /** Forgets what waits: whoever watches the user next is told it again. */
  abandon(): void {
    this.#stopped = true;
    this.#rest?.cancel();
    this.#rest = undefined;
    this.#waiting.clear();
  }

  #drain(): void {
    if (this.#rest !== undefined || this.#stopped) return;
    for (const [key, pending] of this.#waiting) {
      if (this.#underWay.size >= VOICEMAIL_LIMITS.reportsInFlight) return;
      if (this.#underWay.has(key)) continue;
      this.#waiting.delete(key);
      const run = this.#report(pending).finally(() => {
        this.#underWay.delete(key);
        this.#drain();
      });
      this.#underWay.set(key, run);
    }
  }

  /** Never rejects. */
  async #report(pending: Pending): Promise<void> {
    const { intake, logger, clock } = this.#options;
    const { user, body, until } = pending;
    const key = user.toString();
    try {
      await intake.report('subscription', user, body, until);
      this.#failures = 0;
    } catch (error) {
      const fields = { user: key, error: describeError(error) };
      if (error instanceof MalformedMessageSummary) {
        logger.warn(fields, 'the voicemail notifies what is no message summary');
        return;
      }
      if (this.#stopped) return;
      const stands = body === null || until > clock.now();
      if (stands && !this.#waiting.has(key)) this.#waiting.set(key, pending);
      this.#restAfter(fields);
    }
  }

  #restAfter(fields: Readonly<Record<string, unknown>>): void {
    if (this.#rest !== undefined) return;
    const { clock, random, logger } = this.#options;
    this.#failures++;
    const level = this.#failures === 1 ? 'warn' : 'debug';
    logger[level](fields, 'cannot keep what the voicemail says; trying again');
    const pause = backoff(VOICEMAIL_LIMITS.storeBackoff, this.#failures, random.fraction());
    this.#rest = clock.after(pause, () => {
      this.#rest = undefined;
      this.#drain();
    });
  }
}
