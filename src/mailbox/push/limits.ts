/** Every limit and pace of bringing texts to users who are online. Times in ms. */
export const PUSH_LIMITS = {
  /** Users to whom one node brings texts at one time. */
  inFlight: 50,
  /** Between two looks into the store. */
  lookGap: 20,
  /** Longest pause between two looks: other nodes may have written without our knowing. */
  pollCeiling: 5_000,
  /** How long a claim holds. */
  claim: 300_000,
  /** How long before its claim ends a push begins no further text: one that nobody answers takes 33 s, and a call has to end. */
  claimMargin: 60_000,
  /** How long before its claim ends a chat that is still under way, held or not answered, is dropped. */
  breakOff: 15_000,
  /** Before the first attempt: a proxy may tell of a registration before it knows the phone's address itself. */
  settling: 500,
  /** First and longest pause before a push is tried again; each is four times the one before. */
  backoff: { first: 2_000, ceiling: 900_000 },
  /** How long it is known of a phone that it takes no chats, or no MESSAGEs, and of how many. */
  withoutWay: { lasts: 3_600_000, most: 10_000 },
  /** Calls in one push, where each author calls in her own name; what is left goes by MESSAGE. */
  calls: 5,
  /** Pause before anything is tried again when nothing can be sent: no SIP server, or as many chats as may be. */
  notSent: 5_000,
  /** Longest wait for a phone to answer that a call of ours ends. */
  hangUp: 5_000,
  /** How often registrations that are over are forgotten, and how many at one time. */
  forgetting: { every: 60_000, batch: 500 },
  /** Users who are online and have no mailbox yet that one node keeps in mind. */
  withoutMailbox: 100_000,
  /** A registration is taken to end after this, whatever it says: 30 days. */
  longestRegistration: 30 * 24 * 3_600_000,
  /** Back-off after the store failed: first and longest pause. */
  storeBackoff: { first: 100, ceiling: 5_000 },
  /** Pause before what came of a push is written down once more, when the store failed. */
  settleRetry: 1_000,
  /** How long a stop waits for what is in flight. */
  stopDeadline: 3_000,
} as const;
