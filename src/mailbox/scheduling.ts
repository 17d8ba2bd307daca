import { AddressOfRecord } from '../core/address-of-record.ts';
import { MailboxError } from '../core/errors.ts';
import type { CpimMessage } from '../im/cpim.ts';
import type { OwnerProfiles } from './owner-profiles.ts';

/**
 * Namespace of our header in message/cpim: `NS: schedule <…>`, then `schedule.Deliver-At: …`. RFC 3862 §3.4 wants a URI; a
 * urn:uuid (RFC 9562) is one that anybody may make and nobody else has.
 */
export const SCHEDULE_NAMESPACE = 'urn:uuid:6f2c1d0e-8a53-4b6e-9d47-51b0a7c3e2f4';

/** X-Deliver-At says no time. */
export class UnreadableDeliverAt extends MailboxError {
  constructor() {
    super('UNREADABLE_DELIVER_AT', 'the time to deliver the text at cannot be read');
  }
}

/** X-Deliver-At lies farther ahead than texts are scheduled here; with SCHEDULE_MAX_SECONDS=0 any time to come does. */
export class DeliverAtTooFar extends MailboxError {
  constructor() {
    super('DELIVER_AT_TOO_FAR', 'the time to deliver the text at is too far ahead');
  }
}

/** When its author wants a text delivered, as her message/cpim has it; null: it does not say. */
export function deliverAtOf({ namespaces, headers }: CpimMessage): string | null {
  const prefixes = [...namespaces].flatMap(([prefix, uri]) =>
    uri.toLowerCase() === SCHEDULE_NAMESPACE ? [prefix] : [],
  );
  const names = new Set([
    'x-deliver-at',
    ...prefixes.map((prefix) => (prefix === '' ? 'deliver-at' : `${prefix.toLowerCase()}.deliver-at`)),
  ]);
  return headers.find(({ name }) => names.has(name.toLowerCase()))?.value ?? null;
}

/** Reads a time, epoch ms, as its author means it in her time zone; undefined when it is none. */
export type DeliverAtReader = (value: string, context: { readonly timeZone: string }) => number | undefined;

export interface SchedulingOptions {
  readonly read: DeliverAtReader;
  readonly profiles: OwnerProfiles;
  /** How far ahead a text may be scheduled, seconds; 0: none is. */
  readonly maxSeconds: number;
}

/** What is due within so many ms is delivered at once. */
const AT_ONCE = 1_000;

/** Texts that are to be delivered later. */
export class Scheduling {
  readonly #options: SchedulingOptions;

  constructor(options: SchedulingOptions) {
    this.#options = options;
  }

  /**
   * When a text is due, epoch ms; null: at once. A time without zone is one of the author's, if she has a mailbox here and chose
   * one, else of the operator's.
   * @throws UnreadableDeliverAt, DeliverAtTooFar, StoreUnavailable
   */
  async dueAt(value: string, author: string, now: number): Promise<number | null> {
    const { read, profiles, maxSeconds } = this.#options;
    const user = AddressOfRecord.tryParse(author);
    const { timeZone } = user === undefined ? profiles.usual() : await profiles.of(user);
    const due = read(value, { timeZone });
    if (due === undefined) throw new UnreadableDeliverAt();
    if (due <= now + AT_ONCE) return null;
    // Delivered at once it would come early, which its author did not want.
    if (due > now + maxSeconds * 1000) throw new DeliverAtTooFar();
    return due;
  }
}
