/** Every limit and pace of learning from registration events who is online. Times in ms unless told otherwise. */
export const REGISTRATION_LIMITS = {
  /** Users one node watches, unless the caller says otherwise. */
  maxWatched: 100_000,
  /** SUBSCRIBEs a second, and in flight over all users, unless the caller says otherwise. */
  rate: 100,
  maxInFlight: 32,
  /** Between two looks for users who have new texts, or have none any more; and how many are read at a time. */
  lookEvery: 180_000,
  page: 500,
  /** Contacts kept of one user. */
  contacts: 100,
  /** Between two refreshes of one subscription that ask for the full state. */
  fullStateGap: 30_000,
  /** Longest a user is believed to be online without being told again. */
  longestOnline: 24 * 3_600_000,
  /** Reports under way at one time: they share commits. */
  reportsInFlight: 100,
  /** Back-off after the store failed: first and longest pause. */
  storeBackoff: { first: 200, ceiling: 5_000 },
  /** How long a stop waits for reports under way. */
  stopDeadline: 3_000,
  /** A refusal that somebody has to look at is told again after this. */
  toldAgain: 3_600_000,
} as const;
