import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { readableText } from '../im/text-line.ts';
import { MessageRefused } from '../msrp/errors.ts';
import type { MsrpSession, ReceivedMessage, SessionEnd } from '../msrp/session.ts';
import type { Conversation } from './chat.ts';
import type { DeskWork } from './desk/desk.ts';
import type { Visitor } from './desk/visit.ts';
import type { DisplayedTexts } from './receipts/displayed-texts.ts';
import type { OwnerProfiles } from './owner-profiles.ts';
import { phrasesFor } from './owner-profiles.ts';
import type { PeerFormats } from './presentation.ts';
import type { Body } from './read-body.ts';
import { UnsupportedText, readBody } from './read-body.ts';
import type { Retrievals } from './retrieval.ts';
import { RetrievalMenu } from './retrieval-conversation-menu.ts';
import { SessionVisit } from './retrieval-conversation-visit.ts';

export interface RetrievalConversationOptions {
  readonly visitor: Visitor;
  readonly messageAccount: AddressOfRecord;
  /** ms the owner's client may stay away before its first word, and in a session with commands from word to word. */
  readonly idleTimeout: number;
  readonly peer: PeerFormats;
  readonly retrievals: Retrievals;
  /** Does what she asks for; undefined: the session ends once she has her new texts. */
  readonly desk: DeskWork | undefined;
  readonly profiles: OwnerProfiles;
  readonly displayed: DisplayedTexts;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asks for the end of the call. */
  readonly hangUp: (reason: string) => void;
  /** Aborts when the program stops. */
  readonly stopping: AbortSignal;
  /** Something is done that the owner was told is taken; it never rejects. */
  readonly onWork: (work: Promise<void>) => void;
}

/**
 * A chat session in which the owner gets her new texts. It ends after the last acknowledgement, or goes on with her commands.
 */
export class RetrievalConversation implements Conversation {
  readonly #options: RetrievalConversationOptions;
  readonly #visit: SessionVisit;
  #waiting: Timer | undefined;
  #menu: RetrievalMenu | undefined;
  #held = false;

  constructor(options: RetrievalConversationOptions, session: () => MsrpSession) {
    this.#options = options;
    this.#visit = new SessionVisit({ ...options, owner: options.visitor.owner }, session);
    this.#waiting = options.clock.after(options.idleTimeout, () => options.hangUp('idle'));
  }

  onBound(): void {
    this.#waiting?.cancel();
    this.#waiting = undefined;
    const { desk } = this.#options;
    if (desk === undefined) {
      void this.#deliverAll();
      return;
    }
    this.#menu = new RetrievalMenu({ ...this.#options, desk, visit: this.#visit });
    this.#menu.hold(this.#held);
  }

  onActivity(): void {
    this.#menu?.heard();
  }

  onHeld(held: boolean): void {
    this.#held = held;
    this.#menu?.hold(held);
  }

  async onMessage({ contentType, content }: ReceivedMessage): Promise<void> {
    const body = readOrRefuse(contentType, content, this.#menu === undefined);
    // Receipts and typing marks are part of any client's life.
    if (body?.kind === 'notice') {
      this.#menu?.notice(contentType, content);
      await this.#options.displayed.take(this.#options.visitor.owner, contentType, content);
      return;
    }
    if (this.#menu === undefined || body === undefined) {
      const { profiles, visitor } = this.#options;
      throw new MessageRefused(403, (await phrasesFor(profiles, visitor)).fetchOnly);
    }
    if (this.#options.stopping.aborted) throw new MessageRefused(408, 'The server stops');
    this.#menu.take(readableText(body.contentType, body.content));
  }

  onEnded(reason: SessionEnd): void {
    this.#visit.end();
    this.#menu?.end();
    this.#waiting?.cancel();
    this.#options.hangUp(reason);
  }

  async #deliverAll(): Promise<void> {
    const { visitor, retrievals, profiles, logger, hangUp } = this.#options;
    const mailbox = visitor.owner.toString();
    const visit = this.#visit;
    try {
      const { delivered, refused, elsewhere } = await retrievals.run(visitor.owner, (message) =>
        visit.handOver(message, false),
      );
      const isTooLong = visit.takeTooLong();
      if (isTooLong || delivered + refused === 0) {
        const phrases = await phrasesFor(profiles, visitor);
        if (isTooLong) await visit.say(phrases.textTooLong);
        else await visit.say(elsewhere === 0 ? phrases.noNewTexts : phrases.fetchedElsewhere);
      }
      logger.info({ mailbox, delivered, refused }, 'texts delivered in a session');
      hangUp('delivered');
    } catch (error) {
      logger.warn({ mailbox, error: describeError(error) }, 'retrieval broke off');
      const { cannotFetch } = await phrasesFor(profiles, visitor);
      await visit.say(cannotFetch).catch(() => undefined);
      hangUp('failed');
    }
  }
}

/**
 * Undefined for what cannot be read where words mean nothing anyway.
 * @throws MessageRefused 400, 415
 */
function readOrRefuse(contentType: string, content: Buffer, isIdle: boolean): Body | undefined {
  try {
    return readBody(contentType, content);
  } catch (error) {
    if (isIdle) return undefined;
    if (error instanceof UnsupportedText) throw new MessageRefused(415, 'Unsupported media type');
    throw new MessageRefused(400, 'Unreadable message');
  }
}
