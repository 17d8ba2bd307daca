import { Resolver, lookup } from 'node:dns/promises';
import { TARGET_LIMITS } from './limits.ts';

/** An SRV record (RFC 2782). */
export interface ServiceRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** The questions put to DNS, for tests to answer. Both reject when there is no such name. */
export interface HostResolver {
  /** Addresses of both IP versions, in the order they should be tried. */
  addresses(host: string): Promise<string[]>;
  services(name: string): Promise<readonly ServiceRecord[]>;
}

/** The machine's own: /etc/hosts counts for addresses. */
export const systemResolver: HostResolver = {
  addresses: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  services: (name) => {
    const { dnsTimeout: timeout, dnsTries: tries } = TARGET_LIMITS;
    return new Resolver({ timeout, tries }).resolveSrv(name);
  },
};
