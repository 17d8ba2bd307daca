import { MalformedMsrpUri } from './errors.ts';

/** RFC 4975 §6. Written back as it came: a path is compared by others to the letter. */
export interface MsrpUri {
  readonly scheme: 'msrp' | 'msrps';
  /** Without the brackets of an IPv6 reference. */
  readonly host: string;
  readonly port: number;
  /** '' when there is none: a relay's own URI may lack it. */
  readonly sessionId: string;
  /** The URI as a whole. */
  readonly text: string;
}

/** RFC 4975 §15.4: the port of relays and of URIs that name none. */
const DEFAULT_PORT = 2855;

/*
 * RFC 4975 §9: MSRP-URI = msrp-scheme "://" authority ["/" session-id] ";" transport *( ";" URI-parameter )
 * session-id = 1*( unreserved / "+" / "=" / "/" ), transport = "tcp" / 1*ALPHANUM
 */
const URI =
  /^(msrps?):\/\/(?:[^@\s/]*@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(?:\/([A-Za-z0-9\-._~+=/]*))?;([A-Za-z0-9]+)((?:;[^\s;]+)*)$/i;

/** @throws MalformedMsrpUri */
export function parseMsrpUri(text: string): MsrpUri {
  const match = URI.exec(text);
  const host = match?.[2];
  const port = match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (match === null || host === undefined || port > 65_535) throw new MalformedMsrpUri(text);
  return {
    scheme: match[1]?.toLowerCase() === 'msrps' ? 'msrps' : 'msrp',
    host: host.replace(/^\[|\]$/g, ''),
    port,
    sessionId: match[4] ?? '',
    text,
  };
}

/** A To-Path or From-Path: URIs parted by blanks, at least one. @throws MalformedMsrpUri */
export function parseMsrpPath(text: string): MsrpUri[] {
  return text
    .trim()
    .split(/\s+/)
    .map((uri) => parseMsrpUri(uri));
}

export function formatMsrpUri(uri: MsrpUri): string {
  return uri.text;
}

/** The URI of one of our own sessions. */
export function localMsrpUri(parts: {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly sessionId: string;
}): MsrpUri {
  const scheme = parts.secure ? 'msrps' : 'msrp';
  const host = parts.host.includes(':') ? `[${parts.host}]` : parts.host;
  return {
    scheme,
    host: parts.host,
    port: parts.port,
    sessionId: parts.sessionId,
    text: `${scheme}://${host}:${parts.port}/${parts.sessionId};tcp`,
  };
}
