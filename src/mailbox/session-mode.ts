import { setMaxListeners } from 'node:events';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { MailboxError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Gauge, Metrics } from '../core/metrics.ts';
import type { MsrpEndpoint, MsrpTransport, PreparedSession } from '../msrp/endpoint.ts';
import type { MsrpSession } from '../msrp/session.ts';
import { formatMsrpUri } from '../msrp/uri.ts';
import type { Conversation } from './chat.ts';
import { Chat } from './chat.ts';
import type { ChatPeer } from './chat-peer.ts';
import { remoteSide } from './chat-peer.ts';
import type { Deposits } from './deposit.ts';
import { DepositConversation } from './deposit-conversation.ts';
import type { DeskWork } from './desk/desk.ts';
import type { Visitor } from './desk/visit.ts';
import type { DisplayedTexts } from './receipts/displayed-texts.ts';
import type { OwnerProfiles } from './owner-profiles.ts';
import type { PeerFormats } from './presentation.ts';
import { PushConversation } from './push/conversation.ts';
import type { CalledChat } from './push/delivery-ports.ts';
import type { ReceiptSessions } from './receipts/receipt-sessions.ts';
import type { Retrievals } from './retrieval.ts';
import { RetrievalConversation } from './retrieval-conversation.ts';

export type { ChatPeer } from './chat-peer.ts';
export { UnreadablePath } from './chat-peer.ts';

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
  | ({ readonly kind: 'retrieval' } & Visitor)
  /** We called the owner. `onStanding`: texts can be sent to her from now on. */
  | {
      readonly kind: 'push';
      readonly owner: AddressOfRecord;
      readonly onStanding: (chat: CalledChat) => void;
    };

/** A chat of a call that was answered. `end` says that the call is over; it may be called more than once. */
export interface RunningChat {
  /**
   * The peer's side is known, or is another now: the session is opened, or goes on where the peer is, if that is elsewhere.
   * @throws UnreadablePath, and nothing has changed
   */
  connect(peer: ChatPeer): void;
  /** The peer wants to hear nothing for now, or again. Meanwhile nobody is taken for silent. */
  hold(held: boolean): void;
  end(): void;
}

/** Our side of the media, before the call is answered: what goes into our SDP. */
export interface PreparedChat {
  readonly path: string;
  readonly host: string;
  readonly port: number;
  /** Of our certificate, over TLS: what stands after `a=fingerprint:`. */
  readonly fingerprint: string | undefined;
  /** The call is answered. `hangUp` is called once, when the chat wants it ended; never before this has returned. */
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

export interface SessionModeOptions {
  readonly endpoint: MsrpEndpoint;
  readonly deposits: Deposits;
  readonly retrievals: Retrievals;
  /** Does what owners ask for; undefined: their sessions end once they have their new texts. */
  readonly desk: DeskWork | undefined;
  readonly receipts: ReceiptSessions;
  readonly displayed: DisplayedTexts;
  readonly messageAccount: AddressOfRecord;
  /** How the mailbox speaks for each owner. */
  readonly profiles: OwnerProfiles;
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
  readonly #chats = new Set<Chat>();
  readonly #stopping = new AbortController();
  /** What owners asked for in sessions, being done. */
  readonly #works = new Set<Promise<void>>();
  #onIdle = (): void => undefined;
  #count = 0;

  constructor(options: SessionModeOptions) {
    this.#options = options;
    // Each call that rings listens.
    setMaxListeners(0, this.#stopping.signal);
    this.#running = options.metrics.gauge('chat_sessions', 'Chat sessions that run');
  }

  /** Aborts when chats are asked to end for good: no call of ours need ring any longer. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  get transports(): ReadonlySet<ChatTransport> {
    return new Set(this.#options.endpoint.listeners.map(({ transport }) => transport));
  }

  /**
   * Makes room for one chat.
   * @param peer its side, when that is known already
   * @throws TooManySessions, UnreadablePath
   */
  prepare(transport: ChatTransport, peer?: ChatPeer): PreparedChat {
    const { endpoint, maxSessions } = this.#options;
    if (this.#count >= maxSessions) throw new TooManySessions(maxSessions);
    if (peer !== undefined) remoteSide(peer);
    const prepared = endpoint.prepare(transport);
    const [local] = prepared.localPath;
    if (local === undefined) throw new Error('a session without a path of its own');
    this.#adjust(1);
    return {
      path: prepared.localPath.map(formatMsrpUri).join(' '),
      host: local.host,
      port: local.port,
      fingerprint: prepared.fingerprint,
      discard: () => {
        prepared.discard();
        this.#adjust(-1);
      },
      start: (purpose, hangUp) => this.#start(prepared, purpose, hangUp),
    };
  }

  /** Asks every chat to end, also those whose calls are answered from now on; resolves when all are over. */
  async hangUpAll(): Promise<void> {
    this.#stopping.abort();
    const over = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    for (const chat of [...this.#chats]) chat.hangUp('shutdown');
    if (this.#count > 0) await over;
  }

  /** Resolves when all is done that owners asked for in sessions. */
  async idle(): Promise<void> {
    while (this.#works.size > 0) await Promise.all(this.#works);
  }

  #onWork(work: Promise<void>): void {
    this.#works.add(work);
    void work.finally(() => this.#works.delete(work));
  }

  #start(prepared: PreparedSession, purpose: ChatPurpose, hangUp: (reason: string) => void): RunningChat {
    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    const chat = new Chat({
      prepared,
      hangUp,
      converse: (peer, ask, session) => this.#converse(purpose, { peer, hangUp: ask, over }, session),
      onEnded: () => {
        this.#chats.delete(chat);
        this.#adjust(-1);
        end();
      },
    });
    this.#chats.add(chat);
    if (this.#stopping.signal.aborted) queueMicrotask(() => chat.hangUp('shutdown'));
    return chat;
  }

  #converse(
    purpose: ChatPurpose,
    call: {
      readonly peer: PeerFormats;
      readonly hangUp: (reason: string) => void;
      readonly over: Promise<void>;
    },
    session: () => MsrpSession,
  ): Conversation {
    const options = { ...this.#options, ...call };
    switch (purpose.kind) {
      case 'deposit':
        return new DepositConversation({ ...options, ...purpose }, session);
      case 'retrieval':
        return new RetrievalConversation(
          { ...options, visitor: purpose, stopping: this.stopping, onWork: (work) => this.#onWork(work) },
          session,
        );
      case 'push':
        return new PushConversation({ ...options, ...purpose }, session);
    }
  }

  #adjust(change: number): void {
    this.#count += change;
    this.#running.set(this.#count);
    if (this.#count === 0) this.#onIdle();
  }
}
