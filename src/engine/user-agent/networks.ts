import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { withoutZone } from '../transport/addresses.ts';

/** One address of this machine, as the system tells it. */
export interface InterfaceAddress {
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  /** `192.0.2.1/24` */
  readonly cidr: string | null;
}

interface Interface {
  readonly address: string;
  readonly v6: boolean;
  readonly realm: Realm;
  readonly network: BlockList;
}

/** How far an address means the same: a peer is reached from an address of its own realm. */
type Realm = 'loopback' | 'link' | 'private' | 'public';

const REALMS: readonly (readonly [Realm, BlockList])[] = [
  ['loopback', ranges('127.0.0.0/8', '::1/128')],
  ['link', ranges('169.254.0.0/16', 'fe80::/10')],
  // RFC 1918, RFC 6598, RFC 4193
  ['private', ranges('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7')],
];

/** The networks this machine is in, as they were when it was asked. */
export class Networks {
  readonly #interfaces: readonly Interface[];

  constructor(addresses: readonly InterfaceAddress[] = ownAddresses()) {
    this.#interfaces = addresses.map(({ address, family, cidr }) => ({
      address,
      v6: family === 'IPv6',
      realm: realmOf(address),
      network: ranges(cidr ?? `${address}/${family === 'IPv6' ? 128 : 32}`),
    }));
  }

  /** Our address a peer is likely to reach: in its network, else of its realm, else any of its version of IP. */
  towards(peer: string): string {
    const v6 = peer.includes(':');
    const candidates = this.#interfaces.filter((each) => each.v6 === v6);
    const realm = realmOf(peer);
    const found =
      candidates.find(({ network }) => contains(network, peer)) ??
      candidates.find((each) => each.realm === realm) ??
      candidates.find((each) => each.realm === 'public') ??
      candidates.find((each) => each.realm === 'private');
    return found?.address ?? (v6 ? '::1' : '127.0.0.1');
  }

  /**
   * Whether a peer is on our side of the NAT whose outside is `outside`: in a network of ours, or seen by a private address
   * while the outside is a public one.
   */
  isInside(peer: string, outside: string): boolean {
    const realm = realmOf(peer);
    if (realm === 'loopback' || realm === 'link') return true;
    if (realm === 'private' && realmOf(outside) === 'public') return true;
    return this.#interfaces.some(({ network }) => contains(network, peer));
  }
}

function ownAddresses(): InterfaceAddress[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
}

function ranges(...cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', bits = ''] = cidr.split('/');
    list.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** Names count as public: they stand for where the outside finds us. */
function realmOf(address: string): Realm {
  return REALMS.find(([, list]) => contains(list, address))?.[0] ?? 'public';
}

function contains(list: BlockList, address: string): boolean {
  const numeric = withoutZone(address);
  const version = isIP(numeric);
  return version !== 0 && list.check(numeric, version === 6 ? 'ipv6' : 'ipv4');
}
