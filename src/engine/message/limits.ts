/** Every limit of the grammar, in bytes unless said otherwise. Beyond them the answer is 513. */
export const MESSAGE_LIMITS = {
  /** A whole message. A UDP datagram cannot be that long; a stream could. */
  message: 256 * 1024,
  /** Start line and headers together. */
  headerSection: 48 * 1024,
  /** Number of header fields. */
  headerFields: 512,
} as const;
