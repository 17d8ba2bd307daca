/** Every limit of the grammar, in bytes unless said otherwise. Beyond those of a message the answer is 513. */
export const MESSAGE_LIMITS = {
  /** A whole message. A UDP datagram cannot be that long; a stream could. */
  message: 256 * 1024,
  /** Start line and headers together. */
  headerSection: 48 * 1024,
  /** Number of header fields. */
  headerFields: 512,
  /** Spellings of header names whose canonical form is remembered; one more and all are forgotten. */
  knownNames: 1_024,
  /** The longest of them. */
  knownNameLength: 64,
} as const;
