/** Every limit and pace of watching a voicemail. Times in ms unless told otherwise. */
export const VOICEMAIL_LIMITS = {
  /** Longest body kept of what a voicemail says, bytes, once it is normalised. */
  bodyBytes: 2_000,
  /** Longest time a report is believed without being renewed, whatever its sender asks for. */
  longestStand: 30 * 24 * 3_600_000,
  /** SUBSCRIBEs in flight over all users, and how many may leave a second, unless the caller says otherwise. */
  maxInFlight: 32,
  rate: 100,
  /** Users one node watches, unless the caller says otherwise. */
  maxWatched: 200_000,
  /** Users claimed that no SUBSCRIBE left for yet: what takes longer is left to other nodes. */
  maxUnasked: 2_000,
  /**
   * Lifetime asked for, seconds: the shortest that lets refreshes take no more than this part of the rate. A voicemail that
   * forgot us is found out by a refresh.
   */
  expires: { shortest: 600, longest: 3_600 },
  refreshShare: 0.5,
  /** Longest lifetime taken from a Min-Expires or believed of an answer, seconds. */
  longestExpires: 86_400,
  /** Between two occasions to refresh everything at once because the voicemail seems to have forgotten us. */
  hastenGap: 300_000,
  /** A SUBSCRIBE is given up after this; the sender's own deadline (RFC 3261 Timer F and slack) is shorter. */
  subscribeDeadline: 40_000,
  /** RFC 6665 §4.1.2.4, Timer N: no NOTIFY for so long after a SUBSCRIBE was taken is a failure. */
  notifyDeadline: 35_000,
  /** When a subscription is refreshed, as parts of its life; drawn between the two, so that refreshes spread. */
  refreshWindow: { from: 0.75, to: 0.9 },
  /** A refresh leaves this long before the end where the life allows, time for a lost answer; and not sooner than this. */
  refreshLead: 60_000,
  minRefresh: 5_000,
  /** What a subscription last said stands so long beyond its end: time to find the voicemail again. */
  grace: 600_000,
  /** Back-off after the voicemail failed: first and longest pause. */
  backoff: { first: 1_000, ceiling: 60_000 },
  /** Longest Retry-After obeyed as it stands. */
  retryAfterCeiling: 600_000,
  /** Pause after `probation` or `giveup` that names none. */
  probation: 30_000,
  /** A subscription that ends sooner than this was none: the next one waits longer each time. */
  quickEnd: 10_000,
  /** Pause after an answer that will not change by itself, and its half again as jitter. */
  refusedRetry: 900_000,
  /** The same where no user's subscription would be taken: the voicemail does not serve them. */
  unservedRetry: 4 * 3_600_000,
  /** How long a claim of a watch holds, and how long before its end it is renewed. */
  claim: 180_000,
  renewLead: 90_000,
  /** Renewals and reports under way at one time: they share commits. */
  renewalsInFlight: 400,
  reportsInFlight: 200,
  /** Between two looks into the store, and the longest pause between them. */
  claimGap: 200,
  pollCeiling: 1_000,
  /** Back-off after the store failed: first and longest pause. */
  storeBackoff: { first: 200, ceiling: 5_000 },
  /** How long a stop waits for what is in flight. */
  stopDeadline: 3_000,
  /** A refusal that somebody has to look at is told again after this. */
  toldAgain: 3_600_000,
} as const;
