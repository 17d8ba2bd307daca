import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import type { Command } from './commands/command.ts';
import { describeTime } from './commands/describe-time.ts';
import type { Author } from './desk-authors.ts';
import { addressOf, authorsMeant, nameOf } from './desk-authors.ts';
import { DESK_LIMITS } from './desk-limits.ts';
import type { DeskStore, PreferenceStore } from './desk-ports.ts';
import type { Replies } from './desk-reply.ts';
import type { Visit, Visitor } from './desk-visit.ts';
import type { OwnerProfile, OwnerProfiles } from './owner-profiles.ts';
import type { ListedText } from './phrases/phrases.ts';
import type { DepositStore, StoredMessage } from './ports.ts';
import type { Retrievals } from './retrieval.ts';

export interface DeskOptions {
  readonly store: DeskStore & PreferenceStore & DepositStore;
  readonly retrievals: Pick<Retrievals, 'run'>;
  readonly profiles: OwnerProfiles;
  readonly replies: Replies;
  /** Whom reminders are from. */
  readonly messageAccount: AddressOfRecord;
  /** How far ahead a reminder may be, seconds; 0: there are none. */
  readonly scheduleMax: number;
  /** How long a text is kept for its owner, seconds; 0: until she fetches it. */
  readonly ttl: (owner: AddressOfRecord) => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** One thing an owner asks for, and all it takes to do it. */
export interface Task {
  readonly desk: DeskOptions;
  readonly visitor: Visitor;
  readonly visit: Visit;
  readonly profile: OwnerProfile;
}

/** What does a command of one kind. */
export type Doing<K extends Command['kind']> = (
  task: Task,
  command: Extract<Command, { kind: K }>,
) => Promise<void>;

/** Gives texts the numbers that commands call them by, and tells which is which with `announce`. */
export async function list<T extends StoredMessage>(
  { desk, visitor, visit, profile }: Task,
  texts: readonly T[],
  announce: (listed: (ListedText & { readonly message: T })[]) => string,
): Promise<void> {
  const shown = texts.slice(-DESK_LIMITS.listing);
  await desk.store.keepListing(
    visitor.owner,
    shown.map(({ id }) => id),
  );
  const listed = shown.map((message, index) => ({
    number: index + 1,
    author: nameOf(message),
    when: when(profile, message.sentAt ?? message.receivedAt, desk.clock.now()),
    message,
  }));
  await visit.say(announce(listed));
}

/** A time in the owner's words and time zone. */
export function when({ phrases, timeZone }: OwnerProfile, at: number, now: number): string {
  return describeTime(at, { now, timeZone, language: phrases.language });
}

/** The texts that numbers of the listing mean; undefined when one means none, which she was told. */
export async function numbered(task: Task, numbers: readonly number[]): Promise<StoredMessage[] | undefined> {
  const { desk, visitor, visit, profile } = task;
  const listing = await desk.store.listing(visitor.owner);
  if (listing.length === 0) {
    await visit.say(profile.phrases.nothingShownYet);
    return undefined;
  }
  const ids = numbers.flatMap((number) => listing[number - 1] ?? []);
  const found = new Map((await desk.store.textsById(visitor.owner, ids)).map((text) => [text.id, text]));
  const texts: StoredMessage[] = [];
  for (const number of numbers) {
    const text = found.get(listing[number - 1] ?? -1);
    if (text === undefined) {
      await visit.say(profile.phrases.noSuchNumber(number));
      return undefined;
    }
    texts.push(text);
  }
  return texts;
}

/**
 * Whom `who` means: the author of the text of that number, else one of `known` by name or address. Undefined when it is nobody,
 * who is told `nobody` then, or several, who are named to her.
 */
export async function meant(
  task: Task,
  who: string,
  known: readonly Author[],
  nobody: string,
): Promise<Author | undefined> {
  const byNumber = await authorByNumber(task, who);
  const found = byNumber === undefined ? authorsMeant(who, known) : [byNumber];
  if (found.length === 1) return found[0];
  const choices = found.slice(0, DESK_LIMITS.choices).map(({ author }) => addressOf(author));
  await task.visit.say(found.length === 0 ? nobody : task.profile.phrases.whoOf(choices));
  return undefined;
}

async function authorByNumber({ desk, visitor }: Task, who: string): Promise<Author | undefined> {
  if (!/^\d{1,4}$/.test(who)) return undefined;
  const id = (await desk.store.listing(visitor.owner))[Number(who) - 1];
  return id === undefined ? undefined : (await desk.store.textsById(visitor.owner, [id]))[0];
}
