import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { MsrpConnection } from './connection.ts';
import type { MsrpLimits } from './limits.ts';
import type { RemoteSide, SessionHandlers } from './session.ts';
import type { UnfinishedRoom } from './unfinished-room.ts';
import type { MsrpUri } from './uri.ts';

/** A session whose connection is being made by us; one of the two is called. */
export interface Reaching {
  bindTo(connection: MsrpConnection): void;
  onUnreachable(): void;
}

/** What a session is made of, and what it needs of its endpoint. */
export interface ChatSessionOptions {
  readonly id: string;
  readonly local: MsrpUri;
  readonly remote: RemoteSide;
  readonly handlers: SessionHandlers;
  readonly limits: MsrpLimits;
  /** Of the endpoint, for what is unfinished. */
  readonly room: UnfinishedRoom;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether a connection has the TLS of the offer, and shows a certificate the peer named, if it named any. */
  trusts(connection: MsrpConnection, remote: RemoteSide): boolean;
  /** Makes the connection in the active role, unless `signal` says that it is not needed any more. */
  reach(session: Reaching, remote: RemoteSide, signal: AbortSignal): void;
  /** The session is over: its URI means nothing any more. */
  onOver(): void;
}
