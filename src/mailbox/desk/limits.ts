/** Every limit of what owners do with their mailboxes. Times in ms. */
export const DESK_LIMITS = {
  /** Texts that have numbers at one time. */
  listing: 100,
  /** Texts `old` and `from` show when she does not say how many. */
  shown: 10,
  /** Authors a name is looked for among: those read last. */
  authors: 200,
  /** Authors named when several fit. */
  choices: 5,
  /** Bytes of words that are sent at once, however little a client says it takes. */
  leastPiece: 64,
  /** How much is kept of words that wait, UTF-16 units: more than any command that can be done has. */
  words: 8_192,
  /** Commands of one owner that wait for their turn. */
  waiting: 10,
  /**
   * How often an owner's words are done in a row when they are the same by MESSAGE: a phone that answers by itself says the same
   * for ever; an owner tries again what failed.
   */
  sameWords: {
    rates: [
      { times: 3, within: 10_000 },
      { times: 12, within: 3_600_000 },
    ],
    most: 10_000,
  },
  /** The same in a session, which nobody types. */
  sameWordsInSession: {
    rates: [
      { times: 20, within: 10_000 },
      { times: 200, within: 3_600_000 },
    ],
    most: 1,
  },
  /** Owners of whom it is known which list they were shown last by MESSAGE. */
  screens: 10_000,
  /** How long a MESSAGE that was taken is known again, and how many are. */
  taken: { lasts: 600_000, most: 20_000 },
} as const;
