/** Every limit of the store. Times in ms. */
export const STORE_LIMITS = {
  /** An operation is given up after this; what became of it is unknown then. */
  operation: 8_000,
  /** Longest wait for a connection to the database. */
  acquire: 3_000,
  /** Connections to a database server. */
  connections: 10,
  /** How long a writer of SQLite waits for another process at a time; nothing else runs meanwhile. */
  busy: 200,
  /** How long a commit waits for others to share it: while little comes, and while much does. */
  gather: { quiet: 1, busy: 10 },
  /** Writes in one commit that tell much from little. */
  busyBatch: 4,
  /** Texts committed together. */
  batch: 200,
  /** Bytes of texts committed together: a database server takes packets of a bounded size only. */
  batchBytes: 1_000_000,
  /** Rows written by one statement: SQLite joins at most 500. */
  rows: 400,
  /** Texts waiting to be committed; one more is refused. */
  queue: 10_000,
  /** Addresses made due in one transaction when many are. */
  hastenBatch: 5_000,
  /**
   * Mailboxes looked at in one go for those whose voicemail nobody watches yet, and how far that goes back: ids grow in the order
   * of inserts, commits may come in another. */
  watchPage: 400,
  watchOverlap: 100,
  /** Publications or subscriptions of the built-in presence server read, or forgotten when they expired, in one go. */
  keptPage: 5_000,
  expiredBatch: 1_000,
  /** Receipts of one mailbox that wait to be sent; one more is dropped. Enough for two of each text of a full mailbox. */
  receiptsPerMailbox: 2_000,
  /** Longest IMDN Message-ID, DateTime or hop of a receipt, bytes; who asks with a longer one is told nothing. */
  receiptField: 16_384,
  /** Texts swept in one transaction: that expired, are due, or were read long enough ago. */
  sweepBatch: 200,
  /** Read texts that give way in one transaction, where a mailbox holds far more than it may. */
  givingWay: 1_000,
  /** How long a text that is gone is known again: whoever did not get our answer has sent it anew by then. */
  resendWindow: 86_400_000,
  /** Authors one mailbox takes nothing of. */
  blockedAuthors: 1_000,
  /** Longest values of what an owner sets, as their columns have room. */
  preference: { language: 16, timeZone: 64, greeting: 1_000 },
  /**
   * Attempts to bring texts to one registration after which not even a new text begins another. Where the operator lets fewer be
   * tried, each text that comes after those is worth one.
   */
  pushAttempts: 100,
  /** Longest list of methods, and longest hop, kept with a registration; both as their columns have room. */
  registrationField: 400,
  /** Registrations of one address that are known at one time, as their column has room. */
  knownPhones: 15,
  /** Attempts of a transaction that lost against another one, and the longest pause after the first; later ones grow. */
  attempts: 9,
  retryPause: 50,
  /** How long nodes that start together wait for the one that migrates. */
  migration: 30_000,
  migrationPause: 250,
  /** How long one of them waits for the server's lock at a time, seconds. */
  lockWait: 1,
} as const;
