import type { AddressOfRecord } from '../../core/address-of-record.ts';
import type { Clock } from '../../core/clock.ts';
import { withDeadline } from '../../core/deadline.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { readableText } from '../../im/text-line.ts';
import { sipHeadersOf } from '../kept-headers.ts';
import type { StoredMessage } from '../ports.ts';
import { PagerDeliveryFailed, TextRefused } from '../ports.ts';
import { cutIntoLines, presentAsLines } from '../presentation.ts';
import type { CalledChat, ChatCaller, PushPager, PushTarget } from './delivery-ports.ts';
import type { PushFrom } from './identity.ts';
import { targetOf } from './identity.ts';
import { PUSH_LIMITS } from './limits.ts';
import { verdictOnMessage } from './policy.ts';
import type { Registration } from './ports.ts';
import { TextsInSession, messageIdOf } from '../texts-in-session.ts';
import { presentWithin } from '../within-size.ts';

export interface CourierOptions {
  readonly registration: Pick<Registration, 'user' | 'hop'>;
  readonly pushFrom: PushFrom;
  readonly account: AddressOfRecord;
  /** Names of headers kept with texts: KEEP_HEADERS. */
  readonly keptHeaders?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Brings the texts of one push. */
export interface Courier {
  /** To be called in the order of the texts; several may be under way. @throws TextRefused, CallFailed, PagerDeliveryFailed, … */
  deliver(message: StoredMessage): Promise<void>;
  /** It lasts too long: whatever may last for ever is given up, and what is not acknowledged fails. */
  breakOff(): void;
  /** Nothing more comes. Resolves when every call is over; never rejects. */
  end(): Promise<void>;
}

/** Texts by MESSAGE: one after the other, so that they arrive in order; when the phone is gone, the rest is not tried. */
export class MessageCourier implements Courier {
  readonly #options: CourierOptions;
  readonly #pager: PushPager;
  #last: Promise<void> = Promise.resolve();

  constructor(pager: PushPager, options: CourierOptions) {
    this.#pager = pager;
    this.#options = options;
  }

  deliver(message: StoredMessage): Promise<void> {
    const before = this.#last.catch((error: unknown) => {
      if (!(error instanceof TextRefused)) throw error;
    });
    this.#last = before.then(() => this.#send(message));
    return this.#last;
  }

  /** Each MESSAGE has a deadline of its own. */
  breakOff(): void {
    return;
  }

  async end(): Promise<void> {
    await this.#last.catch(() => undefined);
  }

  async #send(message: StoredMessage): Promise<void> {
    const { registration, account, keptHeaders = [] } = this.#options;
    const target = targetOf(message, registration, this.#options);
    const writtenAt = message.sentAt ?? message.receivedAt;
    const isInOwnName = target.from !== account.toString();
    const bodies = isInOwnName
      ? cutIntoLines(readableText(message.contentType, message.content), this.#pager.maxBytes)
      : presentAsLines(message, this.#pager.maxBytes);
    const subject = isInOwnName ? message.subject : '';
    const headers = sipHeadersOf(message.wrapper, keptHeaders);
    try {
      for (const content of bodies) {
        await this.#pager.send(target, { contentType: PLAIN, content, writtenAt, subject, headers });
      }
    } catch (cause) {
      const isOfThisText =
        cause instanceof PagerDeliveryFailed && verdictOnMessage(cause.status) === 'not this text';
      throw isOfThisText ? new TextRefused({ cause }) : cause;
    }
  }
}

const PLAIN = 'text/plain;charset=utf-8';

/** A call, and the texts that go in it. */
interface ChatRun {
  readonly target: PushTarget;
  readonly chat: Promise<CalledChat>;
  readonly texts: TextsInSession;
  /** Never rejects. */
  readonly sent: Promise<unknown>[];
}

/**
 * Texts in chats: a call for the first one, and another where the next is to come from somebody else:
 *
 *   calling ──answered──> sending ──all acknowledged, and the next is another's, or there is none──> hung up
 *      │                     │
 *      └──────────failed─────┴──> hung up; no further call
 */
export class ChatCourier implements Courier {
  readonly #options: CourierOptions;
  readonly #caller: ChatCaller;
  readonly #mostCalls: number;
  #calls = 0;
  #run: ChatRun | undefined;
  #failure: Error | undefined;

  /** @param mostCalls texts after as many calls are refused, from the first on that needs another */
  constructor(caller: ChatCaller, options: CourierOptions, mostCalls = Infinity) {
    this.#caller = caller;
    this.#options = options;
    this.#mostCalls = mostCalls;
  }

  deliver(message: StoredMessage): Promise<void> {
    const run = this.#runFor(message);
    if (run === undefined) return Promise.reject(new TextRefused());
    const delivery = this.#deliver(message, run).catch((cause: unknown) => {
      const failure = cause instanceof Error ? cause : new Error(String(cause));
      if (!(failure instanceof TextRefused)) this.#failure ??= failure;
      throw failure;
    });
    run.sent.push(delivery.catch(() => undefined));
    return delivery;
  }

  /** A phone may hold the call, or move from place to place, for as long as it likes. */
  breakOff(): void {
    this.#run?.chat.then(
      (chat) => chat.drop('it lasts too long'),
      () => undefined,
    );
  }

  async end(): Promise<void> {
    if (this.#run !== undefined) await this.#hangUp(this.#run);
  }

  /** Undefined when that would be a call too many. */
  #runFor(message: StoredMessage): ChatRun | undefined {
    const { registration } = this.#options;
    const target = targetOf(message, registration, this.#options);
    const before = this.#run;
    // None overtakes one that was refused a call.
    if (this.#calls > this.#mostCalls) return undefined;
    if (before?.target.from === target.from) return before;
    this.#calls++;
    if (this.#calls > this.#mostCalls) return undefined;
    const chat = this.#call(target, before);
    // Whoever delivers in it is told; there may be nobody.
    chat.catch(() => undefined);
    const texts = new TextsInSession(async (part, messageId) => {
      await (await chat).send({ ...part, messageId });
    });
    this.#run = { target, chat, texts, sent: [] };
    return this.#run;
  }

  async #call(target: PushTarget, before: ChatRun | undefined): Promise<CalledChat> {
    if (before !== undefined) await this.#hangUp(before);
    if (this.#failure !== undefined) throw this.#failure;
    return await this.#caller.call(target);
  }

  async #deliver(message: StoredMessage, { chat: called, texts }: ChatRun): Promise<void> {
    const { peer } = await called;
    if (this.#failure !== undefined) throw this.#failure;
    const parts = presentWithin(message, peer);
    if (parts === undefined) throw new TextRefused();
    await texts.deliver(parts, messageIdOf(message));
  }

  async #hangUp({ chat, sent, target }: ChatRun): Promise<void> {
    const { clock, logger } = this.#options;
    await Promise.all(sent);
    try {
      const reason = this.#failure === undefined ? 'delivered' : 'failed';
      const over = chat.then(
        (answered) => answered.hangUp(reason),
        // Whoever delivers was told that there is none.
        () => undefined,
      );
      await withDeadline(clock, PUSH_LIMITS.hangUp, 'ending a call', over);
    } catch (error) {
      logger.info({ user: target.to.toString(), error: describeError(error) }, 'a call did not end well');
    }
  }
}
