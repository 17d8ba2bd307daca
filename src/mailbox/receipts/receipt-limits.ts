/** Every limit and pace of receipts. Times in ms. */
export const RECEIPT_LIMITS = {
  /** Receipts held at one time by one node: few, so that texts go before them. */
  inFlight: 16,
  /** Between two looks into the store; with {@link inFlight} the ceiling of the rate: 800 a second. */
  lookGap: 20,
  /** Longest pause between two looks: other nodes may have written without our knowing. */
  pollCeiling: 5_000,
  /** How long a claim holds: both deadlines below, twice, and time to write down what came of it. */
  claim: 120_000,
  /** A receipt whose claim ends sooner than this is not begun any more. */
  attempt: 50_000,
  /** How long the author's chat session is waited for before a MESSAGE is sent instead. */
  sessionDeadline: 10_000,
  /** Back-off of one receipt after it could not be handed over: first and longest pause. */
  backoff: { first: 10_000, ceiling: 3_600_000 },
  /** Times a receipt is tried. */
  attempts: 30,
  /**
   * Longest notification sent by MESSAGE, bytes: most of one is the text's own Message-ID. A drachtio-server is stopped by frames
   * of 12,228 bytes, and loses its place in several of 4,000.
   */
  messageBytes: 4_000,
  /** A receipt older than this is of no use to anybody: a day. */
  age: 24 * 3_600_000,
  /** An author who has not answered a MESSAGE for so long counts as absent to her other receipts: they go out of the others' way. */
  patience: 4_000,
  /** How long an author who did not answer is not tried again for her other receipts. */
  awayFor: 30_000,
  /** Such authors kept in mind; the one longest there is forgotten. */
  rememberedAuthors: 1_000,
  /** Back-off after the store failed: first and longest pause. */
  storeBackoff: { first: 100, ceiling: 5_000 },
  /** How long a stop waits for what is in flight. */
  stopDeadline: 2_000,
  /** Chat sessions of authors kept by one node; receipts of further ones go by MESSAGE. */
  sessions: 10_000,
} as const;
