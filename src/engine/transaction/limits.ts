/** Bounds of the transaction layer. A server transaction that was answered lives 64*T1 on UDP, so rate times 32 s. */
export const TRANSACTION_LIMITS = {
  /** Server transactions alive, answered ones included: 15,000 requests a second on UDP, where there is memory for them. */
  server: 480_000,
  /** What one of them takes at most once it is answered, bytes; half of the heap is for them. */
  serverBytes: 2_000,
  /** Server transactions that wait for an application's answer. */
  unanswered: 40_000,
  /** Client transactions alive. */
  client: 120_000,
  /** INVITE: longest wait for a final response after the last provisional one, ms (RFC 3261 §16.6: more than 3 minutes). */
  invitePatience: 300_000,
  /** Seconds in Retry-After when a bound is reached. */
  retryAfter: 5,
} as const;
