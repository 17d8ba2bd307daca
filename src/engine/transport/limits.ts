/** Every limit of the transports. Times in ms, sizes in bytes. */
export const TRANSPORT_LIMITS = {
  /** Socket buffers asked of the kernel for UDP: a burst must outlive a pause of this process. */
  udpBuffer: 4 * 1024 * 1024,
  /** Datagrams the kernel would not take yet; beyond it they are dropped, as the network would. */
  udpQueued: 8 * 1024 * 1024,
  /** Open TCP or TLS connections of one listener, both ways together and those being made; one more is refused. */
  connections: 2_000,
  /** Of these, what one source may have for itself; of more, some make room for others when there is none left. */
  ownShare: 250,
  /** Connections that are being made to one source at one time. */
  connecting: 32,
  /** Bytes waiting for one peer that does not read; then its connection is closed. */
  queuedPerConnection: 2 * 1024 * 1024,
  /** With more than this waiting for a peer, no more is read from it until it has taken all. */
  pauseReadingAt: 256 * 1024,
  /** How long a peer may leave us waiting so. */
  stalled: 30_000,
  /** Bytes of one listener's connections that are of messages not complete; for more one of them is closed. */
  unfinishedRoom: 64 * 1024 * 1024,
  /** How long a message may take to arrive once it has begun. */
  messageArrival: 30_000,
  /** A connection without a byte either way is closed. */
  idle: 10 * 60 * 1000,
  /** After an answer that ends a connection, how long the peer may take to read it. */
  linger: 2_000,
  /** How long a connection of ours may take to be made, over TLS with its handshake. */
  connect: 5_000,
  /** How long the TLS handshake of a connection that came may take. */
  handshake: 10_000,
  /** TLS handshakes of one listener that are not done; with one more the oldest is cut off. They are no connections yet. */
  handshakes: 250,
} as const;

/** The limits of one transport layer; tests set others. */
export type TransportLimits = Readonly<Record<keyof typeof TRANSPORT_LIMITS, number>>;
