import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { MWI_LIMITS } from './limits.ts';
import type { PublishPace } from './publish-pace.ts';
import { voicemailAdvice } from './voicemail-advice.ts';
import { VOICEMAIL_LIMITS } from './voicemail-limits.ts';
import type { RefreshResponse, SubscribeResponse } from '../subscription/ports.ts';

/** What the answers to our SUBSCRIBEs tell of the voicemail as a whole: sets the pace, and tells people once. */
export class VoicemailSigns {
  readonly #pace: PublishPace;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #told = new Map<number, number>();
  #silent = false;
  /** Epoch ms. */
  #lastAnswer = -Infinity;

  constructor(pace: PublishPace, { clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#pace = pace;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** An answer came to a SUBSCRIBE that left at `sentAt` (epoch ms), or none did. */
  judge(response: SubscribeResponse | RefreshResponse, sentAt: number): void {
    // Nothing was sent.
    if (response.kind === 'gone') return;
    const status = response.kind === 'rejected' ? response.status : 200;
    const isSilent = response.kind === 'unanswered' || status === 408 || status === 503;
    const isSlow = this.#clock.now() - sentAt > MWI_LIMITS.pace.slowAnswer;
    this.#pace.judge(isSilent || isSlow ? 'overloaded' : 'at ease');
    // One that left before the last answer came may have met a voicemail that was down until then.
    if (isSilent && sentAt < this.#lastAnswer) return;
    if (!isSilent) this.#lastAnswer = this.#clock.now();
    if (isSilent === this.#silent) return;
    this.#silent = isSilent;
    if (isSilent) {
      const why = response.kind === 'unanswered' ? describeError(response.cause) : String(status);
      this.#logger.warn({ why }, 'the voicemail does not answer; what it last said stands until it expires');
    } else {
      this.#logger.info({}, 'the voicemail answers again');
    }
  }

  /** A refusal that hits every user is told once, and once more whenever it has lasted. */
  tellRefusal(user: AddressOfRecord, status: number): void {
    const now = this.#clock.now();
    const told = this.#told.get(status);
    if (told !== undefined && now - told < VOICEMAIL_LIMITS.toldAgain) return;
    this.#told.set(status, now);
    const fields = { user: user.toString(), status, advice: voicemailAdvice(status) };
    this.#logger.warn(fields, 'the voicemail refuses our SUBSCRIBE; its counts are not shown');
  }
}
