/** Every limit of this folder. Times in ms, sizes in bytes. */
export interface WebSocketLimits {
  /** Connections of one listener at one time, of all kinds together; one more is closed at once. */
  readonly connections: number;
  /** Of these, those of one source whose opening handshake is not done; for one more its oldest is closed. */
  readonly handshakesOfSource: number;
  /** From a connection to the end of its opening handshake, over TLS the handshake of TLS apart. */
  readonly handshake: number;
  /** A client is asked for a sign of life so often. */
  readonly pingInterval: number;
  /** From that question to the answer; then the connection is dead. */
  readonly pongTimeout: number;
  /** From our close frame to the client's. */
  readonly closing: number;
  /** Messages read and not yet taken; then no more is read from the client. */
  readonly readAhead: number;
  /** Bytes waiting for a client from where the stream says that it is full; its owner draws the last line. */
  readonly writeMark: number;
  /** Frames one message may come in. */
  readonly fragments: number;
  /** Reads of the network one frame may come in: each costs more memory than the byte it may bring. */
  readonly reads: number;
  /** A frame that is long may come in more reads, when they bring so many bytes on average. */
  readonly bytesPerRead: number;
  /** Room for all messages of one listener that have begun to arrive; for one more the oldest gives way. */
  readonly unfinishedRoom: number;
}

export const WEB_SOCKET_LIMITS: WebSocketLimits = {
  connections: 5_000,
  handshakesOfSource: 250,
  handshake: 10_000,
  pingInterval: 30_000,
  pongTimeout: 20_000,
  closing: 2_000,
  readAhead: 4,
  writeMark: 256 * 1024,
  fragments: 1_024,
  reads: 8_192,
  bytesPerRead: 512,
  unfinishedRoom: 256 * 1024 * 1024,
};
