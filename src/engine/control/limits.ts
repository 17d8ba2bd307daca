/** Bounds of the control port, towards applications. */
export const CONTROL_LIMITS = {
  /** Digits of a frame's length: a client's frame is at most 99,999 bytes. */
  lengthDigits: 5,
  /** Applications connected at one time. */
  connections: 64,
  /** A connection that has not authenticated within this time is closed, ms. */
  authenticationDeadline: 5_000,
  /** Verbs one application may route. */
  routes: 64,
  /** An application that has more than this waiting to be read gets no new requests, bytes. */
  busyBytes: 4_000_000,
  /** An application that has more than this waiting to be read is cut off, bytes. */
  queuedBytes: 32_000_000,
} as const;
