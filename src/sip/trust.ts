import ipaddr from 'ipaddr.js';

/** An IP range: address and prefix length. */
export type IpRange = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Tells the proxies whose word counts from everybody else, by the address a request came from (RFC 3325 §2.3). */
export class TrustedProxies {
  readonly #ranges: readonly IpRange[];

  constructor(ranges: readonly IpRange[]) {
    this.#ranges = ranges;
  }

  trusts(sourceAddress: string): boolean {
    if (!ipaddr.isValid(sourceAddress)) return false;
    const address = ipaddr.process(sourceAddress);
    return this.#ranges.some(([network, prefix]) => {
      if (address instanceof ipaddr.IPv4) {
        return network instanceof ipaddr.IPv4 && address.match(network, prefix);
      }
      return network instanceof ipaddr.IPv6 && address.match(network, prefix);
    });
  }
}
