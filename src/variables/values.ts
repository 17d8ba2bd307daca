import ipaddr from 'ipaddr.js';
import { z } from 'zod';

/*
 * How single values of the environment are written. A parser gives undefined for what it cannot read; {@link parsed} makes a
 * fault of that, {@link optional} takes the empty text for "not given".
 */

/** An address to listen on. Port 0 takes any free one. */
export interface ListenOn<P extends string> {
  readonly protocol: P;
  readonly host: string;
  readonly port: number;
}

/** One that peers beyond a NAT reach by another address; its port 0 is the one listened on. */
export interface ListenAdvertised<P extends string> extends ListenOn<P> {
  readonly advertised?: HostPort;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** An IP range in CIDR notation. */
export type Cidr = readonly [address: ipaddr.IPv4 | ipaddr.IPv6, prefixLength: number];

const PORT = /^\d{1,5}$/;

function port(text: string | undefined): number | undefined {
  if (text === undefined || !PORT.test(text)) return undefined;
  const value = Number(text);
  return value <= 65_535 ? value : undefined;
}

function items(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export function parsed<T>(parse: (text: string) => T | undefined, expected: string) {
  return (text: string, context: z.RefinementCtx): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: `expected ${expected}, not ${JSON.stringify(text)}` });
    return z.NEVER;
  };
}

/** All of `text`'s items parsed, or undefined when one is faulty or there is none. */
export function listOf<T>(parse: (item: string) => T | undefined): (text: string) => T[] | undefined {
  return (text) => {
    const values: T[] = [];
    for (const item of items(text)) {
      const value = parse(item);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values.length === 0 ? undefined : values;
  };
}

/** The empty text is the empty list. */
export function noneOr<T>(parse: (text: string) => T[] | undefined): (text: string) => T[] | undefined {
  return (text) => (text === '' ? [] : parse(text));
}

export function hostPort(text: string): HostPort | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s/]+):(\d+)$/.exec(text);
  const number = port(match?.[2]);
  if (match?.[1] === undefined || number === undefined) return undefined;
  return { host: match[1].replace(/^\[|\]$/g, ''), port: number };
}

export function listenOn<P extends string>(
  protocols: readonly P[],
): (text: string) => ListenOn<P> | undefined {
  return (text) => {
    const protocol = protocols.find((candidate) => text.startsWith(`${candidate}:`));
    if (protocol === undefined) return undefined;
    const address = hostPort(text.slice(protocol.length + 1));
    return address === undefined ? undefined : { protocol, ...address };
  };
}

/** `PROTOCOL:HOST:PORT`, and `/HOST` or `/HOST:PORT` behind it for the address peers beyond a NAT reach it by. */
export function listenAdvertised<P extends string>(
  protocols: readonly P[],
): (text: string) => ListenAdvertised<P> | undefined {
  const listen = listenOn(protocols);
  return (text) => {
    const [bound = '', outside, ...more] = text.split('/');
    const address = listen(bound);
    if (address === undefined || more.length > 0) return undefined;
    if (outside === undefined) return address;
    const advertised = hostPort(/:\d+$/.test(outside) && !outside.endsWith(']') ? outside : `${outside}:0`);
    return advertised === undefined || !isReachable(advertised.host) ? undefined : { ...address, advertised };
  };
}

/** An address, or a name that may have one; `0.0.0.0` and `::` lead nowhere. */
function isReachable(host: string): boolean {
  if (ipaddr.isValid(host)) return ipaddr.parse(host).range() !== 'unspecified';
  return domain(host) !== undefined;
}

export function cidr(text: string): Cidr | undefined {
  try {
    if (text.includes('/')) return ipaddr.parseCIDR(text);
    const address = ipaddr.parse(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  } catch {
    return undefined;
  }
}

export function domain(text: string): string | undefined {
  return /^[A-Za-z0-9]([A-Za-z0-9\-.]*[A-Za-z0-9])?$|^\[[0-9a-fA-F:.]+\]$/.test(text)
    ? text.toLowerCase()
    : undefined;
}

/** A web page's origin as browsers write it (RFC 6454 §6.2): in small letters, without the port of its scheme. */
export function origin(text: string): string | undefined {
  const written = /^https?:\/\/(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/i.test(text) && URL.canParse(text);
  return written ? new URL(text).origin : undefined;
}

export function sipUri(text: string): string | undefined {
  return /^sips?:[^\s<>"]+$/.test(text) ? text : undefined;
}

export function databaseUrl(text: string): string | undefined {
  return /^(sqlite:.+|mysql:\/\/[^/\s]+\/[^/\s]+)$/.test(text) ? text : undefined;
}

/** A value that may be missing. */
export function optional<T>(parse: (text: string) => T | undefined, expected: string) {
  return (text: string, context: z.RefinementCtx): T | undefined =>
    text === '' ? undefined : parsed(parse, expected)(text, context);
}

/** A list, by commas, of words out of `allowed`, in any case; the empty text is the empty list. */
export function wordsOf<W extends string>(allowed: readonly W[]): (text: string) => W[] | undefined {
  const word = (item: string): W | undefined =>
    allowed.find((candidate) => candidate.toLowerCase() === item.toLowerCase());
  return noneOr(listOf(word));
}

/** How long something lasts, seconds; some domains may have it their own way. */
export interface SecondsByDomain {
  readonly usual: number;
  readonly of: ReadonlyMap<string, number>;
}

/** `SECONDS` and any number of `DOMAIN=SECONDS`, by commas; what is not said is 0. */
export function secondsByDomain(text: string): SecondsByDomain | undefined {
  let usual = 0;
  const of = new Map<string, number>();
  for (const item of items(text)) {
    const [, name, digits = ''] = /^(?:([^=\s]+)=)?(\d{1,9})$/.exec(item) ?? [];
    if (digits === '') return undefined;
    const host = name === undefined ? undefined : domain(name);
    if (name !== undefined && host === undefined) return undefined;
    if (host === undefined) usual = Number(digits);
    else of.set(host, Number(digits));
  }
  return { usual, of };
}

/** A name of the IANA time zone database, as it is spelled there. */
export function timeZone(text: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** Headers that SIP itself, or we, write: nobody else's to set. */
const OWN_HEADERS =
  /^(via|v|from|f|to|t|call-id|i|cseq|contact|m|max-forwards|route|record-route|content-.*|c|l|e|(proxy-)?(authorization|authenticate|require)|www-authenticate|require|k|supported|allow|date|subject|s|p-asserted-identity|p-preferred-identity|request-disposition|x-text-mailbox-delivery)$/i;

/** The name of a SIP header (RFC 3261 §25.1: a token) that may be added to requests of ours. */
export function headerName(text: string): string | undefined {
  return /^[A-Za-z0-9\-.!%*_+`'~]{1,64}$/.test(text) && !OWN_HEADERS.test(text) ? text : undefined;
}

/** `NAME: VALUE`, of visible ASCII. */
export function header(text: string): { readonly name: string; readonly value: string } | undefined {
  const [, first = '', value = ''] = /^([^:\s]+)\s*:\s*([\x20-\x7e]{1,200})$/.exec(text) ?? [];
  const name = headerName(first);
  return name === undefined ? undefined : { name, value };
}
