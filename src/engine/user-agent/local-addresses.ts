import { networkInterfaces } from 'node:os';
import type { Endpoint, Protocol } from '../transport/transport.ts';
import type { Way } from './compose-request.ts';

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::', '']);

/** Under which address peers reach us. */
export class LocalAddresses {
  readonly #transport: { readonly local: readonly Endpoint[] };
  readonly #interfaces: readonly {
    readonly address: string;
    readonly internal: boolean;
    readonly v6: boolean;
  }[];

  /** @param transport knows what was really bound, once it was */
  constructor(transport: { readonly local: readonly Endpoint[] }) {
    this.#transport = transport;
    this.#interfaces = Object.values(networkInterfaces()).flatMap((addresses) =>
      (addresses ?? []).map(({ address, internal, family }) => ({
        address,
        internal,
        v6: family === 'IPv6',
      })),
    );
  }

  listensOn(protocol: Protocol): boolean {
    return this.#transport.local.some((endpoint) => endpoint.protocol === protocol);
  }

  /** The listener a peer at `remote` answers to: a connection of ours has another port than we listen on. */
  reachedBy(local: Endpoint, remote: Endpoint): Endpoint {
    const sameProtocol = this.#transport.local.filter(({ protocol }) => protocol === remote.protocol);
    const listener =
      sameProtocol.find(({ address, port }) => address === local.address && port === local.port) ??
      sameProtocol.find(({ address }) => address === local.address) ??
      sameProtocol.find(({ address }) => WILDCARDS.has(address)) ??
      sameProtocol[0] ??
      local;
    if (!WILDCARDS.has(listener.address)) return listener;
    const address = WILDCARDS.has(local.address) ? this.#towards(remote) : local.address;
    return { ...listener, address };
  }

  /** What requests and responses say of us on the way between `local` and `remote`. */
  way(local: Endpoint, remote: Endpoint, branch: string): Way {
    const { protocol, address, port } = this.reachedBy(local, remote);
    const hostPort = hostPortOf(address, port);
    // RFC 7118 §5.2.2: the parameter of a URI says `ws` for both, Via tells them apart.
    const transport = protocol === 'udp' ? '' : `;transport=${protocol === 'wss' ? 'ws' : protocol}`;
    return {
      via: `${protocol.toUpperCase()} ${hostPort}`,
      branch,
      contact: `<sip:${hostPort}${transport}>`,
      hostPort,
    };
  }

  /** `tcp/127.0.0.1:5060,udp/[::1]:5060` */
  describe(): string {
    return [...this.#transport.local]
      .sort((a, b) => a.protocol.localeCompare(b.protocol))
      .map(({ protocol, address, port }) => `${protocol}/${hostPortOf(address, port)}`)
      .join(',');
  }

  /** Bound to every address, we name one that the peer is likely to reach. */
  #towards({ address }: Endpoint): string {
    const v6 = address.includes(':');
    const loopback = v6 ? address === '::1' : address.startsWith('127.');
    const candidates = this.#interfaces.filter((each) => each.v6 === v6 && each.internal === loopback);
    return candidates[0]?.address ?? (v6 ? '::1' : '127.0.0.1');
  }
}

function hostPortOf(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
