import type { Language } from '../../phrases/phrases.ts';

/** What a command begins with, whatever the language. */
export type Verb =
  | 'help'
  | 'new'
  | 'old'
  | 'from'
  | 'delete'
  | 'keep'
  | 'reply'
  | 'block'
  | 'unblock'
  | 'blocked'
  | 'greeting'
  | 'language'
  | 'timezone'
  | 'remind'
  | 'reminders'
  | 'bye';

/** Verbs that say nothing without more words, or can be followed by some that they cannot mean. */
export type VerbWithWords = Exclude<Verb, 'help' | 'new' | 'blocked' | 'reminders' | 'bye'>;

/** One or more, the one that `help` shows ahead; lower case, with all accents. */
export type Synonyms = readonly [string, ...string[]];

/** How an owner says commands in one language. */
export interface CommandWords {
  readonly language: Language;
  readonly verbs: Readonly<Record<Verb, Synonyms>>;
  /** `delete all` */
  readonly all: Synonyms;
  /** `greeting off` */
  readonly off: Synonyms;
  /** Words that change nothing: `delete text 3 and text 5, please`. */
  readonly idle: readonly string[];
  /** A whole command for each verb, to show how it is written. */
  readonly examples: Readonly<Record<VerbWithWords, string>>;
}
