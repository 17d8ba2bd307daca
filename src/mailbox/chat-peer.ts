import { MailboxError } from '../core/errors.ts';
import { parseFingerprint } from '../msrp/fingerprint.ts';
import type { RemoteSide } from '../msrp/session.ts';
import type { MsrpUri } from '../msrp/uri.ts';
import { parseMsrpUri } from '../msrp/uri.ts';
import type { PeerFormats } from './presentation.ts';

/** The peer's side of the media, out of its SDP. */
export interface ChatPeer extends PeerFormats {
  readonly path: readonly string[];
  /** Our role in setting up the connection. */
  readonly role: 'active' | 'passive';
  /** What stands after `a=fingerprint:` (RFC 8122), of the certificate the peer shows over TLS. */
  readonly fingerprints: readonly string[];
  /** Where connections to it go when that is not the first hop of its path (RFC 6714). */
  readonly anchor?: { readonly host: string; readonly port: number };
}

/** The peer's a=path holds something that is no MSRP URI. */
export class UnreadablePath extends MailboxError {
  constructor(cause: unknown) {
    super('UNREADABLE_PATH', 'the MSRP path of the peer cannot be read', { cause });
  }
}

/** The peer as MSRP knows it. @throws UnreadablePath */
export function remoteSide({ path, role, fingerprints, anchor }: ChatPeer): RemoteSide {
  const [first, ...others] = readPath(path);
  if (first === undefined) throw new UnreadablePath(new RangeError('a path of no URI'));
  return {
    // Connections go to host and port; what is written into a To-Path is the text, which stays as it was offered.
    path: [anchor === undefined ? first : { ...first, ...anchor }, ...others],
    setup: role,
    fingerprints: fingerprints.map(parseFingerprint),
  };
}

/**
 * Whether the peer is where it was. Its certificate and formats may be others, the connection stays. Only where we connect it
 * matters where to: of a peer that connects itself only the path says whether it goes on from elsewhere.
 */
export function isSamePlace(one: RemoteSide, other: RemoteSide): boolean {
  const connecting = one.setup === 'active' && other.setup === 'active';
  return placeOf(one, connecting) === placeOf(other, connecting);
}

function placeOf({ path }: RemoteSide, connecting: boolean): string {
  const [first] = path;
  const target = connecting && first !== undefined ? [`${first.host.toLowerCase()}:${first.port}`] : [];
  return [...target, ...path.map(({ text }) => text)].join(' ');
}

function readPath(path: readonly string[]): MsrpUri[] {
  try {
    return path.map((uri) => parseMsrpUri(uri));
  } catch (cause) {
    throw new UnreadablePath(cause);
  }
}
