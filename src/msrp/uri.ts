import { MalformedMsrpUri } from './errors.ts';

/** RFC 4975 §6. Written back as it came: others compare a path to the letter. */
export interface MsrpUri {
  readonly scheme: 'msrp' | 'msrps';
  /** Without the brackets of an IPv6 reference. */
  readonly host: string;
  readonly port: number;
  /** '' when there is none: a relay's own URI may lack it. */
  readonly sessionId: string;
  /** `tcp`, or `ws` over WebSocket, with TLS or without (RFC 7977); others nobody has defined yet. */
  readonly transport: string;
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
  /^(msrps?):\/\/(?:[^@\s/]*@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(?:\/([A-Za-z0-9\-._~+=/]*))?;([A-Za-z0-9]+)(?:;[^\s;]+)*$/i;

/** @throws MalformedMsrpUri */
export function parseMsrpUri(text: string): MsrpUri {
  const uri = readUri(text);
  if (uri === undefined) throw new MalformedMsrpUri(text);
  return uri;
}

/** A To-Path or From-Path: URIs parted by blanks, at least one. @throws MalformedMsrpUri */
export function parseMsrpPath(text: string): MsrpUri[] {
  return pathParts(text).map((uri) => parseMsrpUri(uri));
}

/** The URIs of a path as they stand there, not looked into; one at least, which may be ''. */
export function pathParts(path: string): string[] {
  return path.trim().split(/\s+/);
}

/** The session-id of a URI; undefined for what is no MSRP URI. */
export function sessionIdIn(uri: string): string | undefined {
  return readUri(uri)?.sessionId;
}

export function formatMsrpUri(uri: MsrpUri): string {
  return uri.text;
}

/**
 * RFC 4975 §6.1: scheme, host and transport without regard to case, port as a number, session-id to the letter; user part and
 * parameters don't count.
 */
export function sameMsrpUri(one: MsrpUri, other: MsrpUri): boolean {
  return (
    one.scheme === other.scheme &&
    one.host.toLowerCase() === other.host.toLowerCase() &&
    one.port === other.port &&
    one.sessionId === other.sessionId &&
    one.transport.toLowerCase() === other.transport.toLowerCase()
  );
}

/** The URI of one of our own sessions. */
export function localMsrpUri(parts: {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly sessionId: string;
  /** By default `tcp`. */
  readonly transport?: 'tcp' | 'ws';
}): MsrpUri {
  const { transport = 'tcp' } = parts;
  const scheme = parts.secure ? 'msrps' : 'msrp';
  const host = parts.host.includes(':') ? `[${parts.host}]` : parts.host;
  return {
    scheme,
    host: parts.host,
    port: parts.port,
    sessionId: parts.sessionId,
    transport,
    text: `${scheme}://${host}:${parts.port}/${parts.sessionId};${transport}`,
  };
}

function readUri(text: string): MsrpUri | undefined {
  const [, scheme = '', host = '', digits, sessionId = '', transport = ''] = URI.exec(text) ?? [];
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (host === '' || port > 65_535) return undefined;
  return {
    scheme: scheme.toLowerCase() === 'msrps' ? 'msrps' : 'msrp',
    host: host.replace(/^\[|\]$/g, ''),
    port,
    sessionId,
    transport,
    text,
  };
}
