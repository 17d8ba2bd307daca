import ipaddr from 'ipaddr.js';
import type { DrachtioRequest } from './drachtio.ts';

/** One address a SIP server listens on. */
interface SipAddress {
  readonly protocol: string;
  readonly host: string;
  readonly port: string;
}

function readListening(listening: string): SipAddress[] {
  return listening.split(',').flatMap((item) => {
    const match = /^\s*([a-z]+)\/(\[[^\]]+\]|[^:/]+):(\d+)/i.exec(item);
    if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) return [];
    return [{ protocol: match[1].toLowerCase(), host: match[2], port: match[3] }];
  });
}

/**
 * The SIP URI under which the SIP server reaches itself, so that a PUBLISH to the built-in presence server takes the
 * same way as one to any other. TCP when it is there: nothing is ever sent twice then; else UDP, which asks for no certificate.
 */
export function ownUri(listening: string): string | undefined {
  const addresses = readListening(listening);
  const by = (wanted: string): SipAddress | undefined =>
    addresses.find(({ protocol }) => protocol === wanted);
  const chosen = by('tcp') ?? by('udp') ?? addresses[0];
  if (chosen === undefined) return undefined;
  const host = chosen.host === '0.0.0.0' ? '127.0.0.1' : chosen.host === '[::]' ? '[::1]' : chosen.host;
  return `sip:${host}:${chosen.port};transport=${chosen.protocol}`;
}

/** The listening hosts as ranges of one address each, to tell our own requests by. */
export function ownRanges(listening: string): (readonly [ipaddr.IPv4 | ipaddr.IPv6, number])[] {
  return readListening(listening).flatMap(({ host }) => {
    const bare = host.replace(/^\[|\]$/g, '');
    if (!ipaddr.isValid(bare)) return [];
    const address = ipaddr.parse(bare);
    return [[address, address.kind() === 'ipv4' ? 32 : 128] as const];
  });
}

/**
 * The SIP URI of the hop a request came from. Over UDP that is its source, and over a WebSocket, which is found again by
 * that alone (RFC 7118 §5); another connection comes from a port nobody listens on, so there the port of its Via counts
 * (RFC 3261 §18.2.2).
 */
export function previousHop(request: DrachtioRequest): string {
  const protocol = request.protocol.toLowerCase();
  const viaPort = /^SIP\s*\/\s*2\.0\s*\/\s*\w+\s+(?:\[[^\]]*\]|[^\s:;,]+)\s*:\s*(\d+)/i.exec(
    request.get('Via') ?? '',
  )?.[1];
  const fromSource = protocol !== 'tcp' && protocol !== 'tls';
  const port = fromSource ? String(request.source_port) : (viaPort ?? (protocol === 'tls' ? '5061' : '5060'));
  const host = request.source_address.includes(':') ? `[${request.source_address}]` : request.source_address;
  return `sip:${host}:${port};transport=${protocol}`;
}
