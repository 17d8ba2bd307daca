/** Bounds of dialogs. */
export const DIALOG_LIMITS = {
  /** Dialogs alive at one time. */
  dialogs: 50_000,
  /** A call in which nothing was said over SIP for so long is over, ms. */
  inviteIdle: 12 * 3_600_000,
  /** A subscription outlives its Expires by this much, for its last NOTIFY, ms. */
  subscriptionGrace: 300_000,
  /** Expires of a subscription that names none, seconds. */
  subscriptionExpires: 3_600,
  /** Longest Expires believed, seconds. */
  subscriptionMaxExpires: 7 * 86_400,
  /** NOTIFYs kept for a SUBSCRIBE of ours that has no 2xx yet. */
  earlyNotifies: 4,
  /** Pause between that 2xx and those NOTIFYs, so that the application is ready for them, ms. */
  earlyNotifyPause: 20,
} as const;
