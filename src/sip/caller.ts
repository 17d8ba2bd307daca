import { AddressOfRecord } from '../core/address-of-record.ts';
import { normalTelUri } from '../core/tel-uri.ts';
import type { DrachtioRequest } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';
import type { NameAddress } from './name-address.ts';
import { headerSafe, parseNameAddress, splitHeaderList } from './name-address.ts';
import { SipRefusal } from './refusal.ts';

/** Who sent a request. */
export interface Caller {
  /** Her URI: the address of record when it is a SIP one, a `tel:` one without visual separators, else as it stands. */
  readonly uri: string;
  readonly addressOfRecord: AddressOfRecord | undefined;
  readonly displayName: string;
}

/**
 * The identity a trusted proxy asserts (P-Asserted-Identity, RFC 3325 §9.1; a SIP URI before a tel one), else From.
 * @throws SipRefusal 400 when From cannot be read
 */
export function callerOf(request: DrachtioRequest, trusted: boolean): Caller {
  const from = parseNameAddress(request.get('From') ?? '');
  const asserted = trusted ? assertedIdentity(request.get('P-Asserted-Identity')) : undefined;
  const identity = asserted ?? from;
  if (identity === undefined) throw new SipRefusal(400, 'Unreadable From');
  const addressOfRecord = AddressOfRecord.tryParse(identity.uri);
  const displayName = identity.displayName !== '' ? identity.displayName : (from?.displayName ?? '');
  return {
    uri:
      addressOfRecord?.toString() ??
      normalTelUri(identity.uri) ??
      headerSafe(identity.uri, SIP_LIMITS.headerValue),
    addressOfRecord,
    displayName: headerSafe(displayName, SIP_LIMITS.displayName),
  };
}

function assertedIdentity(value: string | undefined): NameAddress | undefined {
  const identities = splitHeaderList(value ?? '').flatMap((part) => parseNameAddress(part) ?? []);
  return identities.find(({ uri }) => /^sips?:/i.test(uri)) ?? identities[0];
}
