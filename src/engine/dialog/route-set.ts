import { parseNameAddress } from '../message/name-address.ts';
import type { SipUri } from '../message/uri.ts';
import { formatUri, parseUri } from '../message/uri.ts';

/** What a request carries on its way through the proxies of a route set. */
export interface PlannedRoute {
  /** Its Request-URI. */
  readonly uri: string;
  /** Its Route values, in order. */
  readonly routes: readonly string[];
  /** URI of where it is sent. */
  readonly nextHop: string;
}

/**
 * RFC 3261 §8.1.2, §12.2.1.1: a request to `target` by way of `routes` (Route values, the nearest proxy first). A first
 * proxy with `lr` finds its way by the Route values; one without is a strict router of RFC 2543: it takes the Request-URI's
 * place, and the target goes to the end of the route. What is `sips` in the end goes to its first hop by TLS too.
 */
export function planRoute(target: string, routes: readonly string[]): PlannedRoute {
  const uri = asRequestUri(target);
  const [first, ...rest] = routes;
  if (first === undefined) return { uri, routes: [], nextHop: uri };
  const proxy = uriOf(first) ?? first;
  if (isLooseRouter(proxy)) return { uri, routes: [...routes], nextHop: securedLike(uri, proxy) };
  return { uri: asRequestUri(proxy), routes: [...rest, `<${target}>`], nextHop: securedLike(uri, proxy) };
}

/** §8.1.2: a Request-URI that is `sips` is followed as if the hop it goes to were `sips` too. */
function securedLike(uri: string, nextHop: string): string {
  return /^sips:/i.test(uri) ? nextHop.replace(/^sip:/i, 'sips:') : nextHop;
}

/** RFC 3261 §19.1.1: whether the proxy of this URI finds its way by Route values. */
export function isLooseRouter(uri: string): boolean {
  return parsed(uri)?.params.has('lr') === true;
}

/** §19.1.1 table 1: a Request-URI has neither a method parameter nor headers. */
function asRequestUri(text: string): string {
  if (!text.includes('?') && !/;method=/i.test(text)) return text;
  const uri = parsed(text);
  if (uri === undefined) return text;
  const params = new Map(uri.params);
  params.delete('method');
  return formatUri({ ...uri, params, headers: '' });
}

/** The URI of a Route or Contact value; undefined when it cannot be read. */
export function uriOf(nameAddress: string): string | undefined {
  try {
    return parseNameAddress(nameAddress).uri;
  } catch {
    return undefined;
  }
}

function parsed(uri: string): SipUri | undefined {
  try {
    return parseUri(uri);
  } catch {
    return undefined;
  }
}
