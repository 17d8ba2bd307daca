/** What a certificate is told by (RFC 8122 §5): a hash function, lower case as in `sha-256`, and its value as `AB:CD:…`, upper case. */
export interface Fingerprint {
  readonly hash: string;
  readonly value: string;
}
