/** Every limit of the grammar, in bytes unless said otherwise. */
export const MESSAGE_LIMITS = {
  /** A whole message. A UDP datagram cannot be longer; a stream could. */
  message: 256 * 1024,
  /** Start line and headers together. */
  headerSection: 64 * 1024,
  /** Number of header fields. */
  headerFields: 512,
} as const;
