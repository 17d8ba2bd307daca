import { parseCSeq } from '../message/cseq.ts';
import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import { tagOf } from '../transaction/match.ts';
import { planRoute, uriOf } from './route-set.ts';

/** What both ends of a dialog agree on (RFC 3261 §12). */
export interface DialogState {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** From of our requests and To of the peer's, tag included. */
  readonly localAddress: string;
  /** To of our requests, tag included. */
  readonly remoteAddress: string;
  /** URI of the peer's Contact: where our requests go in the end. */
  readonly remoteTarget: string;
  /** Route values our requests carry, in order. */
  readonly routeSet: readonly string[];
  /** CSeq number of our last request; 0 before the first. */
  readonly localSequence: number;
  /** CSeq number of the peer's last request; undefined before the first. */
  readonly remoteSequence: number | undefined;
}

/** RFC 3261 §12.1.1: the dialog as the one who answers sees it. `response` is what it sends. */
export function dialogOfServer(request: SipRequest, response: SipResponse): DialogState {
  const localAddress = response.headers.get('To') ?? '';
  const remoteAddress = request.headers.get('From') ?? '';
  return apart({
    callId: request.headers.get('Call-ID') ?? '',
    localTag: tagOf(localAddress),
    remoteTag: tagOf(remoteAddress),
    localAddress,
    remoteAddress,
    remoteTarget: contactUri(request) ?? uriOf(remoteAddress) ?? '',
    routeSet: request.headers.all('Record-Route'),
    localSequence: 0,
    remoteSequence: parseCSeq(request.headers.get('CSeq') ?? '').sequence,
  });
}

/** RFC 3261 §12.1.2: the dialog as the one who asked sees it; the route set is the recorded one backwards. */
export function dialogOfClient(request: SipRequest, response: SipResponse): DialogState {
  const localAddress = request.headers.get('From') ?? '';
  const remoteAddress = response.headers.get('To') ?? '';
  return apart({
    callId: request.headers.get('Call-ID') ?? '',
    localTag: tagOf(localAddress),
    remoteTag: tagOf(remoteAddress),
    localAddress,
    remoteAddress,
    remoteTarget: contactUri(response) ?? request.uri,
    routeSet: response.headers.all('Record-Route').reverse(),
    localSequence: parseCSeq(request.headers.get('CSeq') ?? '').sequence,
    remoteSequence: undefined,
  });
}

/**
 * With characters of its own: to a part of a string belongs the whole of it, and these would hold the text of the message
 * they came in, however long that is, for as long as the dialog lives.
 */
function apart(state: DialogState): DialogState {
  return {
    ...state,
    callId: ownText(state.callId),
    localTag: ownText(state.localTag),
    remoteTag: ownText(state.remoteTag),
    localAddress: ownText(state.localAddress),
    remoteAddress: ownText(state.remoteAddress),
    remoteTarget: ownText(state.remoteTarget),
    routeSet: state.routeSet.map(ownText),
  };
}

function ownText(text: string): string {
  return Buffer.from(text).toString();
}

/** Requests that may move the peer's Contact (RFC 3261 §12.2, RFC 3311, RFC 6665 §4.4.1). */
const TARGET_REFRESH: ReadonlySet<string> = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER']);

/**
 * RFC 3261 §12.2.2: the state after a request of the peer. 'out-of-order' when its CSeq is not above the last one's;
 * ACK has the number of its INVITE and CANCEL none of its own. A new Contact counts from here on, and no longer when the
 * request is refused: see {@link refusedRefresh}.
 */
export function afterRequest(state: DialogState, request: SipRequest): DialogState | 'out-of-order' {
  if (request.method === 'ACK' || request.method === 'CANCEL') return state;
  const { sequence } = parseCSeq(request.headers.get('CSeq') ?? '');
  if (state.remoteSequence !== undefined && sequence <= state.remoteSequence) return 'out-of-order';
  const target = TARGET_REFRESH.has(request.method) ? contactUri(request) : undefined;
  return {
    ...state,
    remoteSequence: sequence,
    remoteTarget: target === undefined ? state.remoteTarget : ownText(target),
  };
}

/** RFC 6141 §4: a request that moved the peer's Contact from `former` and was refused has moved nothing. */
export function refusedRefresh(state: DialogState, request: SipRequest, former: string): DialogState {
  if (!TARGET_REFRESH.has(request.method) || contactUri(request) !== state.remoteTarget) return state;
  return { ...state, remoteTarget: former };
}

/** RFC 3261 §12.2.1.2: a 2xx to a request of ours that may move the peer's Contact does so. */
export function afterResponse(state: DialogState, method: string, response: SipResponse): DialogState {
  if (response.status < 200 || response.status >= 300 || !TARGET_REFRESH.has(method)) return state;
  const target = contactUri(response);
  return target === undefined ? state : { ...state, remoteTarget: ownText(target) };
}

/** Request-URI and headers of our next request in the dialog, and the state after it. */
export interface NextRequest {
  readonly state: DialogState;
  readonly uri: string;
  /** Where it is sent: the first proxy of the route set, else the peer. */
  readonly nextHop: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** RFC 3261 §12.2.1.1. An ACK repeats the number of its INVITE, which the caller gives. */
export function nextRequest(state: DialogState, method: string, sequence?: number): NextRequest {
  const number = sequence ?? state.localSequence + 1;
  const { uri, routes, nextHop } = planRoute(state.remoteTarget, state.routeSet);
  return {
    state: sequence === undefined ? { ...state, localSequence: number } : state,
    uri,
    nextHop,
    headers: [
      ...routes.map((route) => ['Route', route] as const),
      ['From', state.localAddress],
      ['To', state.remoteAddress],
      ['Call-ID', state.callId],
      ['CSeq', `${number} ${method}`],
    ],
  };
}

/** The URI of the first Contact; undefined when there is none that can be read. */
export function contactUri(message: SipRequest | SipResponse): string | undefined {
  const contact = message.headers.all('Contact')[0];
  return contact === undefined ? undefined : uriOf(contact);
}
