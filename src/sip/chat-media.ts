import type { ChatPeer, ChatTransport } from '../mailbox/session-mode.ts';
import type { MediaPart, SdpPart, SessionDescription } from './sdp-lines.ts';
import { attribute, attributes, connectionHost } from './sdp-lines.ts';
import type { PeerSetup, SetupRole } from './setup-role.ts';
import { peerSetup } from './setup-role.ts';

/** Which way texts may go, as the one sees it who says so (RFC 3264 §5.1). */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** A chat as the peer describes it: an m=message line and what it inherits of the session (RFC 4975 §8). */
export interface ChatMedia {
  readonly transport: ChatTransport;
  /** a=path, from the peer's nearest hop to the peer. */
  readonly path: readonly string[];
  readonly setup: PeerSetup | undefined;
  readonly direction: Direction;
  readonly acceptTypes: readonly string[];
  /** Types the peer takes inside message/cpim; empty when it did not say. */
  readonly acceptWrappedTypes: readonly string[];
  /** Longest message it takes, bytes. */
  readonly maxSize: number | undefined;
  /** What stands after `a=fingerprint:` (RFC 8122). */
  readonly fingerprints: readonly string[];
  /** Where c= and m= lead to, when the peer says that this counts rather than its path (RFC 6714); else null. */
  readonly anchor: { readonly host: string; readonly port: number } | null;
  /** A file is to be transferred (RFC 5547), nobody wants to chat. */
  readonly isFile: boolean;
}

/** An attribute at session level counts for each medium that has none of its own. */
export function readChatMedia(medium: MediaPart, description: SessionDescription): ChatMedia | undefined {
  const { session } = description;
  const { line, part } = medium;
  const path = words(attribute(part, 'path'));
  const transport = transportOf(line.protocol, path[0] ?? '');
  if (line.type.toLowerCase() !== 'message' || transport === undefined) return undefined;
  const own = attributes(part, 'fingerprint');
  return {
    transport,
    path,
    setup: peerSetup(attribute(part, 'setup') ?? attribute(session, 'setup')),
    direction: directionOf(part) ?? directionOf(session) ?? 'sendrecv',
    acceptTypes: words(attribute(part, 'accept-types')).map((type) => type.toLowerCase()),
    acceptWrappedTypes: words(attribute(part, 'accept-wrapped-types')).map((type) => type.toLowerCase()),
    maxSize: wholeNumber(attribute(part, 'max-size')),
    fingerprints: own.length > 0 ? own : attributes(session, 'fingerprint'),
    anchor: anchorOf(medium, session),
    isFile: attribute(part, 'file-selector') !== undefined,
  };
}

/** The peer's side of the chat, for a role of ours that was agreed. */
export function chatPeer(media: ChatMedia, role: Exclude<SetupRole, 'holdconn'>): ChatPeer {
  const { path, acceptTypes, acceptWrappedTypes, maxSize, fingerprints, anchor } = media;
  return {
    path,
    role,
    acceptTypes,
    acceptWrappedTypes,
    fingerprints,
    ...(maxSize === undefined ? {} : { maxSize }),
    ...(anchor === null ? {} : { anchor }),
  };
}

/*
 * RFC 4975 §8.1, and RFC 7977, which has no protocol of its own for WebSockets: the transport in the URI of the first hop tells
 * them from TCP. The scheme there says whether the browser may only open secure ones.
 */
function transportOf(protocol: string, firstHop: string): ChatTransport | undefined {
  const secure = { 'TCP/MSRP': false, 'TCP/TLS/MSRP': true }[protocol.toUpperCase()];
  if (secure === undefined) return undefined;
  if (!/;ws(?=;|$)/i.test(firstHop)) return secure ? 'tls' : 'tcp';
  return secure || /^msrps:/i.test(firstHop) ? 'wss' : 'ws';
}

/** The m= protocol of a transport. */
export function protocolOf(transport: ChatTransport): string {
  return transport === 'tls' || transport === 'wss' ? 'TCP/TLS/MSRP' : 'TCP/MSRP';
}

/*
 * RFC 6714 §4: between two that know CEMA a session border controller may put itself in by writing its address into c= and m=
 * alone: the paths stay as they are, and connections go where c= and m= say.
 */
function anchorOf({ line, part }: MediaPart, session: SdpPart): ChatMedia['anchor'] {
  const isCema = [part, session].some((each) => attribute(each, 'msrp-cema') !== undefined);
  const host = connectionHost(part, session);
  return isCema && host !== undefined ? { host, port: line.port } : null;
}

function directionOf(part: SdpPart): Direction | undefined {
  const all: readonly Direction[] = ['sendrecv', 'sendonly', 'recvonly', 'inactive'];
  return all.find((direction) => attribute(part, direction) !== undefined);
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function words(value: string | undefined): string[] {
  return value === undefined ? [] : value.split(/\s+/).filter((word) => word !== '');
}
