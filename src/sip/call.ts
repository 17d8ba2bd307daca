import type { Clock, Timer } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Random } from '../core/random.ts';
import type { ChatPurpose, PreparedChat, RunningChat } from '../mailbox/session-mode.ts';
import { UnreadablePath } from '../mailbox/session-mode.ts';
import { byeReason } from './bye-reason.ts';
import { chatPeer } from './chat-media.ts';
import type { ChatDescription } from './chat-offer.ts';
import { notAcceptable, parseSameChat } from './chat-offer.ts';
import type { CallDialog, DrachtioRequest, DrachtioResponse } from './drachtio.ts';
import { SUPPORTED, refuseUnknownExtensions } from './extensions.ts';
import { allowInDialog } from './in-dialog.ts';
import { SIP_LIMITS } from './limits.ts';
import { ALLOW } from './options-route.ts';
import type { OwnDescription } from './own-description.ts';
import { SipRefusal, sendRefusal } from './refusal.ts';
import { sdpOf } from './sdp-body.ts';
import type { SessionInterval } from './session-interval.ts';
import { answerInterval } from './session-interval.ts';
import {
  crossed,
  refreshRequest,
  refreshed,
  refusesUpdate,
  takesUpdate,
  unanswered,
} from './session-refresh.ts';
import type { Refreshed } from './session-timer.ts';
import { SessionTimer } from './session-timer.ts';
import type { SetupRole } from './setup-role.ts';
import { roleAfterAnswer, roleInAnswer } from './setup-role.ts';

/** What is taken in a call. */
const METHODS = ['INVITE', 'ACK', 'BYE', 'OPTIONS', 'UPDATE'];

export interface CallOptions {
  readonly dialog: CallDialog;
  readonly prepared: PreparedChat;
  readonly purpose: ChatPurpose;
  readonly own: OwnDescription;
  /** The peer's INVITE, or its answer to ours: what it says of itself. */
  readonly peer: Pick<DrachtioRequest, 'get'>;
  /** The call is over, or is being ended by us: told once. */
  readonly onOver?: (reason: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * A call that was answered, by us or by the peer, to its end: offers and answers in it, holds, session refreshes, and its chat.
 *
 * An offer of ours is in a 2xx and its answer in the ACK, or in an INVITE and its answer in the 2xx; the peer's is in its INVITE
 * or UPDATE. There is one at a time (RFC 3264 §4).
 */
export class Call {
  readonly #options: CallOptions;
  readonly #chat: RunningChat;
  readonly #timer: SessionTimer;
  #connected = false;
  /** The peer wants no texts, or no connection, for now. */
  #silent = false;
  #over = false;
  /** An INVITE or UPDATE of the peer is being answered. */
  #answering = false;
  /** Our offer in a 2xx waits for its answer in the ACK. */
  #offered = false;
  /** Till an answer in an ACK is taken. */
  #settling = Promise.resolve();
  /** A refresh of ours is under way. */
  #refreshing = false;
  #peerTakesUpdate: boolean;
  /** Ends a call that stays without a connection, or held. */
  #patience: Timer | undefined;

  constructor(options: CallOptions) {
    const { dialog, prepared, purpose, peer, clock, logger } = options;
    this.#options = options;
    this.#peerTakesUpdate = takesUpdate(peer);
    this.#timer = new SessionTimer({
      clock,
      refresh: (seconds) => this.#refresh(seconds),
      onLapsed: (why) => this.#hangUp(why, 408),
    });
    this.#chat = prepared.start(purpose, (reason) => this.#hangUp(reason));
    allowInDialog(dialog, METHODS, logger, this.#take.bind(this, dialog.handle.bind(dialog)));
    // One that came with the news that the dialog is there.
    dialog.on('ack', (ack) => this.#takeAck(ack));
    dialog.on('destroy', () => {
      logger.info({}, 'call ended by the peer');
      this.#stop('the peer hung up');
      this.#chat.end();
    });
  }

  /** The answer to the offer in the INVITE was sent, or came: the peer's side of the chat, and our role that was agreed. */
  begin(chat: ChatDescription, role: SetupRole, interval: SessionInterval | undefined): void {
    this.#timer.agree(interval);
    try {
      this.#apply(chat, role);
    } catch (error) {
      this.#hangUp(describeError(error), 488);
    }
  }

  /** Our offer was sent; its answer comes with the ACK. */
  awaitAnswer(interval: SessionInterval | undefined): void {
    this.#timer.agree(interval);
    this.#offered = true;
    this.#wait(SIP_LIMITS.answerInAck, 'no answer to our offer');
  }

  #take(
    pass: (request: DrachtioRequest, response: DrachtioResponse) => void,
    request: DrachtioRequest,
    response: DrachtioResponse,
  ): void {
    switch (request.method) {
      case 'INVITE':
      case 'UPDATE':
        // drachtio-srf would compare the SDP with that of before, and throws where there was none.
        void this.#answer(request, response);
        break;
      case 'ACK':
        // It would be told of later, after a request that followed.
        this.#takeAck(request);
        break;
      default:
        pass(request, response);
    }
  }

  async #answer(request: DrachtioRequest, response: DrachtioResponse): Promise<void> {
    const { logger } = this.#options;
    const { method } = request;
    try {
      this.#refuseCrossing();
      this.#answering = true;
      try {
        await this.#accept(request, response);
      } finally {
        this.#answering = false;
      }
      logger.info({ method }, 'call renewed');
    } catch (error) {
      const refusal =
        error instanceof SipRefusal ? error : new SipRefusal(500, 'Internal Error', {}, { cause: error });
      const cause = refusal.cause === undefined ? undefined : describeError(refusal.cause);
      logger.info({ method, status: refusal.status, reason: refusal.reason, cause }, 'refused in a call');
      sendRefusal(response, refusal);
    }
  }

  /*
   * RFC 3261 §14.2 and RFC 3311 §5.2: an offer that crosses one of ours gets 491, one that comes before the last was answered
   * 500, to come again.
   */
  #refuseCrossing(): void {
    if (this.#refreshing || this.#offered) throw new SipRefusal(491, 'Request Pending');
    if (this.#answering)
      throw new SipRefusal(500, 'Another request is being answered', { 'Retry-After': '1' });
  }

  /** @throws SipRefusal, and the call goes on as it was */
  async #accept(request: DrachtioRequest, response: DrachtioResponse): Promise<void> {
    refuseUnknownExtensions(request);
    const { interval, headers } = answerInterval(request);
    const sdp = await sdpOf(request);
    await this.#settling;
    if (this.#over) throw new SipRefusal(481, 'The call is over');
    const body = sdp === undefined ? this.#offerFor(request) : this.#answerTo(sdp);
    response.send(200, 'OK', {
      headers: {
        Allow: ALLOW,
        Supported: SUPPORTED,
        Contact: this.#options.dialog.local.contact,
        ...(body === undefined ? {} : { 'Content-Type': 'application/sdp' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    if (request.has('Allow')) this.#peerTakesUpdate = takesUpdate(request);
    this.#timer.agree(interval);
  }

  /** An INVITE without an offer wants one; an UPDATE without only refreshes the session (RFC 3311 §5.2). */
  #offerFor({ method }: DrachtioRequest): string | undefined {
    if (method !== 'INVITE') return undefined;
    const offer = this.#options.own.offer();
    this.#offered = true;
    return offer;
  }

  #answerTo(sdp: string): string {
    const { own } = this.#options;
    const offer = parseSameChat(sdp, own.agreed);
    const role = roleInAnswer(offer.media.setup);
    // Before the answer leaves: what the peer then says from elsewhere must find its session.
    this.#apply(offer, role);
    return own.answer(offer, role);
  }

  #takeAck(ack: DrachtioRequest): void {
    if (!this.#offered) return;
    this.#offered = false;
    this.#settling = this.#settle(ack);
  }

  async #settle(ack: DrachtioRequest): Promise<void> {
    try {
      const sdp = await sdpOf(ack);
      if (this.#over) return;
      if (sdp === undefined) throw notAcceptable(399, 'The ACK has no answer to our offer');
      this.#applyAnswer(sdp);
    } catch (error) {
      this.#options.logger.info({ error: describeError(error) }, 'no usable answer in the ACK');
      // A chat that runs goes on as it was.
      if (!this.#connected) this.#hangUp('no usable answer in the ACK', 488);
    }
  }

  #applyAnswer(sdp: string): void {
    const answer = parseSameChat(sdp, this.#options.own.agreed);
    this.#apply(answer, roleAfterAnswer(answer.media.setup));
  }

  /** @throws SipRefusal 488, and nothing has changed */
  #apply({ media }: ChatDescription, role: SetupRole): void {
    const silent = role === 'holdconn' || media.direction === 'sendonly' || media.direction === 'inactive';
    if (role !== 'holdconn') {
      try {
        this.#chat.connect(chatPeer(media, role));
      } catch (cause) {
        if (cause instanceof UnreadablePath) throw notAcceptable(399, 'The MSRP path cannot be read');
        throw cause;
      }
      this.#connected = true;
    }
    this.#chat.hold(silent);
    // A refresh of a call on hold does not lengthen it.
    if (!silent) this.#patience?.cancel();
    else if (!this.#silent) this.#wait(SIP_LIMITS.longestHold, 'held for too long');
    this.#silent = silent;
  }

  #wait(limit: number, why: string): void {
    this.#patience?.cancel();
    this.#patience = this.#options.clock.after(limit, () => this.#hangUp(why, 408));
  }

  async #refresh(seconds: number): Promise<Refreshed> {
    const { dialog, random, logger } = this.#options;
    if (this.#answering || this.#offered) return crossed(random.fraction());
    const method = this.#peerTakesUpdate ? 'UPDATE' : 'INVITE';
    this.#refreshing = true;
    try {
      const response = await dialog.request(refreshRequest(method, seconds, this.#options));
      if (method === 'INVITE' && response.status < 300) await this.#takeRenewedAnswer(response);
      if (refusesUpdate(method, response)) this.#peerTakesUpdate = false;
      logger.info({ method, status: response.status }, 'session refresh answered');
      return refreshed(response, method, seconds, random.fraction());
    } catch (error) {
      logger.info({ method, error: describeError(error) }, 'session refresh not answered');
      return unanswered(error);
    } finally {
      this.#refreshing = false;
    }
  }

  async #takeRenewedAnswer(response: DrachtioResponse): Promise<void> {
    try {
      const sdp = await sdpOf(response);
      if (sdp !== undefined && !this.#over) this.#applyAnswer(sdp);
    } catch (error) {
      this.#options.logger.info({ error: describeError(error) }, 'no usable answer to a refresh');
    }
  }

  /** @param cause status that says why the peer is hung up on; none for the ordinary end of a chat */
  #hangUp(reason: string, cause?: number): void {
    if (this.#over) return;
    const { dialog, clock, logger } = this.#options;
    this.#stop(reason);
    logger.info({ reason }, 'call ended by us');
    const bye = dialog.destroy({ headers: cause === undefined ? {} : byeReason(cause, reason) });
    // A server that goes meanwhile never answers for the BYE.
    withDeadline(clock, SIP_LIMITS.requestDeadline, 'BYE', bye)
      .catch((error: unknown) => logger.info({ error: describeError(error) }, 'BYE not answered'))
      .finally(() => this.#chat.end());
  }

  #stop(reason: string): void {
    this.#timer.stop();
    this.#patience?.cancel();
    if (!this.#over) this.#options.onOver?.(reason);
    this.#over = true;
  }
}
