import { isIP } from 'node:net';
import { MailboxError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import { systemRandom } from '../../core/random.ts';
import type { SipUri } from '../message/uri.ts';
import { parseUri } from '../message/uri.ts';
import type { Endpoint, Protocol } from '../transport/transport.ts';
import type { HostResolver } from './host-resolver.ts';
import { systemResolver } from './host-resolver.ts';
import { TARGET_LIMITS } from './limits.ts';
import { orderServices } from './service-order.ts';

export type { HostResolver } from './host-resolver.ts';

/** A URI for which DNS knows no address, or that asks for a transport it cannot be reached by from here. */
export class UnresolvableTarget extends MailboxError {
  constructor(what: string, options?: { cause?: unknown }) {
    super('UNRESOLVABLE_TARGET', what.slice(0, 300), options);
  }
}

const DEFAULT_PORT = 5060;
/** What is asked for in turn when a URI does not say, and what it may say. */
const PROTOCOLS: readonly Protocol[] = ['udp', 'tcp'];
/** RFC 7118: who came by these is found by the address of the connection alone. */
const CONNECTED: readonly Protocol[] = ['ws', 'wss'];

interface Host {
  readonly protocol: Protocol;
  readonly name: string;
  readonly port: number;
}

/**
 * Where a request to `target` may be sent, best first (RFC 3263 §4): a numeric host as it stands; a host with a port by
 * its addresses; else SRV for the transport, or for each in turn, and the host's own addresses when there is none.
 * `maddr` takes the host's place.
 * @throws UnresolvableTarget, MalformedUri
 */
export async function resolveTarget(
  target: SipUri | string,
  resolver: HostResolver = systemResolver,
  random: Random = systemRandom,
): Promise<Endpoint[]> {
  const uri = typeof target === 'string' ? parseUri(target) : target;
  const name = (uri.params.get('maddr') ?? uri.host).replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const given = protocolOf(uri);
  const protocol = given ?? 'udp';
  const port = uri.port ?? DEFAULT_PORT;
  if (isIP(name) !== 0) return [{ protocol, address: name, port }];
  if (CONNECTED.includes(protocol) || isNowhere(name)) {
    throw new UnresolvableTarget(`${name} is reached by its own connection alone`);
  }
  const services =
    uri.port === undefined && !isLocal(name) ? await servicesOf(name, given, resolver, random) : [];
  return await addressesOf(services.length > 0 ? services : [{ protocol, name, port }], resolver);
}

/**
 * The transport a URI demands, undefined when it leaves the choice.
 * @throws UnresolvableTarget when it demands TLS (§4.1: sips is never sent in the clear) or another not spoken here
 */
function protocolOf(uri: SipUri): Protocol | undefined {
  const wanted = uri.scheme === 'sips' ? 'tls' : uri.params.get('transport')?.toLowerCase();
  if (wanted === undefined || wanted === '') return undefined;
  const protocol = [...PROTOCOLS, ...CONNECTED].find((spoken) => spoken === wanted);
  if (protocol === undefined) throw new UnresolvableTarget(`${wanted} to ${uri.host} is not spoken here`);
  return protocol;
}

async function servicesOf(
  host: string,
  given: Protocol | undefined,
  resolver: HostResolver,
  random: Random,
): Promise<Host[]> {
  const asked = given === undefined ? PROTOCOLS : [given];
  const answers = await Promise.all(
    asked.map(async (protocol) => {
      // No SRV record is the usual case, not a fault (§4.2).
      const records = await resolver.services(`_sip._${protocol}.${host}`).catch(() => []);
      // RFC 2782: the name "." says that the service is not to be had there.
      const offered = records
        .filter(({ name }) => name !== '' && name !== '.')
        .slice(0, TARGET_LIMITS.services);
      return orderServices(offered, random).map(({ name, port }): Host => ({ protocol, name, port }));
    }),
  );
  return answers.flat();
}

async function addressesOf(hosts: readonly Host[], resolver: HostResolver): Promise<Endpoint[]> {
  const endpoints: Endpoint[] = [];
  let cause: unknown;
  for (const { protocol, name, port } of hosts) {
    try {
      const addresses = isIP(name) !== 0 ? [name] : await resolver.addresses(name);
      for (const address of addresses) endpoints.push({ protocol, address, port });
    } catch (error) {
      // The other hosts may still have one.
      cause = error;
    }
    if (endpoints.length >= TARGET_LIMITS.endpoints) break;
  }
  if (endpoints.length === 0) {
    throw new UnresolvableTarget(`no address for ${hosts.map(({ name }) => name).join(', ')}`, { cause });
  }
  return endpoints.slice(0, TARGET_LIMITS.endpoints);
}

/** RFC 6761 §6.4: the names WebSocket clients give themselves, that have none (RFC 7118 §5). */
function isNowhere(host: string): boolean {
  return /(^|\.)invalid$/i.test(host);
}

/** RFC 6761 §6.3: DNS is not asked about it. */
function isLocal(host: string): boolean {
  return /(^|\.)localhost$/i.test(host);
}
