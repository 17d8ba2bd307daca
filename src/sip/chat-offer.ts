import type { ChatTransport } from '../mailbox/session-mode.ts';
import type { ChatMedia } from './chat-media.ts';
import { protocolOf, readChatMedia } from './chat-media.ts';
import { SIP_LIMITS } from './limits.ts';
import { SipRefusal } from './refusal.ts';
import type { MediaLine, SessionDescription } from './sdp-lines.ts';
import { parseSdp } from './sdp-lines.ts';

/** The chat in an offer, or in an answer to ours: one m=message line we can take part in. */
export interface ChatDescription {
  readonly media: ChatMedia;
  /** Which m-line it is. */
  readonly line: number;
  /** All of them: the answer has as many (RFC 3264 §6). */
  readonly lines: readonly MediaLine[];
}

/** The m-lines of a call, which later offers keep in their places (RFC 3264 §8). */
export interface AgreedLines {
  readonly transport: ChatTransport;
  readonly line: number;
  readonly lines: readonly MediaLine[];
}

/** 488 with a Warning that says why (RFC 3261 §20.43: 304 media type, 305 incompatible format, 399 other). */
export function notAcceptable(code: number, why: string): SipRefusal {
  return new SipRefusal(488, 'Not Acceptable Here', { Warning: `${code} mailbox "${why}"` });
}

/**
 * Finds the first chat in an offer that can be answered.
 * @param transports what our MSRP listeners speak
 * @throws SipRefusal 488 when there is none, 400 for what is no SDP
 */
export function parseChatOffer(sdp: string, transports: ReadonlySet<ChatTransport>): ChatDescription {
  const description = parseSdp(sdp);
  const faults: SipRefusal[] = [];
  for (const line of description.media.keys()) {
    const media = chatAt(description, line, transports);
    if (!(media instanceof SipRefusal)) return { media, line, lines: linesOf(description) };
    faults.push(media);
  }
  // Of several reasons the one of the medium that came nearest.
  throw faults.find((fault) => fault !== NO_CHAT) ?? NO_CHAT;
}

/**
 * The chat in a later offer, or in an answer, where it was before.
 * @throws SipRefusal 488 when it was taken out or is another now, 400 for what is no SDP
 */
export function parseSameChat(sdp: string, agreed: AgreedLines): ChatDescription {
  const description = parseSdp(sdp);
  if (description.media.length < agreed.lines.length) throw notAcceptable(399, 'A media line is missing');
  const media = chatAt(description, agreed.line, new Set([agreed.transport]));
  if (media instanceof SipRefusal) throw media;
  return { media, line: agreed.line, lines: linesOf(description) };
}

const NO_CHAT = notAcceptable(304, 'Only MSRP chat (m=message) is taken here');

function chatAt(
  description: SessionDescription,
  index: number,
  transports: ReadonlySet<ChatTransport>,
): ChatMedia | SipRefusal {
  const medium = description.media[index];
  if (medium?.line.type.toLowerCase() !== 'message' || medium.line.port === 0) return NO_CHAT;
  const media = readChatMedia(medium, description);
  if (media?.isFile === true) return notAcceptable(304, 'Files are not taken here, only chat');
  if (media === undefined || !transports.has(media.transport)) {
    return notAcceptable(302, `No chat but over ${[...transports].map(nameOf).join(' or ')}`);
  }
  if (media.path.length === 0) return notAcceptable(399, 'The MSRP chat has no path');
  if (media.path.length > SIP_LIMITS.hops) return notAcceptable(399, 'The MSRP path is too long');
  if (!readsText(media)) return notAcceptable(305, 'The chat takes neither text/plain nor message/cpim');
  const opensItself = media.transport === 'ws' || media.transport === 'wss';
  if (opensItself && media.setup === 'passive') return notAcceptable(399, 'Only a browser opens a WebSocket');
  return media;
}

function linesOf(description: SessionDescription): MediaLine[] {
  return description.media.map(({ line }) => line);
}

function nameOf(transport: ChatTransport): string {
  const webSocket = transport === 'ws' || transport === 'wss';
  return webSocket ? `${protocolOf(transport)} with ;ws` : protocolOf(transport);
}

/** Whether anything we may send is taken; a client that names no types at all is tried. */
function readsText({ acceptTypes }: ChatMedia): boolean {
  const ours = ['*', '*/*', 'text/*', 'text/plain', 'message/*', 'message/cpim'];
  return acceptTypes.length === 0 || acceptTypes.some((type) => ours.includes(type));
}
