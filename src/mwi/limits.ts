/** Every limit and pace of publications. Times in ms unless told otherwise. */
export const MWI_LIMITS = {
  /** PUBLISHes in flight over all lamps, unless the caller says otherwise. */
  maxInFlight: 64,
  /** Between two PUBLISHes for one lamp: the first leaves at once, and a burst of texts costs a handful. */
  minGap: 300,
  /** Between two looks into the store: a burst of commits is not a burst of queries. */
  claimGap: 10,
  /** The pace of PUBLISHes. */
  pace: {
    /** It begins with this part of its ceiling: a process that just started is slow itself, and so may the server be. */
    start: 0.2,
    /** What may leave at once after a rest: what the rate allows in so many ms. */
    burst: 100,
    /** An answer that takes so much longer than the quickest of late tells of a server at its end, ms. Over UDP repeats begin at 500. */
    slowAnswer: 200,
    /** A timer that fires so late tells that our own process is at its end, ms: texts go before lamps. */
    lateTimer: 20,
    /** What is left of the rate after signs of overload, which count once in a while. */
    decrease: 0.5,
    decreaseOnceIn: 500,
    /** With good answers the rate grows by this part of its ceiling a second. */
    increase: 0.1,
    /** It never falls below this part of its ceiling. */
    floor: 0.01,
  },
  /** How often the beacon is published: the time after which a presence server that forgot everything is found out. */
  beaconRefresh: 20_000,
  /** Between two occasions to publish every living lamp anew. */
  hastenGap: 60_000,
  /** Failures in a row over all lamps after which the presence server counts as down. */
  downAfter: 5,
  /** How long after a try to tell phones that nobody answered for it is tried again. */
  absentRetry: 300_000,
  /** Longest pause between two looks: other nodes may have written without our knowing. */
  pollCeiling: 1_000,
  /** A PUBLISH is given up after this; the sender's own deadline (RFC 3261 Timer F and slack) is shorter. */
  publishDeadline: 40_000,
  /** How long a claim holds: the deadline above, and time to write down what came of it. */
  claim: 60_000,
  /** How long a stop waits for what is in flight. */
  stopDeadline: 5_000,
  /** Back-off after the store failed: first and longest pause. */
  storeBackoff: { first: 100, ceiling: 5_000 },
  /** Back-off after the presence server failed: first and longest pause. */
  publishBackoff: { first: 1_000, ceiling: 60_000 },
  /** Longest Retry-After obeyed as it stands. */
  retryAfterCeiling: 600_000,
  /** Pause after an answer that will not change by itself: somebody has to look at the presence server. */
  stoppedRetry: 300_000,
  /**
   * After a failure was overcome the lamp is published once more after this: a request that was given up may yet arrive, and
   * say what was true before (RFC 3261's 64*T1, twice: both sides may wait that long).
   */
  reassure: 70_000,
  /** When a publication is refreshed, as parts of its granted life; drawn between the two, so refreshes spread. */
  refreshWindow: { from: 0.8, to: 0.95 },
  /** A refresh leaves this long before the publication lapses, where its life allows: time for a lost answer. */
  refreshLead: 40_000,
  /** Shortest pause before a refresh, whatever life was granted. */
  minRefresh: 1_000,
  /** Times a conditional PUBLISH answered 500 is repeated with the same tag. */
  sameTagRetries: 1,
  /** 412s with no conditional PUBLISH accepted between them, after which the fresh publication waits. */
  staleTagsAtOnce: 3,
  /** A refusal that somebody has to look at is told again after this. */
  toldAgain: 3_600_000,
  /** Longest Min-Expires obeyed, seconds. */
  maxExpires: 604_800,
  /** How long after its end a presence server may yet notify that a publication lapsed. */
  lapseSlack: 150_000,
  /** How long a publication that says `no` and did not change is kept alive: seven days. */
  keepCleared: 7 * 24 * 3_600_000,
  /** Lamps whose past a node keeps in mind; the one longest out of sight is forgotten. */
  rememberedLamps: 100_000,
  /** Longest body published, bytes: larger ones stall some presence servers. */
  bodyBytes: 3_000,
  /** Texts told of by their headers in one body, the newest. */
  headerBlocks: 10,
  /** Context classes of a voicemail's that one body passes on; nine are registered. */
  voicemailClasses: 16,
  /** A check calls a lamp late when it is due for longer than this. */
  checkGrace: 10_000,
  /** Lamps a check reads at a time, and how many of them it asks the presence server for at once. */
  checkPage: 500,
  checkAtOnce: 8,
  /** After so many questions in a row without an answer a check asks no more. */
  checkPatience: 16,
  /** How often a check looks at a lamp that changes while it looks, and the pause between. */
  checkLooks: 4,
  checkPause: 500,
} as const;
