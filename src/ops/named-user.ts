import { AddressOfRecord } from '../core/address-of-record.ts';

/** `alice`, `alice@example.com` or `sip:alice@example.com`; a domain must be served here, and may be left out if it is the only one. */
export function readUser(text: string, domains: readonly string[]): AddressOfRecord | undefined {
  const withScheme = /^sips?:/i.test(text) ? text : `sip:${text}`;
  const [only, ...others] = domains;
  const isComplete = withScheme.includes('@') || only === undefined || others.length > 0;
  const user = AddressOfRecord.tryParse(isComplete ? withScheme : `${withScheme}@${only}`);
  return user !== undefined && domains.includes(user.host) ? user : undefined;
}

export function userFault(user: AddressOfRecord | undefined): { field: string; problem: string }[] {
  return user === undefined ? [{ field: 'user', problem: 'expected a user of a domain served here' }] : [];
}
