/** Bounds of the control port, towards applications. Times in ms, sizes in bytes. */
export const CONTROL_LIMITS = {
  /** A client's frame, without its length. A longer one is passed over, and answered NOK. */
  frame: 99_999,
  /** Digits of a frame's length: whoever announces more does not speak this protocol. */
  lengthDigits: 6,
  /** Of a frame that is passed over so much is kept: enough to answer it. */
  frameHead: 256,
  /** Applications connected at one time. */
  connections: 64,
  /** A connection that has not authenticated within this time is closed. */
  authenticationDeadline: 5_000,
  /** Verbs one application may route. */
  routes: 64,
  /** Tags of one application that are kept, and how long each may be. */
  tags: 20,
  tagLength: 32,
  /** SIP messages of one application that wait to be sent, and their size together; until some are, no more is read of it. */
  unanswered: 1_000,
  unansweredBytes: 8_000_000,
  /** An application that has more than this waiting to be read gets no new requests, and no more is read of it. */
  busyBytes: 4_000_000,
  /** One that makes no way for so long while that much waits for it is cut off. */
  stalled: 30_000,
  /** An application that has more than this waiting to be read is cut off. */
  queuedBytes: 32_000_000,
} as const;
