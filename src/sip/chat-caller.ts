import type { Clock } from '../core/clock.ts';
import { DeadlineExceeded } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import type { Random } from '../core/random.ts';
import type { SipHeader } from '../mailbox/kept-headers.ts';
import type { CalledChat, ChatCaller, PushTarget } from '../mailbox/push/delivery-ports.ts';
import { CallFailed, NothingSent } from '../mailbox/push/delivery-ports.ts';
import type { ChatTransport, PreparedChat } from '../mailbox/session-mode.ts';
import { TooManySessions } from '../mailbox/session-mode.ts';
import type { BorrowedNames } from './borrowed-names.ts';
import { byeReason } from './bye-reason.ts';
import { Call } from './call.ts';
import type { ChatDescription } from './chat-offer.ts';
import { notAcceptable, parseSameChat } from './chat-offer.ts';
import type { CallDialog, DrachtioResponse, HeaderMap } from './drachtio.ts';
import { SUPPORTED } from './extensions.ts';
import type { ChatSessions } from './invite-route.ts';
import { OWN_MESSAGE_HEADER } from './loop.ts';
import { formatNameAddress } from './name-address.ts';
import { ALLOW } from './options-route.ts';
import { OwnDescription } from './own-description.ts';
import { headerMap } from './push-pager.ts';
import type { RequestSender } from './request-sender.ts';
import { sdpOf } from './sdp-body.ts';
import { NoSipServer } from './server-errors.ts';
import { answeredInterval } from './session-interval.ts';
import { roleAfterAnswer } from './setup-role.ts';

export interface SipChatCallerOptions {
  /** Sends INVITEs, and meets challenges to them. */
  readonly requests: RequestSender;
  /** Knows the dialogs of those that were answered 2xx. */
  readonly dialogs: { calledDialog(response: DrachtioResponse): CallDialog | undefined };
  readonly chats: ChatSessions & { readonly stopping: AbortSignal };
  /** SIP URI of the operator's proxy; undefined: the hop that told that she is online, else her own domain. */
  readonly proxy: string | undefined;
  /** Whether to vouch for whom From names (RFC 3325), a SIP URI; left out: for everybody. */
  readonly vouchesFor?: (uri: string) => boolean;
  /** Told of calls in an author's name. */
  readonly borrowed?: BorrowedNames;
  /** Added to each INVITE: PUSH_HEADERS. */
  readonly headers?: readonly SipHeader[];
  /** Number for the o= line of our SDP. */
  readonly newSessionId: () => number;
  /** Longest text we take, bytes. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** An INVITE of ours and its final response. */
interface Answered {
  readonly prepared: PreparedChat;
  readonly own: OwnDescription;
  readonly response: DrachtioResponse;
}

/** What is offered first: plain TCP, which most clients take; a WebSocket, only to phones in browsers, last. */
const TRANSPORTS: readonly ChatTransport[] = ['tcp', 'tls', 'wss', 'ws'];

/** Calls users over SIP. A phone that refuses the transport offered (488) is called again with the next one. */
export class SipChatCaller implements ChatCaller {
  readonly #options: SipChatCallerOptions;
  readonly #calls: Counter;

  constructor(options: SipChatCallerOptions) {
    this.#options = options;
    this.#calls = options.metrics.counter('chat_calls_total', 'Calls of ours to users, by the last answer', [
      'status',
    ]);
  }

  async call(target: PushTarget): Promise<CalledChat> {
    try {
      const chat = await this.#call(target);
      this.#calls.add({ status: '200' });
      return chat;
    } catch (error) {
      const failure = error instanceof CallFailed ? error : noAnswer(error);
      this.#calls.add({ status: failure.status === 0 ? 'none' : String(failure.status) });
      const { cause } = failure;
      const isUnsent = cause instanceof TooManySessions || cause instanceof NoSipServer;
      throw isUnsent ? new NothingSent({ cause }) : failure;
    }
  }

  async #call(target: PushTarget): Promise<CalledChat> {
    const { transports } = this.#options.chats;
    let refusal = new CallFailed(488, 'nothing listens for MSRP');
    for (const transport of TRANSPORTS.filter((each) => transports.has(each))) {
      const answered = await this.#invite(target, transport);
      const { status, reason } = answered.response;
      if (status < 300) return await this.#take(target, answered);
      answered.prepared.discard();
      refusal = new CallFailed(status, reason);
      if (status !== 488) break;
    }
    throw refusal;
  }

  async #invite(target: PushTarget, transport: ChatTransport): Promise<Answered> {
    const { requests, chats, newSessionId, maxBytes } = this.#options;
    const proxy = this.#options.proxy ?? target.hop;
    const prepared = prepare(chats, transport);
    const own = new OwnDescription({
      media: prepared,
      transport,
      sessionId: newSessionId(),
      maxSize: maxBytes,
    });
    const to = target.to.toString();
    const answered = this.#options.borrowed?.begin({ method: 'INVITE', to, from: target.from, words: '' });
    try {
      const response = await requests.request(to, {
        method: 'INVITE',
        ...(proxy === null ? {} : { proxy }),
        headers: {
          ...headerMap(this.#options.headers ?? []),
          ...inviteHeaders(target, this.#options.vouchesFor?.(target.from) ?? true),
        },
        body: own.offer(),
        signal: chats.stopping,
      });
      return { prepared, own, response };
    } catch (cause) {
      prepared.discard();
      throw noAnswer(cause);
    } finally {
      answered?.();
    }
  }

  /** The phone was answered: the call is hers, and ours to end. */
  async #take(target: PushTarget, { prepared, own, response }: Answered): Promise<CalledChat> {
    const { dialogs, clock, random } = this.#options;
    const logger = this.#options.logger.child({ user: target.to.toString(), purpose: 'push' });
    const dialog = dialogs.calledDialog(response);
    let answer: ChatDescription;
    try {
      answer = await usableAnswer(response, own);
      if (dialog?.connected !== true) throw new CallFailed(480, 'the phone hung up');
    } catch (cause) {
      prepared.discard();
      const failure =
        cause instanceof CallFailed ? cause : new CallFailed(488, describeError(cause), { cause });
      logger.info({ error: failure.message }, 'answered without a chat');
      if (dialog?.connected === true) putDown(dialog, failure, logger);
      throw failure;
    }
    return await new Promise<CalledChat>((resolve, reject) => {
      const call = new Call({
        ...{ dialog, prepared, own, peer: response, clock, random, logger },
        purpose: { kind: 'push', owner: target.to, onStanding: resolve },
        onOver: (reason) => reject(new CallFailed(this.#statusOf(dialog), reason)),
      });
      logger.info({}, 'call answered by the phone');
      call.begin(answer, roleAfterAnswer(answer.media.setup), answeredInterval(response));
    });
  }

  /** Why a call is over before its session stood: the phone hung up, we stop, or it has no chat that works. */
  #statusOf({ connected }: CallDialog): number {
    if (this.#options.chats.stopping.aborted) return 0;
    return connected ? 488 : 480;
  }
}

/** @throws CallFailed */
function prepare(chats: SipChatCallerOptions['chats'], transport: ChatTransport): PreparedChat {
  try {
    return chats.prepare(transport);
  } catch (cause) {
    if (cause instanceof TooManySessions) throw new CallFailed(503, 'too many chat sessions', { cause });
    throw cause;
  }
}

function inviteHeaders({ to, from, fromName }: PushTarget, assertsIdentity: boolean): HeaderMap {
  return {
    From: formatNameAddress({ displayName: fromName, uri: from }),
    To: formatNameAddress({ displayName: '', uri: to.toString() }),
    // Proxies that trust us take our word (RFC 3325 §9.1); others ask for credentials, and drop it.
    ...(assertsIdentity ? { 'P-Asserted-Identity': formatNameAddress({ displayName: '', uri: from }) } : {}),
    // RFC 3841 §9.1: one phone is to ring, for only one can have the texts.
    'Request-Disposition': 'no-fork',
    Allow: ALLOW,
    Supported: SUPPORTED,
    'Content-Type': 'application/sdp',
    ...OWN_MESSAGE_HEADER,
  };
}

/** @throws SipRefusal when there is no chat in it */
async function usableAnswer(response: DrachtioResponse, own: OwnDescription): Promise<ChatDescription> {
  const sdp = await sdpOf(response);
  if (sdp === undefined) throw notAcceptable(399, 'The answer has no SDP');
  // RFC 3261 §13.3.1.4: without one there is nobody to talk to in the dialog.
  if (!response.has('Contact')) throw notAcceptable(399, 'The answer has no Contact');
  const answer = parseSameChat(sdp, own.agreed);
  if (roleAfterAnswer(answer.media.setup) === 'holdconn') {
    throw notAcceptable(399, 'The answer wants no connection');
  }
  return answer;
}

function putDown(dialog: CallDialog, { status, message }: CallFailed, logger: Logger): void {
  dialog
    .destroy({ headers: byeReason(status, message) })
    .catch((error: unknown) => logger.info({ error: describeError(error) }, 'BYE not answered'));
}

/** RFC 3261 §21.4.9: one that we gave up because it rang for too long is what a proxy that gives up first calls 408. */
function noAnswer(cause: unknown): CallFailed {
  if (cause instanceof CallFailed) return cause;
  return new CallFailed(cause instanceof DeadlineExceeded ? 408 : 0, describeError(cause), { cause });
}
