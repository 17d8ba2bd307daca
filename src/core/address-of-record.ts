import { MailboxError } from './errors.ts';

/** A text that is no SIP address of record. */
export class InvalidAddressOfRecord extends MailboxError {
  constructor(text: string) {
    super('INVALID_ADDRESS_OF_RECORD', `not a SIP address of record: ${JSON.stringify(text.slice(0, 200))}`);
  }
}

/*
 * RFC 3261 §25.1: user = 1*( unreserved / escaped / user-unreserved ). Parameters, headers, port and
 * password of a URI are no part of an address of record (§10.3 step 5) and are left out.
 */
const SIP_URI =
  /^(sips?):((?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+)(?::[^@\s<>"]*)?@(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9\-.]*[A-Za-z0-9.])?)(?::\d{1,5})?(?:[;?][^\s<>"]*)?$/i;

/** Longest user part and host that make an address of record, in characters. */
export const ADDRESS_OF_RECORD_LIMITS = { user: 128, host: 253 } as const;

/**
 * The public address of a user, `sip:user@host` (RFC 3261 §6). The user part is case-sensitive and
 * compared with its escapes undone where they were not needed; the host is in lower case (§19.1.4).
 */
export class AddressOfRecord {
  readonly user: string;
  readonly host: string;

  private constructor(user: string, host: string) {
    this.user = user;
    this.host = host;
  }

  /** Reads a bare SIP or SIPS URI. @throws InvalidAddressOfRecord */
  static parse(uri: string): AddressOfRecord {
    const parsed = AddressOfRecord.tryParse(uri);
    if (parsed === undefined) throw new InvalidAddressOfRecord(uri);
    return parsed;
  }

  /** Reads a bare SIP or SIPS URI; undefined when it is none or has no user part. */
  static tryParse(uri: string): AddressOfRecord | undefined {
    const match = SIP_URI.exec(uri.trim());
    const user = match?.[2];
    const host = match?.[3];
    if (user === undefined || host === undefined) return undefined;
    if (user.length > ADDRESS_OF_RECORD_LIMITS.user || host.length > ADDRESS_OF_RECORD_LIMITS.host) {
      return undefined;
    }
    return new AddressOfRecord(normalizeEscapes(user), host.toLowerCase().replace(/\.$/, ''));
  }

  equals(other: AddressOfRecord): boolean {
    return this.user === other.user && this.host === other.host;
  }

  /** `sip:user@host`; also the key under which the user's data is kept. */
  toString(): string {
    return `sip:${this.user}@${this.host}`;
  }
}

/** RFC 3261 §19.1.4: an escape of a character that needs none equals the character itself. */
function normalizeEscapes(user: string): string {
  return user.replace(/%([0-9A-Fa-f]{2})/g, (escape, hex: string) => {
    const character = String.fromCharCode(parseInt(hex, 16));
    return /[A-Za-z0-9\-_.!~*'()]/.test(character) ? character : escape.toUpperCase();
  });
}
