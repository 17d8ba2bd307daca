/** A language the mailbox speaks, as BCP 47 names it. */
export type Language = 'en' | 'es' | 'de' | 'fr';

export const LANGUAGES: readonly Language[] = ['en', 'es', 'de', 'fr'];

/** A text as it stands in a list, already in the reader's words. */
export interface ListedText {
  /** What commands call it. */
  readonly number: number;
  /** Name of its author, else her address. */
  readonly author: string;
  /** When it was written or is due, in the reader's language and time zone. */
  readonly when: string;
}

/** Everything the mailbox says, in one language. What is said in a session or a MESSAGE is short: phones show one line. */
export interface Phrases {
  readonly language: Language;

  // To callers of an offline user.

  /** I am offline but you can type a message */
  readonly greeting: string;
  /** The mailbox is full: your text was not kept. */
  readonly mailboxFull: string;
  /** This user takes no texts of yours. */
  readonly blockedByOwner: string;

  // To the owner, in every retrieval.

  /** You have no new texts. */
  readonly noNewTexts: string;
  /** Your new texts are being delivered to another of your devices. */
  readonly fetchedElsewhere: string;
  /** Your texts cannot be fetched now, please try again. */
  readonly cannotFetch: string;
  /** A text is longer than this client takes, and waits for another one. */
  readonly textTooLong: string;
  /** This address only hands over your texts. */
  readonly fetchOnly: string;

  // To the owner, in answer to commands.

  /** That there are commands: after texts that have no numbers, or when there are none. */
  readonly helpHint: string;
  /** All commands, a line each, with what they do. */
  readonly help: string;
  /** After texts were handed over: their numbers, and that `help` tells of commands. */
  newTextsShown(texts: readonly ListedText[]): string;
  readTextsShown(texts: readonly ListedText[]): string;
  readonly noReadTexts: string;
  noTextsFrom(who: string): string;
  /** Several authors fit. */
  whoOf(authors: readonly string[]): string;
  deleted(count: number): string;
  saved(count: number): string;
  noSuchNumber(number: number): string;
  /** Numbers mean nothing before a list was shown. */
  readonly nothingShownYet: string;
  /** She was shown another list than the one she speaks of; how she gets it anew. */
  readonly numbersChanged: string;
  replied(to: string): string;
  /** She is offline; the reply is in her mailbox. */
  replyKept(to: string): string;
  replyFailed(to: string): string;
  /** What she wrote is longer than can be sent, in bytes, which are letters for most. */
  tooLong(most: number): string;
  blocked(who: string): string;
  unblocked(who: string): string;
  notBlocked(who: string): string;
  blockedAuthors(authors: readonly string[]): string;
  readonly nobodyBlocked: string;
  readonly tooManyBlocked: string;
  /** What callers read now. */
  greetingIs(greeting: string): string;
  greetingSet(greeting: string): string;
  /** Callers read the operator's again. */
  greetingReset(greeting: string): string;
  languageIs(languages: readonly Language[]): string;
  readonly languageSet: string;
  timeZoneIs(zone: string, now: string): string;
  timeZoneSet(zone: string, now: string): string;
  noSuchTimeZone(zone: string): string;
  /** Name a reminder comes from. */
  readonly reminderAuthor: string;
  reminderSet(when: string, text: string): string;
  reminders(texts: readonly (ListedText & { readonly text: string })[]): string;
  readonly noReminders: string;
  /** A time was expected; shows how one is written. */
  readonly timeNotUnderstood: string;
  readonly timeIsPast: string;
  readonly timeTooFar: string;
  readonly remindersOff: string;
  /** One helpful line on words that are no command; '' when there were none. */
  notUnderstood(words: string): string;
  /** One helpful line on a command that lacks something, e.g. `reply 3 TEXT`. */
  usage(example: string): string;
  readonly bye: string;
}
