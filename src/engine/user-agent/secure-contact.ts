/**
 * RFC 3261 §8.1.1.8, §12.1.1: where one end of a dialog is addressed by `sips`, the other is too, so that nothing in it goes
 * in the clear. Over TLS a `sip` URI leads to us as well, and is what everybody else understands.
 * @param contact ours, on the way the message takes
 * @param addressed the URIs or values that decide, such as the Request-URI
 */
export function secureContact(contact: string, ...addressed: readonly (string | undefined)[]): string {
  const isSips = addressed.some((value) => value !== undefined && SIPS.test(value));
  return isSips ? contact.replace(OVER_TLS, '<sips:$1>') : contact;
}

/** A URI, or a name-addr with one. */
const SIPS = /(?:^|<)sips:/i;
const OVER_TLS = /^<sip:([^;>]+);transport=tls>$/;
