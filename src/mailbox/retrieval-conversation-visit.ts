import { createHash } from 'node:crypto';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { SessionClosed } from '../msrp/errors.ts';
import type { MsrpSession, OutgoingMessage } from '../msrp/session.ts';
import { DESK_LIMITS } from './desk/limits.ts';
import { inPieces } from './desk/pieces.ts';
import type { ShownList, Visit } from './desk/visit.ts';
import type { PeerFormats } from './presentation.ts';
import { presentNotice } from './presentation.ts';
import type { StoredMessage } from './ports.ts';
import { TextRefused } from './ports.ts';
import { TextsInSession, messageIdOf } from './texts-in-session.ts';
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
  readonly #texts = new TextsInSession((part, id) => this.#send(part, id));
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
    const parts = presentWithin(message, this.#options.peer);
    if (parts === undefined) {
      this.#tooLong++;
      throw new TextRefused();
    }
    await this.#texts.deliver(parts, messageIdOf(message, again ? ++this.#again : 0));
  }

  async say(words: string): Promise<void> {
    const { owner, messageAccount, peer, clock } = this.#options;
    const context = { from: messageAccount.toString(), to: owner.toString(), peer, at: clock.now() };
    for (const piece of inPieces(words, roomFor(presentNotice('', context), peer))) {
      const id = wordsId(this.#session().id, ++this.#said);
      await this.#send({ ...presentNotice(piece, context), successReport: false }, id);
    }
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

function wordsId(session: string, number: number): string {
  return createHash('sha256').update(`words\n${session}\n${number}`).digest('hex').slice(0, 24);
}
