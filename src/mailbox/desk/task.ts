import type { AddressOfRecord } from '../../core/address-of-record.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { Metrics } from '../../core/metrics.ts';
import type { Random } from '../../core/random.ts';
import type { Command } from '../commands/command.ts';
import { describeTime } from '../commands/describe-time.ts';
import type { Author } from './authors.ts';
import { addressOf, authorsMeant, nameOf } from './authors.ts';
import { DESK_LIMITS } from './limits.ts';
import type { DeskStore, PreferenceStore } from './ports.ts';
import type { Replies } from './reply.ts';
import type { ShownList, Visit, Visitor } from './visit.ts';
import type { OwnerProfile, OwnerProfiles } from '../owner-profiles.ts';
import type { ListedText } from '../phrases/phrases.ts';
import type { DepositStore, StoredMessage } from '../ports.ts';
import type { Retrievals } from '../retrieval.ts';

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
  /** The list she had before her when she asked. */
  readonly seen: ShownList;
}

/** What does a command of one kind. */
export type Doing<K extends Command['kind']> = (
  task: Task,
  command: Extract<Command, { kind: K }>,
) => Promise<void>;

/**
 * Gives texts the numbers that commands call them by, and tells which is which with `announce`. When that does not reach
 * her no number means anything: she would delete by a list she never saw, or by one that another has taken the place of.
 */
export async function list<T extends StoredMessage>(
  { desk, visitor, visit, profile }: Task,
  texts: readonly T[],
  announce: (listed: (ListedText & { readonly message: T })[]) => string,
): Promise<void> {
  const shown = texts.slice(-DESK_LIMITS.listing);
  const ids = shown.map(({ id }) => id);
  await desk.store.keepListing(visitor.owner, []);
  const listed = shown.map((message, index) => ({
    number: index + 1,
    author: nameOf(message),
    when: when(profile, message.sentAt ?? message.receivedAt, desk.clock.now()),
    message,
  }));
  // What she writes from now on, she may write with the list before her.
  visit.shown = ids;
  try {
    await visit.say(announce(listed));
  } catch (error) {
    visit.shown = [];
    throw error;
  }
  await desk.store.keepListing(visitor.owner, ids);
}

/**
 * The ids that numbers mean now: of the list of this visit, else of the one she was shown last, wherever. Undefined when the
 * numbers changed since she asked, or when there are none, which she was told.
 */
export async function listing(task: Task): Promise<ShownList> {
  const { phrases } = task.profile;
  const ids = await numbersNow(task);
  if (ids !== undefined && ids.length > 0) return ids;
  await task.visit.say(ids === undefined ? phrases.numbersChanged : phrases.nothingShownYet);
  return undefined;
}

/** Undefined when she may mean those of another list than the one that counts. */
async function numbersNow({ desk, visitor, visit, seen }: Task): Promise<ShownList> {
  const { shown, isShared } = visit;
  if (shown !== seen) return undefined;
  if (shown !== undefined && !isShared) return shown;
  const latest = await desk.store.listing(visitor.owner);
  if (shown === undefined || shown.join() === latest.join()) return latest;
  // Which one she means she tells by having one shown.
  visit.shown = undefined;
  await desk.store.keepListing(visitor.owner, []);
  return undefined;
}

/** A time in the owner's words and time zone. */
export function when({ phrases, timeZone }: OwnerProfile, at: number, now: number): string {
  return describeTime(at, { now, timeZone, language: phrases.language });
}

/** The texts that numbers of the listing mean; undefined when one means none, which she was told. */
export async function numbered(task: Task, numbers: readonly number[]): Promise<StoredMessage[] | undefined> {
  const { desk, visitor, visit, profile } = task;
  const listed = await listing(task);
  if (listed === undefined) return undefined;
  const ids = numbers.flatMap((number) => listed[number - 1] ?? []);
  const found = new Map((await desk.store.textsById(visitor.owner, ids)).map((text) => [text.id, text]));
  const texts: StoredMessage[] = [];
  for (const number of numbers) {
    const text = found.get(listed[number - 1] ?? -1);
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
  const { desk, visitor, visit } = task;
  const numbers = isNumber(who) ? await numbersNow(task) : [];
  if (numbers === undefined) {
    await visit.say(task.profile.phrases.numbersChanged);
    return undefined;
  }
  const id = numbers[Number(who) - 1];
  const [byNumber] = id === undefined ? [] : await desk.store.textsById(visitor.owner, [id]);
  const found = byNumber === undefined ? authorsMeant(who, known) : [byNumber];
  if (found.length === 1) return found[0];
  const choices = found.slice(0, DESK_LIMITS.choices).map(({ author }) => addressOf(author));
  await visit.say(found.length === 0 ? nobody : task.profile.phrases.whoOf(choices));
  return undefined;
}

/** Whether it may be one of a list; there are users called 1001, too. */
function isNumber(who: string): boolean {
  return /^\d{1,4}$/.test(who) && Number(who) <= DESK_LIMITS.listing;
}
