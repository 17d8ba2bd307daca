/** Bounds of dialogs. */
export const DIALOG_LIMITS = {
  /** Dialogs alive at one time. */
  dialogs: 50_000,
  /** Characters of a request that begins one which the dialog keeps: its route, its addresses and its name. */
  state: 8_192,
  /** A call in which nothing was said over SIP for so long is over, ms. */
  inviteIdle: 12 * 3_600_000,
  /** A subscription outlives its Expires by this much, for its last NOTIFY, ms. */
  subscriptionGrace: 300_000,
  /** Callees of one forked INVITE, beside the first, that are acknowledged and put down; more are left alone. */
  forks: 32,
  /** Calls of applications that are gone, which wait for their BYE; more are left to the peers' own timers. */
  farewells: 50_000,
  /** So many requests and answers go out for an application that is gone, each {@link farewellInterval}. */
  farewellsAtOnce: 200,
  /** ms; with the number above 10,000 a second. */
  farewellInterval: 20,
  /** Expires of a subscription that names none, seconds. */
  subscriptionExpires: 3_600,
  /** Longest Expires believed, seconds. */
  subscriptionMaxExpires: 7 * 86_400,
  /** NOTIFYs kept for a SUBSCRIBE of ours that has no 2xx yet. */
  earlyNotifies: 4,
  /** Pause between that 2xx and those NOTIFYs, so that the application is ready for them, ms. */
  earlyNotifyPause: 20,
} as const;
