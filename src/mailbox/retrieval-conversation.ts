import { createHash } from 'node:crypto';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { MessageRefused, SendFailed, SessionClosed } from '../msrp/errors.ts';
import type {
  MsrpSession,
  OutgoingMessage,
  ReceivedMessage,
  SessionEnd,
  SessionHandlers,
} from '../msrp/session.ts';
import type { DisplayedTexts } from './displayed-texts.ts';
import type { PeerFormats } from './presentation.ts';
import { presentNotice } from './presentation.ts';
import { readBody } from './read-body.ts';
import type { StoredMessage } from './ports.ts';
import { TextRefused } from './ports.ts';
import type { Retrievals } from './retrieval.ts';
import { presentWithin } from './within-size.ts';

/** What the owner is told in a session or a MESSAGE of the mailbox itself. */
export const NOTICES = {
  empty: 'You have no new texts.',
  elsewhere: 'Your new texts are being delivered to another of your devices.',
  failed: 'Your texts cannot be fetched now, please try again.',
  tooLong: 'A text is longer than this client takes, and waits for another one.',
  fetchOnly: 'This address only hands over your texts.',
} as const;

export interface RetrievalConversationOptions {
  readonly owner: AddressOfRecord;
  readonly messageAccount: AddressOfRecord;
  /** ms the owner's client may stay away before its first word. */
  readonly idleTimeout: number;
  readonly peer: PeerFormats;
  readonly retrievals: Retrievals;
  readonly displayed: DisplayedTexts;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asks for the end of the call. */
  readonly hangUp: (reason: string) => void;
}

/** A chat session in which the owner gets her new texts; it ends after the last acknowledgement. */
export class RetrievalConversation implements SessionHandlers {
  readonly #options: RetrievalConversationOptions;
  readonly #session: () => MsrpSession;
  #waiting: Timer | undefined;
  /** Ends when the text that was cut into several messages last is delivered, or not. */
  #cutText: Promise<unknown> | undefined;
  #tooLong = 0;
  #ended = false;

  constructor(options: RetrievalConversationOptions, session: () => MsrpSession) {
    this.#options = options;
    this.#session = session;
    this.#waiting = options.clock.after(options.idleTimeout, () => options.hangUp('idle'));
  }

  onBound(): void {
    this.#waiting?.cancel();
    this.#waiting = undefined;
    void this.#deliverAll();
  }

  async #deliverAll(): Promise<void> {
    const { owner, messageAccount, retrievals, logger, hangUp } = this.#options;
    const account = messageAccount.toString();
    try {
      const { delivered, refused, elsewhere } = await retrievals.run(owner, (message) =>
        this.#deliver(message).catch((error: unknown) => {
          throw isOfThisText(error) ? new TextRefused({ cause: error }) : error;
        }),
      );
      if (this.#tooLong > 0) await this.#say(NOTICES.tooLong, account);
      if (delivered + refused === 0)
        await this.#say(elsewhere === 0 ? NOTICES.empty : NOTICES.elsewhere, account);
      logger.info({ mailbox: owner.toString(), delivered, refused }, 'texts delivered in a session');
      hangUp('delivered');
    } catch (error) {
      logger.warn({ mailbox: owner.toString(), error: describeError(error) }, 'retrieval broke off');
      await this.#say(NOTICES.failed, account).catch(() => undefined);
      hangUp('failed');
    }
  }

  async #deliver(message: StoredMessage): Promise<void> {
    const parts = presentWithin(message, this.#options.peer);
    if (parts === undefined) {
      this.#tooLong++;
      throw new TextRefused();
    }
    const id = messageIdOf(message);
    const before = this.#cutText;
    const [only, ...more] = parts;
    if (only !== undefined && more.length === 0) {
      await before;
      await this.#send(only, id);
      return;
    }
    // One text after the other, so that not all their parts wait at once.
    const delivery = (before ?? Promise.resolve()).then(() =>
      Promise.all(parts.map((part, index) => this.#send(part, `${id}-${index}`))),
    );
    this.#cutText = delivery.catch(() => undefined);
    await delivery;
  }

  /**
   * Sends one message. When the client moves on before it answered, it gets the message again where it is now, under the same
   * Message-ID, which tells that it is the same.
   */
  async #send(part: OutgoingMessage, messageId: string): Promise<void> {
    for (;;) {
      try {
        await this.#session().send({ ...part, messageId });
        return;
      } catch (error) {
        if (this.#ended || !(error instanceof SessionClosed)) throw error;
      }
    }
  }

  async #say(text: string, from: string): Promise<void> {
    const { owner, peer, clock } = this.#options;
    const notice = presentNotice(text, { from, to: owner.toString(), peer, at: clock.now() });
    await this.#session().send({ ...notice, successReport: false });
  }

  onMessage(message: ReceivedMessage): Promise<void> {
    // Receipts and typing marks are part of any client's life; words are for commands, and there are none yet.
    const { owner, displayed } = this.#options;
    if (isNotice(message)) return displayed.take(owner, message.contentType, message.content);
    return Promise.reject(new MessageRefused(403, NOTICES.fetchOnly));
  }

  onEnded(reason: SessionEnd): void {
    this.#ended = true;
    this.#waiting?.cancel();
    this.#options.hangUp(reason);
  }
}

/** The same whenever the text is sent, so that a client may know it again; RFC 4975 §9 gives an ident 32 characters. */
function messageIdOf({ uniqueKey }: StoredMessage): string {
  return createHash('sha256').update(uniqueKey).digest('hex').slice(0, 24);
}

function isNotice({ contentType, content }: ReceivedMessage): boolean {
  try {
    return readBody(contentType, content).kind === 'notice';
  } catch {
    // Whatever cannot be read is refused as words are.
    return false;
  }
}

/** RFC 4975 §10: 400, 413 and 415 speak of the message, other codes of the session. */
function isOfThisText(error: unknown): boolean {
  return error instanceof SendFailed && [400, 413, 415].includes(error.status);
}
