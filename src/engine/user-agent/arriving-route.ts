import { networkInterfaces } from 'node:os';
import { isLooseRouter, uriOf } from '../dialog/route-set.ts';
import type { SipRequest } from '../message/sip-message.ts';
import type { SipUri } from '../message/uri.ts';
import { parseUri } from '../message/uri.ts';
import { defaultPort, isWildcard } from '../transport/addresses.ts';
import type { LocalEndpoint } from '../transport/transport.ts';

/** What of a request's route is about us. */
export class ArrivingRoute {
  readonly #local: () => readonly LocalEndpoint[];
  readonly #interfaces: ReadonlySet<string>;

  /** @param local our listeners, as bound */
  constructor(
    local: () => readonly LocalEndpoint[],
    interfaces: readonly string[] = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .map(({ address }) => address),
  ) {
    this.#local = local;
    this.#interfaces = new Set(interfaces.map((address) => address.toLowerCase()));
  }

  /**
   * A request as it would have come over loose routers alone, without the Route values that led here (RFC 3261 §16.4, which
   * a user agent that is somebody's proxy obeys as well). A strict router before us put our Route value in the
   * Request-URI's place and the Request-URI at the end of the route: it is put back. Our Contacts have no `lr`, so that a
   * request within a dialog keeps its Request-URI whatever Route its sender left in.
   */
  asSent(request: SipRequest): SipRequest {
    if (!request.headers.has('Route')) return request;
    const routes = request.headers.all('Route');
    const { length } = routes;
    let { uri } = request;
    if (isLooseRouter(uri) && this.#isOurs(uri)) {
      const target = uriOf(routes.at(-1) ?? '');
      if (target !== undefined) {
        uri = target;
        routes.pop();
      }
    }
    while (routes[0] !== undefined && this.#isOurs(uriOf(routes[0]) ?? '')) routes.shift();
    if (routes.length === length) return request;
    const headers = request.headers.clone();
    if (routes.length === 0) headers.delete('Route');
    else headers.set('Route', routes.join(', '));
    return { ...request, uri, headers };
  }

  #isOurs(text: string): boolean {
    let uri: SipUri;
    try {
      uri = parseUri(text);
    } catch {
      return false;
    }
    const secure = uri.scheme === 'sips' || uri.params.get('transport')?.toLowerCase() === 'tls';
    const port = uri.port ?? defaultPort(secure ? 'tls' : 'udp');
    const host = (uri.params.get('maddr') ?? uri.host).replace(/^\[|\]$/g, '').toLowerCase();
    return this.#local().some(({ address, port: bound, advertised }) => {
      if (advertised?.port === port && advertised.host.toLowerCase() === host) return true;
      return port === bound && (host === address || (isWildcard(address) && this.#interfaces.has(host)));
    });
  }
}
