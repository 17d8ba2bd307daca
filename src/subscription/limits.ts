/** Every limit and pace of one subscription of ours. Times in ms unless told otherwise. */
export const SUBSCRIPTION_LIMITS = {
  /** Longest lifetime taken from a Min-Expires or believed of an answer, seconds. */
  longestExpires: 86_400,
  /** RFC 6665 §4.1.2.4, Timer N: no NOTIFY for so long after a SUBSCRIBE was taken is a failure. */
  notifyDeadline: 35_000,
  /** When a subscription is refreshed, as parts of its life; drawn between the two, so that refreshes spread. */
  refreshWindow: { from: 0.75, to: 0.9 },
  /** A refresh leaves this long before the end where the life allows, time for a lost answer; and not sooner than this. */
  refreshLead: 60_000,
  minRefresh: 5_000,
  /** Back-off after a notifier failed: first and longest pause. */
  backoff: { first: 1_000, ceiling: 60_000 },
  /** Longest Retry-After obeyed as it stands. */
  retryAfterCeiling: 600_000,
  /** Pause after `probation` or `giveup` that names none. */
  probation: 30_000,
  /** A subscription that ends sooner than this was none: the next one waits longer each time. */
  quickEnd: 10_000,
  /** Pause after an answer that will not change by itself, and its half again as jitter. */
  refusedRetry: 900_000,
  /** The same where no user's subscription would be taken: the notifier does not serve them. */
  unservedRetry: 4 * 3_600_000,
  /**
   * Lifetime asked for, seconds: the shortest that lets refreshes take no more than this part of the rate. A notifier that
   * forgot us is found out by a refresh.
   */
  expires: { shortest: 600, longest: 3_600 },
  refreshShare: 0.5,
  /** Between two occasions to refresh everything at once because the notifier seems to have forgotten us. */
  hastenGap: 300_000,
  /** A SUBSCRIBE is given up after this; the sender's own deadline (RFC 3261 Timer F and slack) is shorter. */
  subscribeDeadline: 40_000,
  /** How long the last NOTIFY of a subscription that was ended is waited for. */
  lastNotify: 5_000,
} as const;
