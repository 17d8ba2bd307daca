/** Every limit of the domain that the operator does not set. Times in ms, sizes in bytes. */
export const MAILBOX_LIMITS = {
  /** How long a retrieval holds texts without renewing; after that another may deliver them. */
  lease: 60_000,
  /** How often a living retrieval renews its hold. */
  leaseRenewal: 20_000,
  /** Texts held at one time by one retrieval. */
  leaseBatch: 50,
  /**
   * Texts of one retrieval between being sent and being marked read: as many, at most, come twice when the power goes. A client
   * that reports nothing costs each of them a moment's wait.
   */
  inHand: 10,
  /** Pause before an acknowledged text is tried again to be marked read, when the database failed. */
  markReadRetry: 1_000,
  /** Longest unique key, subject and author kept. */
  subject: 1_000,
  contentType: 500,
  author: 512,
  messageId: 512,
  /** Longest headers of a message/cpim kept with a text. */
  wrapper: 16_384,
  /** How long a caller waits at most for the owner's own greeting to be looked up. */
  greetingPatience: 2_000,
  /** Into how many messages at most a text is cut for a client that takes none so long. */
  parts: 200,
  /** Fewest bytes of a text worth a message of their own. */
  leastPart: 16,
  /** Pager-mode retrievals under way at one time; one more is told to come again. */
  pagerRetrievals: 200,
  /** How often an owner is told in a row that there are no texts, or what can be asked for, and of how many that is known. */
  toldNothing: {
    rates: [
      { times: 1, within: 10_000 },
      { times: 12, within: 3_600_000 },
    ],
    most: 10_000,
  },
  /** How long a phone that answered a call of ours may take till its MSRP session stands. */
  comingPeer: 10_000,
  /** Longest time for which a typing mark may announce words: the session stays open that long without any. */
  composing: 600_000,
  /** For how long it announces them when it does not say (RFC 3994 §3). */
  composingUnsaid: 120_000,
  /** Texts of one chat session waiting for the database; the peer's next ones are refused. */
  pendingPerSession: 100,
  /** Of these, how many lie with the database at one time: so that many sessions don't crowd each other out. */
  storingPerSession: 4,
} as const;
