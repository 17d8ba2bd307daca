import type { PreparedSession } from '../msrp/endpoint.ts';
import type { MsrpSession, RemoteSide, SessionHandlers } from '../msrp/session.ts';
import type { ChatPeer } from './chat-peer.ts';
import { isSamePlace, remoteSide } from './chat-peer.ts';
import type { PeerFormats } from './presentation.ts';

/** What is done in a session. */
export interface Conversation extends SessionHandlers {
  /** The peer asks for a pause, or to go on. */
  onHeld?(held: boolean): void;
}

export interface ChatOptions {
  readonly prepared: PreparedSession;
  /** Ends the call. */
  readonly hangUp: (reason: string) => void;
  readonly converse: (
    peer: PeerFormats,
    hangUp: (reason: string) => void,
    session: () => MsrpSession,
  ) => Conversation;
  /** The call is over. */
  readonly onEnded: () => void;
}

/** The chat of one call: its session, once the peer's side is known, and the conversation in it. */
export class Chat {
  readonly #options: ChatOptions;
  #running: { readonly session: MsrpSession; readonly conversation: Conversation } | undefined;
  #remote: RemoteSide | undefined;
  #formats: PeerFormats = { acceptTypes: [], acceptWrappedTypes: [] };
  #held = false;
  #asked = false;
  #over = false;

  constructor(options: ChatOptions) {
    this.#options = options;
  }

  /** Asks for the end of the call, once. */
  hangUp(reason: string): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#options.hangUp(reason);
  }

  /** @throws UnreadablePath */
  connect(peer: ChatPeer): void {
    if (this.#over) return;
    const remote = remoteSide(peer);
    const before = this.#remote;
    this.#remote = remote;
    this.#formats = peer;
    if (this.#running === undefined) this.#open(remote);
    else if (before === undefined || !isSamePlace(before, remote)) this.#running.session.move(remote);
  }

  hold(held: boolean): void {
    if (this.#held === held || this.#over) return;
    this.#held = held;
    this.#running?.session.hold(held);
    this.#running?.conversation.onHeld?.(held);
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#asked = true;
    this.#options.onEnded();
    if (this.#running === undefined) this.#options.prepared.discard();
    else this.#running.session.close();
  }

  #open(remote: RemoteSide): void {
    // The conversation speaks in a session that is opened with the conversation.
    const session = (): MsrpSession => {
      if (this.#running === undefined) throw new Error('the session speaks before it was opened');
      return this.#running.session;
    };
    const hangUp = (reason: string): void => this.hangUp(reason);
    const conversation = this.#options.converse(this.#currentFormats(), hangUp, session);
    this.#running = { session: this.#options.prepared.open(remote, conversation), conversation };
    if (!this.#held) return;
    this.#running.session.hold(true);
    conversation.onHeld?.(true);
  }

  /** What the peer takes, as it said last. */
  #currentFormats(): PeerFormats {
    const formats = (): PeerFormats => this.#formats;
    return {
      get acceptTypes() {
        return formats().acceptTypes;
      },
      get acceptWrappedTypes() {
        return formats().acceptWrappedTypes;
      },
      get maxSize() {
        return formats().maxSize;
      },
    };
  }
}
