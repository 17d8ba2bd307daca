import { lookup, resolveSrv } from 'node:dns/promises';
import { isIP } from 'node:net';
import { MailboxError } from '../../core/errors.ts';
import type { SipUri } from '../message/uri.ts';
import { parseUri } from '../message/uri.ts';
import type { Endpoint, Protocol } from '../transport/transport.ts';

/** The questions put to DNS, for tests to answer. Both reject when there is no such name. */
export interface HostResolver {
  addresses(host: string): Promise<string[]>;
  services(name: string): Promise<{ name: string; port: number; priority: number; weight: number }[]>;
}

/** A URI for which DNS knows no address. */
export class UnresolvableTarget extends MailboxError {
  constructor(uri: string, options?: { cause?: unknown }) {
    super('UNRESOLVABLE_TARGET', `no address for ${uri.slice(0, 200)}`, options);
  }
}

const systemResolver: HostResolver = {
  addresses: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  services: (name) => resolveSrv(name),
};

const DEFAULT_PORT = 5060;

/**
 * Where a request to `target` may be sent, best first (RFC 3263 §4): a numeric host as it stands; a host with a port by its
 * addresses; else SRV for the transport, lowest priority first, and the host's own addresses when there is none. `maddr`
 * takes the host's place.
 * @throws UnresolvableTarget, MalformedUri
 */
export async function resolveTarget(
  target: SipUri | string,
  resolver: HostResolver = systemResolver,
): Promise<Endpoint[]> {
  const uri = typeof target === 'string' ? parseUri(target) : target;
  const host = (uri.params.get('maddr') ?? uri.host).replace(/^\[|\]$/g, '');
  const protocol = protocolOf(uri);
  if (isIP(host) !== 0) return [{ protocol, address: host, port: uri.port ?? DEFAULT_PORT }];
  try {
    const services = uri.port === undefined ? await servicesOf(host, protocol, resolver) : [];
    const hosts = services.length > 0 ? services : [{ name: host, port: uri.port ?? DEFAULT_PORT }];
    const endpoints: Endpoint[] = [];
    for (const { name, port } of hosts) {
      for (const address of await resolver.addresses(name)) endpoints.push({ protocol, address, port });
    }
    return endpoints;
  } catch (cause) {
    throw new UnresolvableTarget(host, { cause });
  }
}

function protocolOf(uri: SipUri): Protocol {
  return uri.params.get('transport')?.toLowerCase() === 'tcp' ? 'tcp' : 'udp';
}

async function servicesOf(
  host: string,
  protocol: Protocol,
  resolver: HostResolver,
): Promise<{ name: string; port: number }[]> {
  try {
    const services = await resolver.services(`_sip._${protocol}.${host}`);
    return services.sort((a, b) => a.priority - b.priority || b.weight - a.weight);
  } catch {
    // No SRV record is the usual case, not a fault (§4.2).
    return [];
  }
}
