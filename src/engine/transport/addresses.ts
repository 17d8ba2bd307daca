import { formatHostPort } from '../message/uri.ts';
import type { Endpoint, HostPort, LocalEndpoint, Protocol } from './transport.ts';

const MAPPED = '::ffff:';

/** A socket for both versions of IP sees `1.2.3.4` as `::ffff:1.2.3.4`; nobody else should. */
export function unmapped(address: string): string {
  return address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address;
}

/** An address as an IPv6 socket takes it. */
export function mapped(address: string): string {
  return address.includes(':') ? address : MAPPED + address;
}

/** RFC 4007 §11: the zone of a link-local address means something on this machine alone, and nothing in a message. */
export function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone === -1 ? address : address.slice(0, zone);
}

/** Whether nobody between can read what is sent. */
export function isSecure({ protocol }: Pick<Endpoint, 'protocol'>): boolean {
  return protocol === 'tls' || protocol === 'wss';
}

/** RFC 3261 §19.1.2: the port of a URI or Via that names none. */
export function defaultPort(protocol: Protocol): number {
  return isSecure({ protocol }) ? 5061 : 5060;
}

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::', '']);

/** Whether a listener there takes what comes to any address of this machine. */
export function isWildcard(address: string): boolean {
  return WILDCARDS.has(address);
}

/** `tls:[::1]:5061` */
export function nameOf(protocol: Protocol, host: string, port: number): string {
  return `${protocol}:${formatHostPort(host, port)}`;
}

/** A listener as the system bound it. */
export function boundAt(
  protocol: Protocol,
  { address, port }: { readonly address: string; readonly port: number },
  advertised: HostPort | undefined,
): LocalEndpoint {
  if (advertised === undefined) return { protocol, address, port };
  return { protocol, address, port, advertised: { ...advertised, port: advertised.port || port } };
}

/**
 * How well a listener at `local` serves to send to `target`: 0 not at all, more is better. A UDP socket sends from the
 * address it is bound to, so one on loopback reaches no one outside; a new TCP connection picks its own.
 */
export function reach(local: Endpoint, target: Endpoint): number {
  if (local.protocol !== target.protocol) return 0;
  const sameVersion = local.address.includes(':') === target.address.includes(':');
  const least = local.protocol === 'udp' ? 0 : 1;
  if (!sameVersion) return local.address === '::' ? 1 : least;
  if (isWildcard(local.address)) return 3;
  return isLoopback(local.address) === isLoopback(target.address) ? 4 : isLoopback(local.address) ? least : 2;
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
