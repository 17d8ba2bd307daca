/** Bounds of a lifetime that somebody asks for, seconds. */
export interface LifetimeBounds {
  /** Shorter is refused with 423; 0 is not a lifetime and always granted. */
  readonly min: number;
  /** Longer is shortened. */
  readonly max: number;
}

/** Every limit of this folder. Lifetimes and Retry-After in seconds, other times in ms, sizes in bytes. */
export const PRESENCE_LIMITS = {
  publicationLifetime: { min: 60, max: 86_400 },
  subscriptionLifetime: { min: 60, max: 3_600 },
  /** Publications alive at one time, in all and for one presentity; one more gets 503. */
  publications: 200_000,
  publicationsPerPresentity: 16,
  /** Subscriptions alive at one time, in all and to one presentity; one more gets 503. */
  subscriptions: 200_000,
  subscriptionsPerPresentity: 20,
  /** Longest body taken, and longest body that merging may make; more gets 413. Larger SIP bodies stall some servers. */
  bodyBytes: 4_096,
  /** Presentities without publications whose last state is remembered, so that later subscribers hear it cleared in full. */
  rememberedStates: 10_000,
  /** Pause before a NOTIFY that was refused, yet not for good, is sent again; it doubles with each refusal in a row. */
  notifyRetryDelay: { first: 2_000, longest: 60_000 },
  /** After a restart every subscriber is told the state: first after `delay`, then `batch` of them after each `pause`. */
  catchUp: { delay: 1_000, batch: 50, pause: 100 },
  /** What a sender beyond a bound is asked to wait. */
  retryAfter: 30,
};

export type PresenceLimits = Readonly<typeof PRESENCE_LIMITS>;
