import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { ChatPeer, ChatTransport, PreparedChat } from '../mailbox/session-mode.ts';
import { TooManySessions, UnreadablePath } from '../mailbox/session-mode.ts';
import type { Admission, AdmissionPolicy } from './admission.ts';
import { admit } from './admission.ts';
import type { Incoming, Route } from './agent.ts';
import type { DrachtioDialog, DrachtioRequest, DrachtioResponse } from './drachtio.ts';
import { allowInDialog } from './in-dialog.ts';
import { RETRY_AFTER_SECONDS, SIP_LIMITS } from './limits.ts';
import { ALLOW } from './options-route.ts';
import { SipRefusal, sendRefusal, unavailable } from './refusal.ts';
import type { ChatOffer } from './sdp.ts';
import { chatAnswer, notAcceptable, parseChatOffer } from './sdp.ts';

/** The chat sessions behind the calls. */
export interface ChatSessions {
  readonly transports: ReadonlySet<ChatTransport>;
  prepare(transport: ChatTransport, peer: ChatPeer): PreparedChat;
}

export interface InviteRouteOptions {
  readonly policy: AdmissionPolicy;
  readonly chats: ChatSessions;
  /** Number for the o= line of an answer. */
  readonly newSessionId: () => number;
  /** Resolves while texts can be kept. */
  readonly ready: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Answers a call with an MSRP offer: on behalf of an offline user, or to hand the caller her texts. */
export function inviteRoute(options: InviteRouteOptions): Route {
  return async (incoming) => {
    const { request } = incoming;
    const admission = admit(request, options.policy);
    if (!request.has('Contact')) throw new SipRefusal(400, 'INVITE without Contact');
    const offer = parseChatOffer(offerOf(request), options.chats.transports);
    await readyToKeep(options);
    const prepared = prepare(options.chats, offer);
    const dialog = await answer(incoming, offer, prepared, options);
    if (!dialog.connected) {
      // The caller hung up before we could look.
      prepared.discard();
      return;
    }
    allowInDialog(dialog, ['INVITE', 'ACK', 'BYE', 'OPTIONS'], options.logger);
    dialog.on('modify', (request, response) => {
      answerReInvite(dialog, offer, options.chats.transports, request, response);
    });
    runChat(dialog, prepared, admission, options);
  };
}

/** @throws SipRefusal 415, 488 */
function offerOf(request: DrachtioRequest): string {
  if (request.body === undefined || request.body === '') {
    throw notAcceptable(399, 'The INVITE has no offer');
  }
  if (!/^application\/sdp\s*(;|$)/i.test(request.get('Content-Type')?.trim() ?? '')) {
    throw new SipRefusal(415, 'Unsupported Media Type', { Accept: 'application/sdp' });
  }
  return request.body;
}

function prepare(chats: ChatSessions, offer: ChatOffer): PreparedChat {
  try {
    return chats.prepare(offer.transport, {
      path: offer.path,
      role: offer.role,
      acceptTypes: offer.acceptTypes,
      acceptWrappedTypes: offer.acceptWrappedTypes,
    });
  } catch (cause) {
    if (cause instanceof UnreadablePath) throw notAcceptable(399, 'The MSRP path cannot be read');
    if (cause instanceof TooManySessions) {
      const headers = { 'Retry-After': String(RETRY_AFTER_SECONDS) };
      throw new SipRefusal(503, 'Too many chat sessions', headers, { cause });
    }
    throw cause;
  }
}

async function answer(
  incoming: Incoming,
  offer: ChatOffer,
  prepared: PreparedChat,
  options: InviteRouteOptions,
): Promise<DrachtioDialog> {
  try {
    return await incoming.openDialog({
      localSdp: chatAnswer(offer, prepared, options.newSessionId()),
      headers: { 'Content-Type': 'application/sdp', Allow: ALLOW },
    });
  } catch (error) {
    prepared.discard();
    throw error;
  }
}

/** Nobody is invited to type what cannot be kept. @throws SipRefusal 503 */
async function readyToKeep({ ready, clock }: InviteRouteOptions): Promise<void> {
  try {
    await withDeadline(clock, SIP_LIMITS.storeDeadline, 'the database', ready());
  } catch (cause) {
    throw unavailable(cause);
  }
}

/** A re-INVITE that leaves the chat as it is (a session timer's, a hold's) gets our SDP again; one that changes it 488. */
function answerReInvite(
  dialog: DrachtioDialog,
  offer: ChatOffer,
  transports: ReadonlySet<ChatTransport>,
  request: DrachtioRequest,
  response: DrachtioResponse,
): void {
  try {
    const renewed = parseChatOffer(offerOf(request), transports);
    const same =
      renewed.path.join(' ') === offer.path.join(' ') &&
      renewed.line === offer.line &&
      renewed.lines.length === offer.lines.length;
    if (!same) throw notAcceptable(399, 'The chat of a call cannot be moved');
    response.send(200, 'OK', { headers: { 'Content-Type': 'application/sdp' }, body: dialog.local.sdp });
  } catch (error) {
    if (!(error instanceof SipRefusal)) throw error;
    sendRefusal(response, error);
  }
}

function runChat(
  dialog: DrachtioDialog,
  prepared: PreparedChat,
  admission: Admission,
  { clock, logger }: InviteRouteOptions,
): void {
  const mailbox = admission.owner.toString();
  const log = logger.child({ mailbox, caller: admission.caller.uri, purpose: admission.kind });
  let over = false;
  const purpose =
    admission.kind === 'deposit'
      ? {
          kind: admission.kind,
          owner: admission.owner,
          author: admission.caller.uri,
          authorName: admission.caller.displayName,
          returnHop: admission.returnHop,
        }
      : { kind: admission.kind, owner: admission.owner };
  const chat = prepared.start(purpose, (reason) => {
    if (over) return;
    over = true;
    log.info({ reason }, 'call ended by us');
    // A server that goes meanwhile never answers for the BYE.
    withDeadline(clock, SIP_LIMITS.requestDeadline, 'BYE', dialog.destroy())
      .catch((error: unknown) => log.info({ error: describeError(error) }, 'BYE not answered'))
      .finally(() => chat.end());
  });
  dialog.on('destroy', () => {
    over = true;
    log.info({}, 'call ended by the caller');
    chat.end();
  });
  log.info({}, 'call answered');
}
