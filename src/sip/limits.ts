/** Every limit of this folder. Times in ms, sizes in bytes. */
export const SIP_LIMITS = {
  /** A request of ours is given up after 64*T1 (RFC 3261 §17.1.2.2, Timer F) and a little slack for the last answer. */
  requestDeadline: 33_000,
  /** Longest wait for the engine to say that a response or dialog was taken. */
  answerDeadline: 5_000,
  /** Longest wait for the database to say that it is there, before a call is answered. */
  storeDeadline: 3_000,
  /**
   * How long a call of ours may ring. With {@link challengeRetryWindow} it stays within the time for which MSRP keeps what comes
   * for a session that is not opened yet.
   */
  ringing: 25_000,
  /** Longest pause between two attempts to reach a drachtio-server. */
  reconnectDelay: 5_000,
  /** How often a drachtio-server is asked whether it still listens. */
  pingInterval: 5_000,
  /** How long the answer may take before the connection is given up. */
  pingDeadline: 10_000,
  /** Longest command to a drachtio-server, which is stopped for good by frames of 12,228 bytes. */
  frame: 12_000,
  /** Longest frame, with its length, that others may follow at once: what a drachtio-server has room for besides one read. */
  unpacedFrame: 4_000,
  /** Frames that may wait for a longer one to be answered. */
  waitingFrames: 10_000,
  /** Texts sent to a phone in one MESSAGE; phones were seen not to show 1,200 bytes. */
  pagerBody: 1_000,
  /** Longest display name kept of a caller. */
  displayName: 128,
  /** Longest value we put into a header. */
  headerValue: 1_024,
  /** Longest record of a subscriber's dialog that is kept. */
  dialogRecord: 8_000,
  /** Contacts in a REGISTER that is passed on to us. */
  contacts: 16,
  /** Contacts repeated in the answer to it: a drachtio-server is stopped by frames of 12,228 bytes. */
  echoedContacts: 4_096,
  /** Headers kept with a text, in the MESSAGE that brings it; what has no room is left out. */
  keptHeaders: 4_096,
  /** Methods kept of those a phone says it takes. */
  methods: 24,
  /** Entries read of one History-Info or Diversion header. */
  diversions: 32,
  /** Languages read of one Accept-Language header. */
  languages: 32,
  /** Challenges read of one header. The answer repeats most of one, and a long request can stop a drachtio-server. */
  challengeBytes: 3_072,
  /** Times a request is sent again for a challenge. */
  challengeRetries: 2,
  /**
   * How long after it first left a request may be sent again for a challenge: with {@link requestDeadline} it ends before a
   * publication counts as unanswered, so that no two are under way.
   */
  challengeRetryWindow: 5_000,
  /** Challenges kept, so that later requests carry credentials from the start. */
  protectionSpaces: 256,
  /** A session description as it comes, decoded. */
  receivedSdp: 65_536,
  /** Longest session description we send: a drachtio-server is stopped by frames of 12,228 bytes. */
  sdp: 8_000,
  /** Parts looked into of a body that has several. */
  bodyParts: 16,
  /** Relays on the way to a peer, and itself. */
  hops: 16,
  /** From our offer in a 200 to the answer in its ACK. The SIP server gives up a call without ACK after 32 s. */
  answerInAck: 34_000,
  /** A call that is held, or has no connection yet because the peer wants none for now, is ended after this. */
  longestHold: 1_800_000,
  /** Pause before a session refresh that failed is tried again, unless the peer says when. */
  refreshRetry: 10_000,
  /** Longest random pause before a request that crossed one of the peer's is sent again (RFC 3261 §14.1). */
  glarePause: 2_000,
} as const;

/** Seconds (RFC 4028 §4): shortest session interval we go along with. */
export const SESSION_MIN_SE = 90;

/** Seconds: a longer session interval is shortened to this. */
export const SESSION_MAX_INTERVAL = 86_400;

/** Seconds a refused sender is asked to wait when the cause is likely to pass. */
export const RETRY_AFTER_SECONDS = 5;
