import { formatHostPort } from '../message/uri.ts';
import { isWildcard, withoutZone } from '../transport/addresses.ts';
import type { Endpoint, HostPort, LocalEndpoint, Protocol } from '../transport/transport.ts';
import type { Way } from './compose-request.ts';
import { Networks } from './networks.ts';

/** Under which address peers reach us. */
export class LocalAddresses {
  readonly #transport: { readonly local: readonly LocalEndpoint[] };
  readonly #networks: Networks;

  /** @param transport knows what was really bound, once it was */
  constructor(transport: { readonly local: readonly LocalEndpoint[] }, networks = new Networks()) {
    this.#transport = transport;
    this.#networks = networks;
  }

  listensOn(protocol: Protocol): boolean {
    return this.#transport.local.some((endpoint) => endpoint.protocol === protocol);
  }

  /** What requests and responses say of us on the way between `local` and `remote`. */
  way(local: Endpoint, remote: Endpoint, branch: string): Way {
    const { protocol } = remote;
    const { host, port } = this.#reachedBy(local, remote);
    const hostPort = hostPortOf(host, port);
    // RFC 7118 §5.2.2: the parameter of a URI says `ws` for both, Via tells them apart.
    const transport = protocol === 'udp' ? '' : `;transport=${protocol === 'wss' ? 'ws' : protocol}`;
    return {
      via: `${protocol.toUpperCase()} ${hostPort}`,
      branch,
      contact: `<sip:${hostPort}${transport}>`,
      hostPort,
    };
  }

  /** `tcp/127.0.0.1:5060,udp/[::1]:5060`, those that are advertised as they are advertised. */
  describe(): string {
    return this.#list(({ address, port, advertised }) => advertised ?? { host: address, port });
  }

  /** The same as they are bound. */
  describeBound(): string {
    return this.#list(({ address, port }) => ({ host: address, port }));
  }

  #list(shown: (listener: LocalEndpoint) => HostPort): string {
    return [...this.#transport.local]
      .sort((a, b) => a.protocol.localeCompare(b.protocol))
      .map((listener) => {
        const { host, port } = shown(listener);
        return `${listener.protocol}/${hostPortOf(host, port)}`;
      })
      .join(',');
  }

  /**
   * Where a peer reaches the listener of the way: beyond a NAT by what is advertised, within by what was bound. Bound to every
   * address, we name one that the peer is likely to reach.
   */
  #reachedBy(local: Endpoint, remote: Endpoint): HostPort {
    const { address, port, advertised } = this.#listenerOf(local, remote.protocol);
    if (advertised !== undefined && !this.#networks.isInside(remote.address, advertised.host)) {
      return advertised;
    }
    if (!isWildcard(address)) return { host: address, port };
    return {
      host: isWildcard(local.address) ? this.#networks.towards(remote.address) : local.address,
      port,
    };
  }

  /** A connection of ours has another port than we listen on, and one that came to a wildcard another address. */
  #listenerOf(local: Endpoint, protocol: Protocol): LocalEndpoint {
    const listeners = this.#transport.local.filter((each) => each.protocol === protocol);
    let best: LocalEndpoint = local;
    let fit = -1;
    for (const listener of listeners) {
      const candidate = fitness(listener, local);
      if (candidate > fit) [best, fit] = [listener, candidate];
    }
    return best;
  }
}

/** How likely it is that a flow with this local end belongs to the listener. */
function fitness({ address, port }: Endpoint, local: Endpoint): number {
  const samePort = port === local.port ? 10 : 0;
  if (address === local.address) return samePort + 4;
  const sameVersion = address.includes(':') === local.address.includes(':');
  if (isWildcard(address)) return samePort + (sameVersion ? 3 : address === '0.0.0.0' ? 0 : 2);
  return samePort + (sameVersion ? 1 : 0);
}

function hostPortOf(host: string, port: number): string {
  return formatHostPort(withoutZone(host), port);
}
