import { X509Certificate, createHash, getHashes } from 'node:crypto';

/** What a certificate is told by (RFC 8122 §5): a hash function, lower case as in `sha-256`, and its value as `AB:CD:…`, upper case. */
export interface Fingerprint {
  readonly hash: string;
  readonly value: string;
}

/**
 * The hash functions we compare by, the strongest first, as RFC 8122 and as Node name them. MD2 and MD5, which it names too,
 * vouch for nothing any more (§5 forbids them).
 */
const FUNCTIONS: readonly (readonly [name: string, digest: string])[] = [
  ['sha-512', 'sha512'],
  ['sha-384', 'sha384'],
  ['sha-256', 'sha256'],
  ['sha-224', 'sha224'],
  ['sha-1', 'sha1'],
];

/** What we name our own certificate by: RFC 8122 §5 wants SHA-256 at least. */
const OWN = 'sha-256';

/**
 * RFC 8122 §5: fingerprint-attribute = "fingerprint" ":" hash-func SP fingerprint, the latter 2UHEX *(":" 2UHEX).
 *
 * Takes what stands after the colon. Names of hashes are compared without case, and so is the value. What cannot be read makes
 * a fingerprint that fits no certificate, rather than none, which would let any pass.
 */
export function parseFingerprint(text: string): Fingerprint {
  const [hash = '', ...value] = text.trim().split(/\s+/);
  return { hash: hash.toLowerCase(), value: value.join(' ').toUpperCase() };
}

/** As it stands after `a=fingerprint:`. */
export function formatFingerprint({ hash, value }: Fingerprint): string {
  return `${hash} ${value}`;
}

/** Of our certificate, PEM; of the first when a chain follows it. @throws what Node says of a certificate it cannot read */
export function ownFingerprint(pem: string): Fingerprint {
  return { hash: OWN, value: fingerprintValue(new X509Certificate(pem).raw, 'sha256') };
}

/**
 * Whether a certificate (DER) is one of those that were named.
 *
 * RFC 8122 §5.1, §6.2: of several hash functions the strongest that both know counts, and one match among its values suffices.
 * When we know none of them, or no certificate was shown, nothing vouches for the peer.
 */
export function matchesFingerprint(certificate: Buffer | undefined, named: readonly Fingerprint[]): boolean {
  if (certificate === undefined) return false;
  const known = new Set(getHashes());
  for (const [name, digest] of FUNCTIONS) {
    const values = named.filter(({ hash }) => hash === name).map(({ value }) => value);
    if (values.length > 0 && known.has(digest)) return values.includes(fingerprintValue(certificate, digest));
  }
  return false;
}

function fingerprintValue(certificate: Buffer, digest: string): string {
  const hex = createHash(digest).update(certificate).digest('hex').toUpperCase();
  return (hex.match(/../g) ?? []).join(':');
}
