/** Numbers of texts as a list shows them, each once, in the order they were named. */
export type TextNumbers = readonly number[];

/** What an owner asks of her mailbox. Words she wrote are as she wrote them, without blanks at their ends. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'new' }
  /** Null: as many as the mailbox sees fit. */
  | { readonly kind: 'old'; readonly count: number | null }
  /** `who`, here and below: a name, an address, or the number of a text, which means its author. */
  | { readonly kind: 'from'; readonly who: string }
  | { readonly kind: 'delete'; readonly texts: TextNumbers | 'all' }
  | { readonly kind: 'keep'; readonly texts: TextNumbers | 'all' }
  | { readonly kind: 'reply'; readonly number: number; readonly text: string }
  | { readonly kind: 'block'; readonly who: string }
  | { readonly kind: 'unblock'; readonly who: string }
  | { readonly kind: 'blocked' }
  | { readonly kind: 'show greeting' }
  | { readonly kind: 'set greeting'; readonly text: string }
  /** Back to the operator's. */
  | { readonly kind: 'reset greeting' }
  /** A tag or the name of a language; null: which there are. */
  | { readonly kind: 'language'; readonly tag: string | null }
  /** A name of the IANA time zone database, not looked up yet; null: which is set. */
  | { readonly kind: 'timezone'; readonly name: string | null }
  /** A time and a text, which {@link readReminder} tells apart. */
  | { readonly kind: 'remind'; readonly words: string }
  | { readonly kind: 'reminders' }
  | { readonly kind: 'bye' };

/** Words that are no command. */
export type Mistake =
  /** They begin with no command's word; cut to what an answer can quote. */
  | { readonly kind: 'unknown'; readonly words: string }
  /** The text of the command may have `most` UTF-16 units. */
  | { readonly kind: 'too long'; readonly most: number }
  /** The command lacks something or has something it cannot mean; an example of it in the reader's language. */
  | { readonly kind: 'usage'; readonly example: string };
