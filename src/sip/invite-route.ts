import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { DeadlineExceeded, withDeadline } from '../core/deadline.ts';
import type { Logger } from '../core/logger.ts';
import type { Random } from '../core/random.ts';
import type { ChatPeer, ChatPurpose, ChatTransport, PreparedChat } from '../mailbox/session-mode.ts';
import { TooManySessions, UnreadablePath } from '../mailbox/session-mode.ts';
import type { Admission, AdmissionPolicy } from './admission.ts';
import { admit } from './admission.ts';
import type { Incoming, Route } from './agent.ts';
import type { BorrowedNames } from './borrowed-names.ts';
import { Call } from './call.ts';
import { chatPeer } from './chat-media.ts';
import type { ChatDescription } from './chat-offer.ts';
import { notAcceptable, parseChatOffer } from './chat-offer.ts';
import { deltaSeconds } from './delta-seconds.ts';
import type { DrachtioDialog, DrachtioRequest, HeaderMap } from './drachtio.ts';
import { SUPPORTED, refuseUnknownExtensions } from './extensions.ts';
import { RETRY_AFTER_SECONDS, SIP_LIMITS } from './limits.ts';
import { isOwnMessage, ownMessageRefusal } from './loop.ts';
import { ALLOW } from './options-route.ts';
import { OwnDescription } from './own-description.ts';
import { SipRefusal, unavailable } from './refusal.ts';
import { sdpOf } from './sdp-body.ts';
import { answerInterval } from './session-interval.ts';
import { roleInAnswer } from './setup-role.ts';
import { visitorOf } from './visitor.ts';

/** The chat sessions behind the calls. */
export interface ChatSessions {
  readonly transports: ReadonlySet<ChatTransport>;
  prepare(transport: ChatTransport, peer?: ChatPeer): PreparedChat;
}

export interface InviteRouteOptions {
  readonly policy: AdmissionPolicy;
  readonly chats: ChatSessions;
  /** Number for the o= line of our SDP. */
  readonly newSessionId: () => number;
  /** Longest text we take, bytes. */
  readonly maxBytes: number;
  /** Resolves while texts can be kept. */
  readonly ready: () => Promise<void>;
  /** Calls of ours that are under way in authors' names. */
  readonly borrowed?: Pick<BorrowedNames, 'has'>;
  /** Whether the owner takes nothing of this author. @throws StoreUnavailable */
  readonly isBlocked: (owner: AddressOfRecord, author: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Answers a call: on behalf of an offline user, or to hand the caller her texts. A call without an offer gets ours. */
export function inviteRoute(options: InviteRouteOptions): Route {
  return async (incoming) => {
    const { request } = incoming;
    const cancelled = cancellation(request);
    refuseUnknownExtensions(request);
    const admission = admit(request, options.policy);
    if (isOwnMessage(request, admission.caller, options.policy.messageAccount)) throw ownMessageRefusal();
    const name = { to: admission.owner.toString(), from: admission.caller.uri, words: '' };
    if (options.borrowed?.has({ method: 'INVITE', ...name }) === true) throw ownMessageRefusal();
    if (!request.has('Contact')) throw new SipRefusal(400, 'INVITE without Contact');
    const { interval, headers } = answerInterval(request);
    const { transports } = options.chats;
    const sdp = await sdpOf(request);
    const offer = sdp === undefined ? undefined : parseChatOffer(sdp, transports);
    const transport = offer === undefined ? transportFor(request, transports) : offer.media.transport;
    await readyToKeep(options, request, admission);
    // The SIP server has answered 487.
    if (cancelled()) return;
    const prepared = prepare(options.chats, transport, offer);
    const own = new OwnDescription({
      media: prepared,
      transport,
      sessionId: options.newSessionId(),
      maxSize: options.maxBytes,
    });
    const dialog = await answer(incoming, { own, offer, prepared, headers, cancelled });
    if (dialog === undefined) return;
    const { clock, random, logger } = options;
    const mailbox = admission.owner.toString();
    const log = logger.child({ mailbox, caller: admission.caller.uri, purpose: admission.kind });
    const purpose = purposeOf(request, admission);
    const call = new Call({ dialog, prepared, purpose, own, peer: request, clock, random, logger: log });
    if (offer === undefined) call.awaitAnswer(interval);
    else call.begin(offer, roleInAnswer(offer.media.setup), interval);
    log.info({}, 'call answered');
  };
}

function cancellation(request: DrachtioRequest): () => boolean {
  let cancelled = false;
  request.on('cancel', () => {
    cancelled = true;
  });
  return () => cancelled;
}

/** What our offer is for: the same that the INVITE came over, as far as there is a choice. */
function transportFor(
  { protocol, uri }: DrachtioRequest,
  transports: ReadonlySet<ChatTransport>,
): ChatTransport {
  const came = protocol.toLowerCase();
  const secure = came === 'tls' || uri.toLowerCase().startsWith('sips:');
  const wanted: readonly ChatTransport[] =
    came === 'wss' || came === 'ws' ? [came, 'wss', 'ws'] : secure ? ['tls', 'tcp'] : ['tcp', 'tls'];
  const transport = wanted.find((each) => transports.has(each));
  if (transport === undefined) throw notAcceptable(302, 'No chat to offer over this transport');
  return transport;
}

function prepare(
  chats: ChatSessions,
  transport: ChatTransport,
  offer: ChatDescription | undefined,
): PreparedChat {
  try {
    return chats.prepare(transport, offer === undefined ? undefined : peerOf(offer));
  } catch (cause) {
    if (cause instanceof UnreadablePath) throw notAcceptable(399, 'The MSRP path cannot be read');
    if (cause instanceof TooManySessions) {
      const headers = { 'Retry-After': String(RETRY_AFTER_SECONDS) };
      throw new SipRefusal(503, 'Too many chat sessions', headers, { cause });
    }
    throw cause;
  }
}

/** A peer that wants no connection for now has a path nevertheless, which must be readable. */
function peerOf({ media }: ChatDescription): ChatPeer {
  const role = roleInAnswer(media.setup);
  return chatPeer(media, role === 'holdconn' ? 'passive' : role);
}

/** Undefined when the caller hung up before we could look. */
async function answer(
  incoming: Incoming,
  parts: {
    readonly own: OwnDescription;
    readonly offer: ChatDescription | undefined;
    readonly prepared: PreparedChat;
    readonly headers: HeaderMap;
    readonly cancelled: () => boolean;
  },
): Promise<DrachtioDialog | undefined> {
  const { own, offer, prepared, headers, cancelled } = parts;
  try {
    const dialog = await incoming.openDialog({
      localSdp: offer === undefined ? own.offer() : own.answer(offer, roleInAnswer(offer.media.setup)),
      headers: { 'Content-Type': 'application/sdp', Allow: ALLOW, Supported: SUPPORTED, ...headers },
    });
    if (dialog.connected) return dialog;
    prepared.discard();
    return undefined;
  } catch (error) {
    prepared.discard();
    if (cancelled()) return undefined;
    throw error;
  }
}

/**
 * Nobody is invited to type what cannot be kept, or what its owner doesn't want; nor is it any use to answer a call that has
 * expired (RFC 3261 §13.3.1).
 * @throws SipRefusal 487, 503, 603
 */
async function readyToKeep(
  { ready, isBlocked, clock }: InviteRouteOptions,
  request: DrachtioRequest,
  admission: Admission,
): Promise<void> {
  const look = async (): Promise<boolean> => {
    await ready();
    return admission.kind === 'deposit' && (await isBlocked(admission.owner, admission.caller.uri));
  };
  let blocked = false;
  const expires = (deltaSeconds(request.get('Expires')) ?? Infinity) * 1000;
  try {
    const limit = Math.min(SIP_LIMITS.storeDeadline, Math.max(expires, 1));
    blocked = await withDeadline(clock, limit, 'the database', look());
  } catch (cause) {
    if (cause instanceof DeadlineExceeded && expires < SIP_LIMITS.storeDeadline) {
      throw new SipRefusal(487, 'The call expired', {}, { cause });
    }
    throw unavailable(cause);
  }
  if (blocked) throw new SipRefusal(603, 'Decline');
}

function purposeOf(request: DrachtioRequest, admission: Admission): ChatPurpose {
  if (admission.kind === 'retrieval') return { kind: 'retrieval', ...visitorOf(request, admission) };
  const { kind, owner, caller, returnHop } = admission;
  return { kind, owner, author: caller.uri, authorName: caller.displayName, returnHop };
}
