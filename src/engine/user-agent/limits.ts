/** Bounds of sending. */
export const SENDING_LIMITS = {
  /** RFC 3261 §18.1.1: a longer request goes over TCP, whose path has no largest packet, bytes. */
  datagram: 1_300,
  /** How long TCP is tried for a long request before UDP takes it after all, ms. */
  tcpAttempt: 2_000,
  /**
   * A response made here waits this long after its request was announced, so that the application is ready for it, ms:
   * a client that reads both at once has nobody listening yet.
   */
  localResponsePause: 20,
  /** Addresses of one target that are tried. */
  addresses: 8,
  /** One of several that has not even sent a 100 after so many times T1 is left aside for the next one. */
  silenceRounds: 16,
  /** After so many times T1 its host is asked whether anybody listens there. */
  suspectRounds: 2,
} as const;

/** Bounds of answering. */
export const ANSWERING_LIMITS = {
  /** A call that rings is told so again, ms (RFC 3261 §13.3.1.1). */
  ringAgain: 60_000,
  /** Requests held until the first application is at work; one more is dropped, and sent again by its client. */
  held: 1_000,
  /** How often it is looked whether one is, ms. */
  lookForApplication: 10,
} as const;
