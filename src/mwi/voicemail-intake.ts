import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import { MalformedMessageSummary, formatMessageSummary, parseMessageSummary } from '../im/message-summary.ts';
import type { VoicemailStore } from './ports.ts';
import { VOICEMAIL_LIMITS } from './voicemail-limits.ts';

/** The ways by which a voicemail's counts come in. */
export type VoicemailSource = 'subscription' | 'publication' | 'notify' | 'http';

/**
 * A body as it is kept: canonical, without headers of single messages.
 * @throws MalformedMessageSummary
 */
export function normaliseVoicemailBody(body: string): string {
  const kept = formatMessageSummary({ ...parseMessageSummary(body), headerBlocks: [] });
  if (Buffer.byteLength(kept) > VOICEMAIL_LIMITS.bodyBytes) {
    throw new MalformedMessageSummary('it counts too many classes');
  }
  return kept;
}

/** The one gate for what voicemails say, whichever way it comes. */
export class VoicemailIntake {
  readonly #store: Pick<VoicemailStore, 'reportVoicemail'>;
  readonly #clock: Clock;
  readonly #reports: Counter;

  constructor(
    store: Pick<VoicemailStore, 'reportVoicemail'>,
    { clock, metrics }: { readonly clock: Clock; readonly metrics: Metrics },
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#reports = metrics.counter(
      'voicemail_reports_total',
      'What voicemails said of their users, by the way it came and what became of it',
      ['source', 'outcome'],
    );
  }

  /**
   * Keeps what the voicemail says of `user`; resolves after the commit.
   * @param body a message summary; null: nothing any more
   * @param until how long it stands, epoch ms
   * @throws MalformedMessageSummary, StoreUnavailable
   */
  async report(
    source: VoicemailSource,
    user: AddressOfRecord,
    body: string | null,
    until: number,
  ): Promise<void> {
    let outcome = 'refused';
    try {
      const longest = this.#clock.now() + VOICEMAIL_LIMITS.longestStand;
      const report =
        body === null ? null : { body: normaliseVoicemailBody(body), until: Math.min(until, longest) };
      outcome = 'failed';
      await this.#store.reportVoicemail(user, report);
      outcome = 'kept';
    } finally {
      this.#reports.add({ source, outcome });
    }
  }
}
