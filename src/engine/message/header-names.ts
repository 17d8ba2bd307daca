/** RFC 3261 §7.3.3 and later registrations: compact forms. */
const COMPACT: Readonly<Record<string, string>> = {
  a: 'Accept-Contact',
  b: 'Referred-By',
  c: 'Content-Type',
  d: 'Request-Disposition',
  e: 'Content-Encoding',
  f: 'From',
  i: 'Call-ID',
  j: 'Reject-Contact',
  k: 'Supported',
  l: 'Content-Length',
  m: 'Contact',
  o: 'Event',
  r: 'Refer-To',
  s: 'Subject',
  t: 'To',
  u: 'Allow-Events',
  v: 'Via',
  x: 'Session-Expires',
  y: 'Identity',
};

/** Names that are not written with a capital after each hyphen alone. */
const CANONICAL = new Map<string, string>(
  ['Call-ID', 'CSeq', 'SIP-ETag', 'SIP-If-Match', 'WWW-Authenticate', 'MIME-Version', 'RAck', 'RSeq'].map(
    (name) => [name.toLowerCase(), name],
  ),
);

const known = new Map<string, string>();
/** Spellings remembered; a peer that invents names must not grow the memory without end. */
const KNOWN_NAMES = 1024;

/** The canonical spelling of a header name: compact forms written out, capitals as the RFCs have them. */
export function canonicalName(name: string): string {
  const remembered = known.get(name);
  if (remembered !== undefined) return remembered;
  const lower = name.toLowerCase();
  const canonical =
    COMPACT[lower] ??
    CANONICAL.get(lower) ??
    lower.replace(/(^|-)([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
  if (known.size < KNOWN_NAMES) known.set(name, canonical);
  return canonical;
}

/** RFC 3261 §7.3.1: headers whose grammar is a list, so that commas part their values. */
export const LIST_HEADERS: ReadonlySet<string> = new Set([
  'Accept',
  'Accept-Encoding',
  'Accept-Language',
  'Alert-Info',
  'Allow',
  'Allow-Events',
  'Contact',
  'Content-Encoding',
  'Content-Language',
  'Diversion',
  'Error-Info',
  'History-Info',
  'In-Reply-To',
  'P-Asserted-Identity',
  'P-Preferred-Identity',
  'Path',
  'Proxy-Require',
  'Record-Route',
  'Require',
  'Route',
  'Service-Route',
  'Supported',
  'Unsupported',
  'Via',
  'Warning',
]);
