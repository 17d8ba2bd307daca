import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Logger } from '../core/logger.ts';
import { describeError } from '../core/errors.ts';
import type { MessageSummary } from '../im/message-summary.ts';
import { MalformedMessageSummary, parseMessageSummary } from '../im/message-summary.ts';
import { MWI_LIMITS } from './limits.ts';
import type { LampTruth, SummaryStore, TextHeaders } from './ports.ts';
import { standsAt } from './publication-machine.ts';
import type { SummaryBodySettings } from './summary-body.ts';
import { composeSummary } from './summary-body.ts';

/** The body that a lamp's truth comes to at `now` (epoch ms); `newest`: its newest new texts, newest first. */
export function lampBody(
  { counts, voicemail }: LampTruth,
  newest: readonly TextHeaders[],
  settings: SummaryBodySettings,
  now: number,
): string {
  const report = voicemail === null ? null : readReport(voicemail.body);
  const other = report === null || standsAt(voicemail, now) ? report : emptied(report);
  return composeSummary({ counts, voicemail: other, newest }, settings);
}

/** A phone that showed a count goes on showing it until it is told another: so a report that lapsed reads as all zero. */
function emptied({ classes }: MessageSummary): MessageSummary {
  const none = { new: 0, old: 0 };
  const zero = [...classes].map(
    ([name, { urgent }]) => [name, { ...none, urgent: urgent === null ? null : none }] as const,
  );
  return { waiting: false, account: null, classes: new Map(zero), headerBlocks: [] };
}

/** What cannot be read says nothing. */
function readReport(body: string): MessageSummary | null {
  try {
    return parseMessageSummary(body);
  } catch (error) {
    if (error instanceof MalformedMessageSummary) return null;
    throw error;
  }
}

/** Writes bodies; looks up the newest texts where the site wants to be told of them. */
export class LampBodies {
  readonly #store: Pick<SummaryStore, 'newestTexts'>;
  readonly #settings: SummaryBodySettings;
  readonly #logger: Logger;

  constructor(store: Pick<SummaryStore, 'newestTexts'>, settings: SummaryBodySettings, logger: Logger) {
    this.#store = store;
    this.#settings = settings;
    this.#logger = logger;
  }

  /** Never rejects: the counts go out even when the texts cannot be told of. */
  async bodyOf(lamp: LampTruth & { readonly target: AddressOfRecord }, now: number): Promise<string> {
    const wanted = this.#settings.messageHeaders.size > 0 && lamp.counts.new > 0;
    return lampBody(lamp, wanted ? await this.#newest(lamp.target) : [], this.#settings, now);
  }

  async #newest(target: AddressOfRecord): Promise<TextHeaders[]> {
    try {
      return await this.#store.newestTexts(target, MWI_LIMITS.headerBlocks);
    } catch (error) {
      this.#logger.info({ mailbox: target.toString(), error: describeError(error) }, 'texts not told of');
      return [];
    }
  }
}
