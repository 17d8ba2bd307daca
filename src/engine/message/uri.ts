import { isIPv6 } from 'node:net';
import { MailboxError } from '../../core/errors.ts';

/** RFC 3261 §19.1.1: a SIP or SIPS URI taken apart. Escapes stay as they are. */
export interface SipUri {
  readonly scheme: 'sip' | 'sips';
  readonly user?: string;
  /** IPv6 references without their brackets. */
  readonly host: string;
  readonly port?: number;
  /** Names in lower case; a parameter without a value has ''. */
  readonly params: ReadonlyMap<string, string>;
  /** What follows the question mark. */
  readonly headers: string;
}

/** A text that is no SIP URI. */
export class MalformedUri extends MailboxError {
  constructor(text: string) {
    super('MALFORMED_SIP_URI', `not a SIP URI: ${JSON.stringify(text.slice(0, 200))}`);
  }
}

/*
 * §25.1: SIP-URI = "sip:" [ userinfo "@" ] hostport uri-parameters [ headers ]. The userinfo may hold ";" "?" and "/", and
 * no "@" stands in the parameters: of two nobody could say which names the host.
 */
const URI =
  /^(sips?):(?:([^@\s<>"]*)@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?((?:;[^?@\s<>]*)?)(?:\?(\S*))?$/i;

/** @throws MalformedUri */
export function parseUri(text: string): SipUri {
  const match = URI.exec(text.trim());
  const host = match?.[3] === undefined ? undefined : bareHost(match[3]);
  if (match === null || host === undefined) throw new MalformedUri(text);
  const port = match[4] === undefined ? undefined : Number(match[4]);
  if (port !== undefined && port > 65_535) throw new MalformedUri(text);
  return {
    scheme: match[1]?.toLowerCase() === 'sips' ? 'sips' : 'sip',
    ...(match[2] === undefined ? {} : { user: match[2] }),
    host,
    ...(port === undefined ? {} : { port }),
    params: parseParams(match[5] ?? ''),
    headers: match[6] ?? '',
  };
}

/**
 * A host without the brackets of an IPv6 reference; undefined when what is between them is no address. RFC 5118 §4.10: the
 * grammar of RFC 3261 lets some write `2001:db8:::192.0.2.1`, where two colons are meant.
 */
export function bareHost(host: string): string | undefined {
  if (!host.startsWith('[')) return host;
  const address = host.slice(1, -1).replace(':::', '::');
  return isIPv6(address) ? address : undefined;
}

/** Whether it is a SIP or SIPS URI that may be a Request-URI: headers have no place there (§19.1.1, table 1). */
export function isPlainSipUri(text: string): boolean {
  const [, , , host, port = '0', , headers = ''] = URI.exec(text) ?? [];
  return host !== undefined && bareHost(host) !== undefined && Number(port) <= 65_535 && headers === '';
}

/** `;a=b;c` as a map, names in lower case; quoted values keep their quotes. Of two of one name the first counts. */
export function parseParams(text: string): Map<string, string> {
  const params = new Map<string, string>();
  for (const [, name = '', value = ''] of text.matchAll(
    /;\s*([^\s=;,]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|\[[0-9A-Fa-f:.]*\]|[^;,\s]*))?/g,
  )) {
    const lower = name.toLowerCase();
    if (!params.has(lower)) params.set(lower, value);
  }
  return params;
}

/** The reverse of {@link parseParams}. */
export function formatParams(params: ReadonlyMap<string, string>): string {
  let text = '';
  for (const [name, value] of params) text += value === '' ? `;${name}` : `;${name}=${value}`;
  return text;
}

/** `host` or `[host]`, with the port when there is one. */
export function formatHostPort(host: string, port?: number): string {
  const shown = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? shown : `${shown}:${port}`;
}

/** The reverse of {@link parseUri}. */
export function formatUri(uri: SipUri): string {
  const user = uri.user === undefined ? '' : `${uri.user}@`;
  const headers = uri.headers === '' ? '' : `?${uri.headers}`;
  return `${uri.scheme}:${user}${formatHostPort(uri.host, uri.port)}${formatParams(uri.params)}${headers}`;
}
