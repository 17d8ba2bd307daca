import type { AddressOfRecord } from '../../core/address-of-record.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { MessageRefused, SessionClosed } from '../../msrp/errors.ts';
import type {
  MsrpSession,
  OutgoingMessage,
  ReceivedMessage,
  SessionEnd,
  SessionHandlers,
} from '../../msrp/session.ts';
import type { DisplayedTexts } from '../receipts/displayed-texts.ts';
import { MAILBOX_LIMITS } from '../limits.ts';
import type { PeerFormats } from '../presentation.ts';
import type { CalledChat } from './delivery-ports.ts';
import { readBody } from '../read-body.ts';

/** What the owner is told who types in a call of ours. */
export const PUSH_REFUSAL = 'This call only brings your texts.';

export interface PushConversationOptions {
  /** Whom we called. */
  readonly owner: AddressOfRecord;
  readonly peer: PeerFormats;
  readonly displayed: DisplayedTexts;
  readonly clock: Clock;
  /** The session stands: from here on texts can be sent. */
  readonly onStanding: (chat: CalledChat) => void;
  /** Asks for the end of the call. */
  readonly hangUp: (reason: string) => void;
  /** Resolves when the call is over, its BYE answered. */
  readonly over: Promise<void>;
}

/** A chat session in a call of ours: what to send in it somebody else knows. */
export class PushConversation implements SessionHandlers, CalledChat {
  readonly peer: PeerFormats;
  readonly #options: PushConversationOptions;
  readonly #session: () => MsrpSession;
  readonly #unanswered = new Set<Promise<void>>();
  #coming: Timer | undefined;
  #leaving = false;
  #ended = false;

  constructor(options: PushConversationOptions, session: () => MsrpSession) {
    this.#options = options;
    this.#session = session;
    this.peer = options.peer;
    this.#coming = options.clock.after(MAILBOX_LIMITS.comingPeer, () => options.hangUp('peer did not come'));
  }

  onBound(): void {
    this.#coming?.cancel();
    this.#coming = undefined;
    this.#options.onStanding(this);
  }

  async send(message: OutgoingMessage): Promise<void> {
    if (this.#leaving || this.#ended) throw new SessionClosed('we hang up');
    const sent = this.#send(message);
    const settled = sent.catch(() => undefined);
    this.#unanswered.add(settled);
    try {
      await sent;
    } finally {
      this.#unanswered.delete(settled);
    }
  }

  async hangUp(reason: string): Promise<void> {
    this.#leaving = true;
    await Promise.all(this.#unanswered);
    this.#options.hangUp(reason);
    await this.#options.over;
  }

  drop(reason: string): void {
    this.#leaving = true;
    this.#options.hangUp(reason);
  }

  /** When the phone moves on before it answered, it gets the message again where it is now, under the same Message-ID. */
  async #send(message: OutgoingMessage): Promise<void> {
    for (;;) {
      try {
        await this.#session().send(message);
        return;
      } catch (error) {
        if (this.#ended || !(error instanceof SessionClosed)) throw error;
      }
    }
  }

  onMessage({ contentType, content }: ReceivedMessage): Promise<void> {
    const { owner, displayed } = this.#options;
    if (isNotice(contentType, content)) return displayed.take(owner, contentType, content);
    return Promise.reject(new MessageRefused(403, PUSH_REFUSAL));
  }

  onEnded(reason: SessionEnd): void {
    this.#ended = true;
    this.#coming?.cancel();
    this.#options.hangUp(reason);
  }
}

/** Receipts and typing marks are part of any client's life. What cannot be read is refused as words are. */
function isNotice(contentType: string, content: Buffer): boolean {
  try {
    return readBody(contentType, content).kind === 'notice';
  } catch {
    return false;
  }
}
