import type { MsrpUri } from './uri.ts';

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
  /** The peer is there; nothing may be sent before. Called once. */
  onBound(): void;
  /**
   * A message that is not empty. The 200 to its last chunk and its success report follow when the promise resolves;
   * rejecting with MessageRefused answers its status, with anything else 408 (RFC 4975 §10.4: not delivered in time).
   */
  onMessage(message: ReceivedMessage): Promise<void>;
  /** The peer gave a sign of life in the session. */
  onActivity?(): void;
  /** The session is over, also by {@link MsrpSession.close}. Called once; nothing else follows. */
  onEnded(reason: SessionEnd): void;
}

/** A chat session (RFC 4975 §5). */
export interface MsrpSession {
  readonly id: string;
  /**
   * Resolves when the peer answered 200 and no report said otherwise within a short time.
   * @throws SendFailed, SendTimedOut, SessionClosed
   */
  send(message: OutgoingMessage): Promise<void>;
  /** Ends the session; its connection, when no other session uses it, a moment later. */
  close(): void;
}
