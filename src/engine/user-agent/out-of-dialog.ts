import { planRoute } from '../dialog/route-set.ts';
import type { PlannedRoute } from '../dialog/route-set.ts';
import { splitList } from '../message/split-list.ts';
import { tagOf } from '../transaction/match.ts';
import type { ApplicationFields } from './application-fields.ts';

/**
 * The way of a request outside of the dialogs known here, by whose word comes first:
 *
 * 1. `proxy` of the application: there it goes, and nothing is written into it.
 * 2. The Route of a request whose To has a tag: the application goes on with a dialog of its own (RFC 3261 §12.2.1.1). Any
 *    other Route of its is dropped, as drachtio-server does.
 * 3. The operator's outbound proxy, as a route of one (§8.1.2), for requests that begin something.
 * 4. The Request-URI.
 */
export function routeOutOfDialog(
  uri: string,
  proxy: string,
  { settable }: ApplicationFields,
  outboundProxy: string | undefined,
): PlannedRoute {
  const begins = tagOf(settable.get('to')) === '';
  const route = begins ? undefined : settable.get('route');
  const routes = route === undefined ? [] : splitList(route);
  if (proxy !== '') return { uri, routes, nextHop: sipUri(proxy) };
  if (begins && outboundProxy !== undefined) return planRoute(uri, [`<${outboundProxy}>`]);
  return planRoute(uri, routes);
}

/**
 * A next hop as applications write it: a SIP URI, or `address[:port]`. drachtio-srf, which answers a challenge where it came
 * from, writes an IPv6 address with its port and no brackets.
 */
function sipUri(text: string): string {
  const uri = /^sips?:/i.test(text) ? text : `sip:${text}`;
  return uri.replace(/^(sips?:)([\da-f]*:[\da-f:.]*):(\d+)(?=;|$)/i, '$1[$2]:$3');
}
