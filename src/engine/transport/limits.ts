/** Every limit of the transports. Times in ms, sizes in bytes. */
export const TRANSPORT_LIMITS = {
  /** Socket buffers asked of the kernel for UDP: a burst must outlive a pause of this process. */
  udpBuffer: 4 * 1024 * 1024,
  /** Open TCP connections, both ways together; one more is closed at once. */
  connections: 2_000,
  /** Bytes waiting for one peer that does not read; then its connection is closed. */
  queuedPerConnection: 2 * 1024 * 1024,
  /** A connection without a byte either way is closed. */
  idle: 10 * 60 * 1000,
  /** How long a connection of ours may take to be made. */
  connect: 5_000,
} as const;
