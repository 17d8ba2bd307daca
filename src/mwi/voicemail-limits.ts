import { SUBSCRIPTION_LIMITS } from '../subscription/limits.ts';

/** Every limit and pace of watching a voicemail. Times in ms unless told otherwise. */
export const VOICEMAIL_LIMITS = {
  ...SUBSCRIPTION_LIMITS,
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
  /** What a subscription last said stands so long beyond its end: time to find the voicemail again. */
  grace: 600_000,
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
