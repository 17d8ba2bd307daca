import { isIP } from 'node:net';
import { AddressOfRecord } from '../core/address-of-record.ts';
import type { DrachtioRequest } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';
import { parseNameAddress, splitHeaderList } from './name-address.ts';
import { SipRefusal } from './refusal.ts';

/**
 * Whom a request that reached the mailbox was meant for. The Request-URI when it is a user of a served domain; a proxy
 * that tried her phones first may have left a contact address there, and then the diverted target tells: the latest
 * entry of History-Info (RFC 7044) or the topmost Diversion (RFC 5806) in a served domain; else To.
 * @throws SipRefusal 404 when none of them is a user of a served domain
 */
export function calleeOf(request: DrachtioRequest, domains: ReadonlySet<string>): AddressOfRecord {
  const served = (uri: string): AddressOfRecord | undefined => {
    const candidate = AddressOfRecord.tryParse(uri);
    return candidate !== undefined && domains.has(candidate.host) ? candidate : undefined;
  };
  const history = addresses(request.get('History-Info')).reverse();
  const diverted = [...history, ...addresses(request.get('Diversion')), ...addresses(request.get('To'))];
  const candidates = isContact(request.uri) ? [...diverted, request.uri] : [request.uri, ...diverted];
  for (const uri of candidates) {
    const callee = served(uri);
    if (callee !== undefined) return callee;
  }
  throw new SipRefusal(404, 'No user of a domain served here');
}

function addresses(value: string | undefined): string[] {
  return splitHeaderList(value ?? '')
    .slice(0, SIP_LIMITS.diversions)
    .flatMap((part) => parseNameAddress(part)?.uri ?? []);
}

/** A port or a numeric host makes it the address of a device, even where that host is a served domain as well. */
function isContact(uri: string): boolean {
  const host = /^sips?:(?:[^@]*@)?(\[[^\]]*\]|[^;?:]+)(:\d+)?/i.exec(uri);
  return host?.[2] !== undefined || isIP((host?.[1] ?? '').replace(/^\[|\]$/g, '')) !== 0;
}
