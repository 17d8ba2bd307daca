import { readableText } from '../im/text-line.ts';
import type { Deposits, TakenText } from '../mailbox/deposit.ts';
import { AuthorBlocked, MailboxFull, TextExpired, TextTooLarge } from '../mailbox/deposit.ts';
import type { DisplayedTexts } from '../mailbox/receipts/displayed-texts.ts';
import type { PagerMode } from '../mailbox/pager-mode.ts';
import { TooManyRetrievals } from '../mailbox/pager-mode.ts';
import type { PagerSender } from '../mailbox/ports.ts';
import { StoreUnavailable } from '../mailbox/ports.ts';
import { ACCEPTED_TYPES, MalformedText, UnsupportedText, readBody } from '../mailbox/read-body.ts';
import { DeliverAtTooFar, UnreadableDeliverAt } from '../mailbox/scheduling.ts';
import { isAutoSubmitted } from '../mailbox/sender-notice-policy.ts';
import type { SenderNotices } from '../mailbox/sender-notice.ts';
import type { AdmissionPolicy, DepositAdmission, RetrievalAdmission } from './admission.ts';
import { admit } from './admission.ts';
import type { Route } from './agent.ts';
import { automaticSigns } from './automatic-signs.ts';
import { receivedBody } from './body.ts';
import type { BorrowedNames } from './borrowed-names.ts';
import { deltaSeconds } from './delta-seconds.ts';
import type { DrachtioRequest } from './drachtio.ts';
import { RETRY_AFTER_SECONDS, SIP_LIMITS } from './limits.ts';
import { isOwnMessage, ownMessageRefusal } from './loop.ts';
import { headerSafe } from './name-address.ts';
import { SipRefusal, unavailable } from './refusal.ts';
import { transportIdOf } from './transport-id.ts';
import { visitorOf } from './visitor.ts';

export interface MessageRouteOptions {
  readonly policy: AdmissionPolicy;
  readonly deposits: Deposits;
  readonly pager: PagerMode;
  readonly displayed: DisplayedTexts;
  /** Tells authors that their texts were kept; undefined: they are not told. */
  readonly notices: Pick<SenderNotices, 'kept'> | undefined;
  /** Status that refuses a text to a full mailbox. */
  readonly fullStatus: number;
  /** Texts of ours that are under way in their authors' names. */
  readonly borrowed?: Pick<BorrowedNames, 'has'>;
  /** Names of headers kept with a text: KEEP_HEADERS. */
  readonly keepHeaders?: readonly string[];
  /** Longest body after decompression, bytes. */
  readonly maxBytes: number;
  /** A sender of MESSAGEs through the proxy that `request` came from, or the operator's. */
  readonly pagerSenderFor: (request: DrachtioRequest) => PagerSender;
}

/** Takes a MESSAGE (RFC 3428): a text for an offline user, or the owner's wish to get hers. */
export function messageRoute(options: MessageRouteOptions): Route {
  return async ({ request, response }) => {
    const admission = admit(request, options.policy);
    if (isOwnMessage(request, admission.caller, options.policy.messageAccount)) {
      throw ownMessageRefusal();
    }
    if (admission.kind === 'retrieval') {
      await retrieve(request, admission, options);
      response.send(200, 'OK', {});
      return;
    }
    const taken = await deposit(request, admission, options);
    response.send(200, 'OK', {});
    tellOf(taken, request, admission, options);
  };
}

/** What was kept is acknowledged by now: whether its author is told besides changes nothing about that. */
function tellOf(
  { result, message }: TakenText,
  request: DrachtioRequest,
  { returnHop }: DepositAdmission,
  { notices }: MessageRouteOptions,
): void {
  if (result !== 'stored' || message === null) return;
  notices?.kept({ message, returnHop, signs: automaticSigns(request) });
}

async function deposit(
  request: DrachtioRequest,
  { owner, caller, returnHop }: DepositAdmission,
  { deposits, maxBytes, fullStatus, borrowed, keepHeaders = [] }: MessageRouteOptions,
): Promise<TakenText> {
  const content = await receivedBody(request, maxBytes);
  const name = { to: owner.toString(), from: caller.uri, words: content.toString() };
  if (borrowed?.has({ method: 'MESSAGE', ...name }) === true) throw ownMessageRefusal();
  try {
    return await deposits.take({
      owner,
      author: caller.uri,
      authorName: caller.displayName,
      contentType: contentType(request),
      content,
      subject: request.get('Subject') ?? '',
      urgent: /^\s*(urgent|emergency)\s*$/i.test(request.get('Priority') ?? ''),
      transportId: transportIdOf(request),
      returnHop,
      expires: deltaSeconds(request.get('Expires')) ?? null,
      deliverAt: request.get('X-Deliver-At') ?? null,
      headers: keepHeaders.flatMap((name) => {
        const value = request.get(name);
        return value === undefined ? [] : [{ name, value: headerSafe(value, SIP_LIMITS.headerValue) }];
      }),
    });
  } catch (error) {
    if (error instanceof MailboxFull) throw new SipRefusal(fullStatus, 'Mailbox full');
    throw refusalOf(error);
  }
}

async function retrieve(
  request: DrachtioRequest,
  admission: RetrievalAdmission,
  { pager, displayed, maxBytes, pagerSenderFor }: MessageRouteOptions,
): Promise<void> {
  const content = await receivedBody(request, maxBytes);
  try {
    if (isNotice(contentType(request), content)) {
      // What a phone tells of the texts it got is not a wish to fetch again.
      await displayed.take(admission.owner, contentType(request), content);
      return;
    }
    // A phone that answers our MESSAGEs by itself asks for nothing.
    if (isAutoSubmitted(request.get('Auto-Submitted') ?? null)) return;
    const visitor = visitorOf(request, admission);
    const words = wordsIn(contentType(request), content);
    pager.take({ visitor, words, id: transportIdOf(request) }, pagerSenderFor(request));
  } catch (error) {
    throw refusalOf(error);
  }
}

function isNotice(type: string, content: Buffer): boolean {
  try {
    return readBody(type, content).kind === 'notice' && content.length > 0;
  } catch {
    // Whatever words she used: they ask for her texts.
    return false;
  }
}

/** '' for what cannot be read: it asks for her texts. */
function wordsIn(type: string, content: Buffer): string {
  try {
    return readableText(type, content);
  } catch {
    return '';
  }
}

function contentType(request: DrachtioRequest): string {
  return request.get('Content-Type')?.trim() ?? 'text/plain';
}

function refusalOf(cause: unknown): unknown {
  if (cause instanceof UnsupportedText) {
    return new SipRefusal(415, 'Unsupported Media Type', { Accept: ACCEPTED_TYPES.join(', ') });
  }
  if (cause instanceof TextTooLarge) return new SipRefusal(413, 'Text too long');
  if (cause instanceof MalformedText) return new SipRefusal(400, 'Unreadable text', {}, { cause });
  if (cause instanceof TextExpired) return new SipRefusal(480, 'Temporarily Unavailable');
  if (cause instanceof AuthorBlocked) return new SipRefusal(603, 'Decline');
  if (cause instanceof UnreadableDeliverAt) return new SipRefusal(400, 'Unreadable X-Deliver-At');
  if (cause instanceof DeliverAtTooFar) return new SipRefusal(400, 'X-Deliver-At too far ahead');
  if (cause instanceof StoreUnavailable) return unavailable(cause);
  if (cause instanceof TooManyRetrievals) {
    return new SipRefusal(503, 'Too many retrievals', { 'Retry-After': String(RETRY_AFTER_SECONDS) });
  }
  return cause;
}
