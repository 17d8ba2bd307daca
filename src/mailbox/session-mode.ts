import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { MailboxError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Gauge, Metrics } from '../core/metrics.ts';
import type { MsrpEndpoint, MsrpTransport } from '../msrp/endpoint.ts';
import type { MsrpSession, SessionHandlers } from '../msrp/session.ts';
import { formatMsrpUri, parseMsrpUri } from '../msrp/uri.ts';
import type { Deposits } from './deposit.ts';
import { DepositConversation } from './deposit-conversation.ts';
import type { DisplayedTexts } from './displayed-texts.ts';
import type { PeerFormats } from './presentation.ts';
import type { ReceiptSessions } from './receipt-sessions.ts';
import type { Retrievals } from './retrieval.ts';
import { RetrievalConversation } from './retrieval-conversation.ts';

/** What carries a chat. */
export type ChatTransport = MsrpTransport;

/** Why somebody is in a chat session with us. */
export type ChatPurpose =
  | {
      readonly kind: 'deposit';
      readonly owner: AddressOfRecord;
      readonly author: string;
      readonly authorName: string;
      /** SIP URI of the trusted hop the call came from; null when nobody vouches for the author. */
      readonly returnHop: string | null;
    }
  | { readonly kind: 'retrieval'; readonly owner: AddressOfRecord };

/** The peer's side of the media, out of its SDP. */
export interface ChatPeer extends PeerFormats {
  readonly path: readonly string[];
  /** Our role in setting up the connection. */
  readonly role: 'active' | 'passive';
}

/** A chat that runs. `end` says that the call is over; it may be called more than once. */
export interface RunningChat {
  end(): void;
}

/** Our side of the media, before the call is answered: what goes into our SDP. */
export interface PreparedChat {
  readonly path: string;
  readonly host: string;
  readonly port: number;
  /** The call is answered. `hangUp` is called once, when the chat wants it ended. */
  start(purpose: ChatPurpose, hangUp: (reason: string) => void): RunningChat;
  /** The call was not answered after all. */
  discard(): void;
}

/** As many chat sessions run as may at one time. */
export class TooManySessions extends MailboxError {
  constructor(limit: number) {
    super('TOO_MANY_SESSIONS', `${limit} chat sessions run already`);
  }
}

/** The peer's a=path holds something that is no MSRP URI. */
export class UnreadablePath extends MailboxError {
  constructor(cause: unknown) {
    super('UNREADABLE_PATH', 'the MSRP path of the peer cannot be read', { cause });
  }
}

export interface SessionModeOptions {
  readonly endpoint: MsrpEndpoint;
  readonly deposits: Deposits;
  readonly retrievals: Retrievals;
  readonly receipts: ReceiptSessions;
  readonly displayed: DisplayedTexts;
  readonly messageAccount: AddressOfRecord;
  readonly autoReply: string;
  /** ms */
  readonly idleTimeout: number;
  readonly maxSessions: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Session mode (RFC 4975): chat sessions that deposit and retrieve. */
export class SessionMode {
  readonly #options: SessionModeOptions;
  readonly #running: Gauge;
  readonly #chats = new Set<{ hangUp: (reason: string) => void }>();
  #count = 0;

  constructor(options: SessionModeOptions) {
    this.#options = options;
    this.#running = options.metrics.gauge('chat_sessions', 'Chat sessions that run');
  }

  get transports(): ReadonlySet<ChatTransport> {
    return new Set(this.#options.endpoint.listeners.map(({ transport }) => transport));
  }

  /** Makes room for one chat with `peer`. @throws TooManySessions, UnreadablePath */
  prepare(transport: ChatTransport, peer: ChatPeer): PreparedChat {
    const { endpoint, maxSessions } = this.#options;
    if (this.#count >= maxSessions) throw new TooManySessions(maxSessions);
    const path = readPath(peer.path);
    const prepared = endpoint.prepare(transport);
    const [local] = prepared.localPath;
    if (local === undefined) throw new UnreadablePath('no local path');
    this.#adjust(1);
    return {
      path: prepared.localPath.map(formatMsrpUri).join(' '),
      host: local.host,
      port: local.port,
      discard: () => {
        prepared.discard();
        this.#adjust(-1);
      },
      start: (purpose, hangUp) => {
        const open = (handlers: SessionHandlers): MsrpSession =>
          prepared.open({ path, setup: peer.role, fingerprints: [] }, handlers);
        return this.#start(open, peer, purpose, hangUp);
      },
    };
  }

  /** Asks every chat to end, for a clean stop. */
  hangUpAll(): void {
    for (const chat of [...this.#chats]) chat.hangUp('shutdown');
  }

  #start(
    open: (handlers: SessionHandlers) => MsrpSession,
    peer: ChatPeer,
    purpose: ChatPurpose,
    hangUp: (reason: string) => void,
  ): RunningChat {
    let asked = false;
    let over = false;
    const hangUpOnce = (reason: string): void => {
      if (asked) return;
      asked = true;
      hangUp(reason);
    };
    const chat = { hangUp: hangUpOnce };
    this.#chats.add(chat);
    // The conversation speaks in a session that is opened with the conversation.
    const opened: { session?: MsrpSession } = {};
    const session = (): MsrpSession => {
      if (opened.session === undefined) throw new Error('the session speaks before it was opened');
      return opened.session;
    };
    const running = open(this.#converse(purpose, peer, hangUpOnce, session));
    opened.session = running;
    return {
      end: () => {
        if (over) return;
        over = true;
        asked = true;
        this.#chats.delete(chat);
        this.#adjust(-1);
        running.close();
      },
    };
  }

  #converse(
    purpose: ChatPurpose,
    peer: ChatPeer,
    hangUp: (reason: string) => void,
    session: () => MsrpSession,
  ): SessionHandlers {
    const options = { ...this.#options, peer, hangUp };
    return purpose.kind === 'deposit'
      ? new DepositConversation({ ...options, ...purpose }, session)
      : new RetrievalConversation({ ...options, owner: purpose.owner }, session);
  }

  #adjust(change: number): void {
    this.#count += change;
    this.#running.set(this.#count);
  }
}

function readPath(path: readonly string[]): ReturnType<typeof parseMsrpUri>[] {
  try {
    return path.map((uri) => parseMsrpUri(uri));
  } catch (cause) {
    throw new UnreadablePath(cause);
  }
}
