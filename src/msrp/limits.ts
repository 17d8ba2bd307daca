/** Every limit of this folder. Times in ms, sizes in bytes. */
export interface MsrpLimits {
  /** A message, all its chunks together. */
  readonly maxMessageBytes: number;
  /** Messages of one session whose last chunk is still to come; whole ones need no place. */
  readonly openMessages: number;
  /** Room for all unfinished messages of one session together, in messages of the greatest size. */
  readonly openRoom: number;
  /** Room for all chunks and messages of the endpoint that were begun and are not done with, of every session together. */
  readonly unfinishedRoom: number;
  /** Stretches of one message that came with something missing between them. */
  readonly stretches: number;
  /** Messages of one session that were refused half-way, remembered to refuse their other chunks. */
  readonly refusedMessages: number;
  /** First line of a request or response. */
  readonly startLine: number;
  /** Start line and headers of one request or response. */
  readonly head: number;
  /** Transaction identifier (RFC 4975 §9: 4 to 32 characters; some clients use more). */
  readonly transactId: number;
  /** Connections at one time, on each listener; for one more the oldest gives way that no session runs over, or it goes itself. */
  readonly connections: number;
  /** Bytes waiting for a peer that does not read; then its connection is closed. */
  readonly queuedPerConnection: number;
  /** Requests of one connection waiting for their answer; beyond them nothing more is read from it. */
  readonly pendingRequests: number;
  /** Requests that wait for one session to be opened. */
  readonly heldRequests: number;
  /** Messages of ours in flight in one session; one client was seen to choke on more. */
  readonly window: number;
  /** Messages of ours waiting for the window. */
  readonly sendQueue: number;
  /** Messages of ours of more bytes go out in chunks; 0: none, since most clients take one chunk for a message. */
  readonly chunkOver: number;
  /** Bytes of a message in each of its chunks; RFC 4975 §5.1 wants longer ones interruptible. */
  readonly chunkBytes: number;
  /** Bytes waiting for the peer to read beyond which we begin to send nothing more. */
  readonly writeMark: number;
  /** Bytes handed to the system at once, of a message that is longer. */
  readonly writePiece: number;
  /** A connection whose peer takes none of the bytes that wait is closed after this. */
  readonly stalledTimeout: number;
  /** From a SEND to its response (RFC 4975 §7.1.1). */
  readonly responseTimeout: number;
  /** From a 200 to a REPORT that says otherwise; some clients send one. */
  readonly reportWait: number;
  /** The same for a peer that was seen not to report, and for a message that asked for no report of success. */
  readonly silentReportWait: number;
  /** From the offer or answer to the peer's first word in a session. */
  readonly bindTimeout: number;
  /** A connection that belongs to no session is closed after this. */
  readonly strangerTimeout: number;
  /** From the end of a session to the end of its connection: clients take an earlier end for a failure. */
  readonly linger: number;
  /** From there, or from the end of what comes, to the end of a connection some of whose requests still wait for their answer. */
  readonly answerWait: number;
}

export const MSRP_LIMITS: MsrpLimits = {
  maxMessageBytes: 65_536,
  openMessages: 8,
  openRoom: 2,
  unfinishedRoom: 256 * 1024 * 1024,
  stretches: 64,
  refusedMessages: 32,
  startLine: 1_024,
  head: 8_192,
  transactId: 64,
  connections: 5_000,
  queuedPerConnection: 16 * 1024 * 1024,
  pendingRequests: 50,
  heldRequests: 16,
  window: 10,
  sendQueue: 1_000,
  chunkOver: 0,
  chunkBytes: 2_048,
  writeMark: 1024 * 1024,
  writePiece: 256 * 1024,
  stalledTimeout: 30_000,
  responseTimeout: 30_000,
  reportWait: 2_000,
  silentReportWait: 250,
  bindTimeout: 30_000,
  strangerTimeout: 15_000,
  linger: 1_500,
  answerWait: 10_000,
};
