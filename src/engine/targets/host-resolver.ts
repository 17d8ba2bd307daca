import { Resolver, lookup } from 'node:dns/promises';
import { TARGET_LIMITS } from './limits.ts';

/** An SRV record (RFC 2782). */
export interface ServiceRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** A NAPTR record (RFC 3403 §4.1). */
export interface PointerRecord {
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly service: string;
  readonly regexp: string;
  readonly replacement: string;
}

/** The questions put to DNS, as `resolver` of `startEngine` may answer them. All reject when there is no such record. */
export interface HostResolver {
  /** Addresses of both IP versions, in the order they should be tried. */
  addresses(host: string): Promise<readonly string[]>;
  services(name: string): Promise<readonly ServiceRecord[]>;
  pointers(name: string): Promise<readonly PointerRecord[]>;
}

/** What DNS said. */
export interface Answer<T> {
  readonly records: readonly T[];
  /** For how long it holds, ms; undefined when that is not told. */
  readonly lifetime?: number;
}

/** Who is asked in the end. All reject with Node's error codes of DNS. */
export interface NameService {
  addresses(host: string): Promise<Answer<string>>;
  services(name: string): Promise<Answer<ServiceRecord>>;
  pointers(name: string): Promise<Answer<PointerRecord>>;
  /** What is under way is given up. */
  close(): void;
}

/**
 * DNS: the servers given (`address` or `address:port`), for every question; or else those of the machine, and for
 * addresses whatever the machine asks besides, /etc/hosts above all.
 */
export function nameService(servers: readonly string[] = []): NameService {
  const { dnsTimeout: timeout, dnsTries: tries } = TARGET_LIMITS;
  const resolver = new Resolver({ timeout, tries });
  if (servers.length > 0) resolver.setServers(servers);
  return {
    addresses:
      servers.length > 0
        ? (host) => bothVersions(resolver, host)
        : async (host) => ({ records: (await lookup(host, { all: true })).map(({ address }) => address) }),
    services: async (name) => ({ records: await resolver.resolveSrv(name) }),
    pointers: async (name) => ({ records: await resolver.resolveNaptr(name) }),
    close: () => resolver.cancel(),
  };
}

/** RFC 6724 §10.3: IPv6 first; what cannot be reached from here is left out later. */
async function bothVersions(resolver: Resolver, host: string): Promise<Answer<string>> {
  const answers = await Promise.allSettled([
    resolver.resolve6(host, { ttl: true }),
    resolver.resolve4(host, { ttl: true }),
  ]);
  const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (records.length === 0) {
    const reasons = answers.flatMap((answer) =>
      answer.status === 'rejected' ? [asError(answer.reason)] : [],
    );
    // That a server did not answer says more than that another kind of record is not there.
    throw reasons.find((reason) => !saysNone(reason)) ?? reasons[0] ?? new Error(`no address of ${host}`);
  }
  return {
    records: records.map(({ address }) => address),
    lifetime: Math.min(...records.map(({ ttl }) => ttl)) * 1_000,
  };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** Whether an error says that there is no such record, rather than that nobody could be asked. */
export function saysNone(error: unknown): boolean {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOTFOUND' || code === 'ENODATA';
}
