import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { EventPackage } from './event-package.ts';
import { mergeSummaries } from './merge-summaries.ts';
import type { MessageSummary } from './message-summary.ts';
import { formatMessageSummary, parseMessageSummary } from './message-summary.ts';

/** The message-summary event package: the lamp (RFC 3842). */
export class MessageSummaryPackage implements EventPackage {
  readonly name = 'message-summary';
  readonly contentTypes = ['application/simple-message-summary'] as const;
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
    return parseMessageSummary(body) !== null;
  }

  compose(publications: readonly string[]): string | null {
    const summaries = publications.map(parseMessageSummary).filter((summary) => summary !== null);
    return summaries.length === 0 ? null : formatMessageSummary(mergeSummaries(summaries));
  }

  /** Every class the last body counted is said to be empty, so that a phone that shows counts clears them. */
  neutralBody(last: string | null): string {
    const before = last === null ? null : parseMessageSummary(last);
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
