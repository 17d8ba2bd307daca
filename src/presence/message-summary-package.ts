import type { AddressOfRecord } from '../core/address-of-record.ts';
import {
  MESSAGE_SUMMARY_TYPE,
  MalformedMessageSummary,
  formatMessageSummary,
  parseMessageSummary,
} from '../im/message-summary.ts';
import type { MessageSummary } from '../im/message-summary.ts';
import type { EventPackage } from './event-package.ts';
import { mergeSummaries } from './merge-summaries.ts';

/** The message-summary event package: the lamp (RFC 3842). */
export class MessageSummaryPackage implements EventPackage {
  readonly name = 'message-summary';
  readonly contentTypes = [MESSAGE_SUMMARY_TYPE] as const;
  /** RFC 3842 §3.4: one hour. */
  readonly defaultExpires = 3600;
  /** RFC 3842 §3.11: a notifier should not notify one subscription more often than once a second. */
  readonly notifyInterval = 1000;
  readonly #account: string | null;

  /** @param account Message-Account to name where no publication ever named one */
  constructor(account: string | null = null) {
    this.#account = account;
  }

  /** RFC 3842 §3.7 and §6: what waits for somebody is nobody else's business. */
  mayWatch(watcher: AddressOfRecord | null, presentity: AddressOfRecord): boolean {
    return watcher?.equals(presentity) ?? false;
  }

  validate(body: string): boolean {
    try {
      parseMessageSummary(body);
      return true;
    } catch (error) {
      if (error instanceof MalformedMessageSummary) return false;
      throw error;
    }
  }

  compose(publications: readonly string[]): string | null {
    if (publications.length === 0) return null;
    return formatMessageSummary(mergeSummaries(publications.map(parseMessageSummary)));
  }

  /** Every class the last body counted is said to be empty, so that a phone that shows counts clears them. */
  neutralBody(last: string | null): string {
    // What was composed of many publications may have more header lines than a body that comes in; only counts are needed.
    const before = last === null ? null : parseMessageSummary(last.replace(/\r\n\r\n.*/s, ''));
    const neutral: MessageSummary = {
      waiting: false,
      account: before?.account ?? this.#account,
      classes: new Map(
        [...(before?.classes ?? [])].map(([name, { urgent }]) => [
          name,
          { new: 0, old: 0, urgent: urgent === null ? null : { new: 0, old: 0 } },
        ]),
      ),
      headerBlocks: [],
    };
    return formatMessageSummary(neutral);
  }
}
