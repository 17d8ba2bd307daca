import { isIP } from 'node:net';
import { MailboxError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import type { SipUri } from '../message/uri.ts';
import { parseUri } from '../message/uri.ts';
import { defaultPort, reach } from '../transport/addresses.ts';
import type { Endpoint, Protocol, Target } from '../transport/transport.ts';
import type { HostResolver } from './host-resolver.ts';
import { TARGET_LIMITS } from './limits.ts';
import { orderPointers } from './pointer-order.ts';
import { orderServices } from './service-order.ts';

/** A URI for which DNS knows no address, or that asks for a transport it cannot be reached by from here. */
export class UnresolvableTarget extends MailboxError {
  constructor(what: string, options?: { cause?: unknown }) {
    super('UNRESOLVABLE_TARGET', what.slice(0, 300), options);
  }
}

/** What a target is looked up with. */
export interface TargetSources {
  readonly resolver: HostResolver;
  readonly random: Random;
  /** Where we listen: nothing is sent by another transport, nor to addresses none of these reaches. */
  readonly local: readonly Endpoint[];
}

/** RFC 3263 §4.1: what may be looked up for a URI that does not say, in the order it is tried without NAPTR. */
const ANY: readonly Protocol[] = ['udp', 'tcp', 'tls'];
/** RFC 7118: who came by these is found by the address of the connection alone. */
const CONNECTED: readonly Protocol[] = ['ws', 'wss'];
/** RFC 3261 §26.2.2, RFC 7118 §5.2.3: what the transport of a URI becomes when its scheme is `sips`. */
const SECURED: ReadonlyMap<string, Protocol> = new Map([
  ['tcp', 'tls'],
  ['tls', 'tls'],
  ['ws', 'wss'],
  ['wss', 'wss'],
]);

/** A name with a port, of which only the addresses are missing. */
interface Host {
  readonly protocol: Protocol;
  readonly name: string;
  readonly port: number;
}

/**
 * Where a request to `target` may be sent, best first (RFC 3263 §4): a numeric host as it stands, without a question; a host
 * with a port by its addresses; else by NAPTR, SRV for its transports, and its own addresses when there is none.
 * `maddr` takes the host's place. Only by transports that are listened on, and TLS alone for `sips`.
 * @throws UnresolvableTarget, MalformedUri
 */
export async function resolveTarget(target: SipUri | string, sources: TargetSources): Promise<Target[]> {
  const uri = typeof target === 'string' ? parseUri(target) : target;
  const name = (uri.params.get('maddr') ?? uri.host).replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const given = givenProtocol(uri);
  const spoken = spokenProtocols(uri, given, sources.local);
  const domain = isIP(uri.host) === 0 ? { domain: uri.host.replace(/\.$/, '') } : {};
  if (isIP(name) !== 0) {
    const protocol = given ?? usualProtocol(spoken);
    return [{ protocol, address: name, port: uri.port ?? defaultPort(protocol), ...domain }];
  }
  if ((given !== undefined && CONNECTED.includes(given)) || isNowhere(name)) {
    throw new UnresolvableTarget(`${name} is reached by its own connection alone`);
  }
  const hosts = await hostsOf(uri, name, given, spoken, sources);
  const endpoints = await addressesOf(hosts, sources);
  return endpoints.map((endpoint) => ({ ...endpoint, ...domain }));
}

/**
 * The transport a URI demands, undefined when it leaves the choice.
 * @throws UnresolvableTarget when it is one not spoken here, or would send what is `sips` in the clear (§4.1)
 */
function givenProtocol(uri: SipUri): Protocol | undefined {
  const wanted = uri.params.get('transport')?.toLowerCase() ?? '';
  if (wanted === '') return uri.scheme === 'sips' ? 'tls' : undefined;
  const protocol =
    uri.scheme === 'sips' ? SECURED.get(wanted) : [...ANY, ...CONNECTED].find((spoken) => spoken === wanted);
  if (protocol === undefined) {
    throw new UnresolvableTarget(`${uri.scheme} by ${wanted} to ${uri.host} is not spoken here`);
  }
  return protocol;
}

/** @throws UnresolvableTarget when we listen on none of those the URI allows */
function spokenProtocols(
  { host }: SipUri,
  given: Protocol | undefined,
  local: readonly Endpoint[],
): ReadonlySet<Protocol> {
  const allowed = given === undefined ? ANY : [given];
  const spoken = new Set(allowed.filter((protocol) => local.some((each) => each.protocol === protocol)));
  if (spoken.size === 0) {
    throw new UnresolvableTarget(`${host} would take ${allowed.join(', ')}, which is not spoken here`);
  }
  return spoken;
}

/** RFC 3263 §4.1: UDP for a `sip` URI that leaves the choice and has nothing to look it up by; TCP where there is no UDP. */
function usualProtocol(spoken: ReadonlySet<Protocol>): Protocol {
  return ANY.find((protocol) => spoken.has(protocol)) ?? 'udp';
}

/** RFC 3263 §4.1 and §4.2: transport and port, each with the name whose addresses are looked up. */
async function hostsOf(
  uri: SipUri,
  name: string,
  given: Protocol | undefined,
  spoken: ReadonlySet<Protocol>,
  sources: TargetSources,
): Promise<readonly Host[]> {
  const itself = (protocol: Protocol): Host => ({
    protocol,
    name,
    port: uri.port ?? defaultPort(protocol),
  });
  if (uri.port !== undefined || isLocal(name)) return [itself(given ?? usualProtocol(spoken))];
  // §4.1: a transport that is given is not looked for; one that `sips` alone demands may be.
  if (!uri.params.has('transport')) {
    const pointed = await byPointers(name, spoken, sources);
    if (pointed.length > 0) return pointed;
  }
  const found = await Promise.all(
    [...spoken].map(async (protocol) => ({
      protocol,
      ...(await servicesOf(serviceName(protocol, name), protocol, sources)),
    })),
  );
  const hosts = found.flatMap((each) => each.hosts);
  if (hosts.length > 0) return hosts;
  // RFC 2782: what is decidedly not to be had there is not asked for at its addresses either.
  const left = new Set(found.filter(({ denied }) => !denied).map(({ protocol }) => protocol));
  if (left.size === 0) throw new UnresolvableTarget(`${name} says that it takes no SIP`);
  return [itself(usualProtocol(left))];
}

async function byPointers(
  name: string,
  spoken: ReadonlySet<Protocol>,
  sources: TargetSources,
): Promise<readonly Host[]> {
  // No NAPTR record is the usual case, not a fault; nor is a DNS server that does not know what that is.
  const records = await sources.resolver.pointers(name).catch(() => []);
  const pointers = orderPointers(records, spoken).slice(0, TARGET_LIMITS.pointers);
  const found = await Promise.all(
    pointers.map(async (pointer): Promise<readonly Host[]> => {
      const { protocol, kind, name: to } = pointer;
      if (kind === 'a') return [{ protocol, name: to, port: defaultPort(protocol) }];
      return (await servicesOf(to, protocol, sources)).hosts;
    }),
  );
  return found.flat();
}

function serviceName(protocol: Protocol, host: string): string {
  return protocol === 'tls' ? `_sips._tcp.${host}` : `_sip._${protocol}.${host}`;
}

/** The servers of one SRV name in the order they are tried; `denied`: it says that there is none on purpose. */
async function servicesOf(
  name: string,
  protocol: Protocol,
  { resolver, random }: TargetSources,
): Promise<{ readonly hosts: readonly Host[]; readonly denied: boolean }> {
  // No SRV record is the usual case too (§4.2).
  const records = await resolver.services(name).catch(() => []);
  const offered = records.filter((each) => each.name !== '' && each.name !== '.');
  const ordered = orderServices(offered, random).slice(0, TARGET_LIMITS.services);
  return {
    hosts: ordered.map((each): Host => ({ protocol, name: each.name.replace(/\.$/, ''), port: each.port })),
    denied: records.length > 0 && offered.length === 0,
  };
}

async function addressesOf(
  hosts: readonly Host[],
  { resolver, local }: TargetSources,
): Promise<readonly Endpoint[]> {
  let cause: unknown;
  const found = await Promise.all(
    hosts.slice(0, TARGET_LIMITS.services).map(async ({ protocol, name, port }) => {
      try {
        const addresses = isIP(name) !== 0 ? [name] : await resolver.addresses(name);
        const endpoints = addresses.map((address): Endpoint => ({ protocol, address, port }));
        return reachable(endpoints, local);
      } catch (error) {
        // The other hosts may still have one.
        cause = error;
        return [];
      }
    }),
  );
  const endpoints = found.flat();
  if (endpoints.length === 0) {
    throw new UnresolvableTarget(
      `no address to be reached from here of ${hosts.map(({ name }) => name).join(', ')}`,
      { cause },
    );
  }
  return endpoints.slice(0, TARGET_LIMITS.endpoints);
}

/** Without the addresses no listener of ours reaches; those a listener serves better first, else in their order. */
function reachable(endpoints: readonly Endpoint[], local: readonly Endpoint[]): readonly Endpoint[] {
  return endpoints
    .map((endpoint) => ({ endpoint, best: Math.max(0, ...local.map((each) => reach(each, endpoint))) }))
    .filter(({ best }) => best > 0)
    .sort((a, b) => b.best - a.best)
    .map(({ endpoint }) => endpoint);
}

/** RFC 6761 §6.4: the names WebSocket clients give themselves, that have none (RFC 7118 §5). */
function isNowhere(host: string): boolean {
  return /(^|\.)invalid$/i.test(host);
}

/** RFC 6761 §6.3: DNS is not asked about it. */
function isLocal(host: string): boolean {
  return /(^|\.)localhost$/i.test(host);
}
