/** A header name with an escape, as `unescape` of JavaScript reads them; a folded line begins with a blank. */
const DISGUISED = /^[^\s:]*%(?:u[\dA-F]{4}|[\dA-F]{2})[^\s:]*[\t ]*:/im;

/**
 * Whether a message has header names with escapes, which SIP does not know (RFC 3261 §25.1). Threat: drachtio-srf resolves
 * them. `%50-Asserted-Identity` passes every proxy that takes P-Asserted-Identity out, and `%46rom` one that has asked for the
 * password of who stands in From; here each would count as what it seems.
 * @param raw as it came; undefined where that is not known
 */
export function hasDisguisedHeaders(raw: string | undefined): boolean {
  if (raw?.includes('%') !== true) return false;
  const end = raw.indexOf('\r\n\r\n');
  return DISGUISED.test(end < 0 ? raw : raw.slice(0, end));
}
