import type { Fingerprint } from './fingerprint.ts';
import type { MsrpUri } from './uri.ts';

/** The peer's side of a session, out of its SDP. */
export interface RemoteSide {
  readonly path: readonly MsrpUri[];
  /** Our role: whether we make the connection (RFC 6135). */
  readonly setup: 'active' | 'passive';
  /** Of the certificate the peer shows over TLS (RFC 8122); empty when it named none. */
  readonly fingerprints: readonly Fingerprint[];
}

/** A message of ours. */
export interface OutgoingMessage {
  /** Made up when it is not given. */
  readonly messageId?: string;
  readonly contentType: string;
  readonly content: Buffer;
  /** Asks the peer to report what became of it; by default so. */
  readonly successReport?: boolean;
}

/** A whole message of the peer. */
export interface ReceivedMessage {
  readonly messageId: string;
  readonly contentType: string;
  readonly content: Buffer;
  readonly fromPath: readonly MsrpUri[];
}

/** Why a session is over: we closed it, its connection was lost, or the peer never came. */
export type SessionEnd = 'closed' | 'connection lost' | 'peer did not come';

/** The owner of a session. */
export interface SessionHandlers {
  /**
   * The peer is there: the 200 to its first SEND was written, or our own bind was answered 200. Called once, before any
   * message. When that first SEND has content it is not answered yet; what is sent meanwhile goes out after the answer.
   */
  onBound(): void;
  /**
   * A whole message; never an empty one, a keep-alive or a heartbeat. The 200 to its last chunk and its success report follow when the promise resolves;
   * rejecting with MessageRefused answers its status, with anything else 408 (RFC 4975 §10.4: not delivered in time).
   */
  onMessage(message: ReceivedMessage): Promise<void>;
  /** A chunk of a message came, isComposing too. Keep-alives don't count: a client sends them while nobody is there. */
  onActivity?(): void;
  /** The session is over, also by {@link MsrpSession.close}. Called once; nothing else follows. */
  onEnded(reason: SessionEnd): void;
}

/** A chat session (RFC 4975 §5). */
export interface MsrpSession {
  readonly id: string;
  /**
   * Resolves when the peer answered 200 and no report said otherwise within a short time; a report of success ends the wait
   * at once. When the session ends after the 200, it was delivered unless a report is still due: of a peer seen to report, or
   * over a relay, whose own the 200 is.
   * @throws SendFailed, SendTimedOut, SessionClosed, SendQueueFull
   */
  send(message: OutgoingMessage): Promise<void>;
  /** The peer asks us not to send for now (a=inactive, a=sendonly), or to go on; nothing is lost meanwhile. */
  hold(held: boolean): void;
  /**
   * The peer goes on from elsewhere (a re-INVITE with another path): the session waits to be bound anew, within the same time
   * as at first. What was sent and not answered may still be answered over the former connection.
   */
  move(remote: RemoteSide): void;
  /** Ends the session at once; its connection, when no other session uses it, a moment later. */
  close(): void;
}
