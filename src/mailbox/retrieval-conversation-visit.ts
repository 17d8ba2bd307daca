import { createHash } from 'node:crypto';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { SendFailed, SessionClosed } from '../msrp/errors.ts';
import type { MsrpSession, OutgoingMessage } from '../msrp/session.ts';
import { DESK_LIMITS } from './desk/limits.ts';
import { inPieces } from './desk/pieces.ts';
import type { ShownList, Visit } from './desk/visit.ts';
import type { PeerFormats } from './presentation.ts';
import { presentNotice } from './presentation.ts';
import type { StoredMessage } from './ports.ts';
import { TextRefused } from './ports.ts';
import { presentWithin } from './within-size.ts';

export interface SessionVisitOptions {
  readonly owner: AddressOfRecord;
  readonly messageAccount: AddressOfRecord;
  readonly peer: PeerFormats;
  readonly clock: Clock;
}

/** An owner in a chat session: texts reach her as messages of their authors, words as messages of the mailbox. */
export class SessionVisit implements Visit {
  readonly isShared = false;
  shown: ShownList;
  readonly #options: SessionVisitOptions;
  readonly #session: () => MsrpSession;
  /** Ends when the text that was cut into several messages last is delivered, or not. */
  #cutText: Promise<unknown> | undefined;
  #tooLong = 0;
  #again = 0;
  #said = 0;
  #ended = false;

  constructor(options: SessionVisitOptions, session: () => MsrpSession) {
    this.#options = options;
    this.#session = session;
  }

  /** Whether the client takes nothing so long as a text that was to be handed over since this was asked last. */
  takeTooLong(): boolean {
    const any = this.#tooLong > 0;
    this.#tooLong = 0;
    return any;
  }

  /** She is gone: nothing is sent any more. */
  end(): void {
    this.#ended = true;
  }

  async handOver(message: StoredMessage, again: boolean): Promise<void> {
    try {
      await this.#deliver(message, again);
    } catch (error) {
      throw isOfThisText(error) ? new TextRefused({ cause: error }) : error;
    }
  }

  async say(words: string): Promise<void> {
    const { owner, messageAccount, peer, clock } = this.#options;
    const context = { from: messageAccount.toString(), to: owner.toString(), peer, at: clock.now() };
    for (const piece of inPieces(words, roomFor(presentNotice('', context), peer))) {
      const id = wordsId(this.#session().id, ++this.#said);
      await this.#send({ ...presentNotice(piece, context), successReport: false }, id);
    }
  }

  async #deliver(message: StoredMessage, again: boolean): Promise<void> {
    const parts = presentWithin(message, this.#options.peer);
    if (parts === undefined) {
      this.#tooLong++;
      throw new TextRefused();
    }
    // RFC 4975 §9: no two messages of a session have the same Message-ID.
    const id = messageIdOf(message, again ? ++this.#again : 0);
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
      if (this.#ended) throw new SessionClosed('the owner is gone');
      try {
        await this.#session().send({ ...part, messageId });
        return;
      } catch (error) {
        if (!(error instanceof SessionClosed)) throw error;
      }
    }
  }
}

/** Bytes of words that one message to `peer` carries. */
function roomFor(empty: OutgoingMessage, { maxSize }: PeerFormats): number {
  if (maxSize === undefined || maxSize === 0) return Infinity;
  return Math.max(DESK_LIMITS.leastPiece, maxSize - empty.content.length);
}

/** The same whenever the text is new, so that a client may know it again; RFC 4975 §9 gives an ident 32 characters. */
function messageIdOf({ uniqueKey }: StoredMessage, again: number): string {
  const named = again === 0 ? uniqueKey : `${uniqueKey}\n${again}`;
  return createHash('sha256').update(named).digest('hex').slice(0, 24);
}

function wordsId(session: string, number: number): string {
  return createHash('sha256').update(`words\n${session}\n${number}`).digest('hex').slice(0, 24);
}

/** RFC 4975 §10: 400, 413 and 415 speak of the message, other codes of the session. */
function isOfThisText(error: unknown): boolean {
  return error instanceof SendFailed && [400, 413, 415].includes(error.status);
}
