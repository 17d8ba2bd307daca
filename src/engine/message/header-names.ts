import { MESSAGE_LIMITS } from './limits.ts';

/** RFC 3261 §7.3.3 and later registrations: compact forms. */
const COMPACT: readonly (readonly [compact: string, name: string])[] = [
  ['a', 'Accept-Contact'],
  ['b', 'Referred-By'],
  ['c', 'Content-Type'],
  ['d', 'Request-Disposition'],
  ['e', 'Content-Encoding'],
  ['f', 'From'],
  ['i', 'Call-ID'],
  ['j', 'Reject-Contact'],
  ['k', 'Supported'],
  ['l', 'Content-Length'],
  ['m', 'Contact'],
  ['n', 'Identity-Info'],
  ['o', 'Event'],
  ['r', 'Refer-To'],
  ['s', 'Subject'],
  ['t', 'To'],
  ['u', 'Allow-Events'],
  ['v', 'Via'],
  ['x', 'Session-Expires'],
  ['y', 'Identity'],
];

/** Names that are not written with a capital after each hyphen alone. */
const IRREGULAR: readonly string[] = [
  'Call-ID',
  'Content-ID',
  'CSeq',
  'Min-SE',
  'MIME-Version',
  'P-Associated-URI',
  'P-Visited-Network-ID',
  'RAck',
  'RSeq',
  'Session-ID',
  'SIP-ETag',
  'SIP-If-Match',
  'WWW-Authenticate',
];

const SPECIAL = new Map<string, string>([
  ...COMPACT,
  ...IRREGULAR.map((name): [string, string] => [name.toLowerCase(), name]),
]);

/** Spellings met before. A peer that invents names must not grow the memory without end. */
const known = new Map<string, string>();

/** The canonical spelling of a header name: compact forms written out, capitals as the RFCs have them. */
export function canonicalName(name: string): string {
  const remembered = known.get(name);
  if (remembered !== undefined) return remembered;
  const lower = name.toLowerCase();
  const canonical =
    SPECIAL.get(lower) ??
    lower.replace(/(^|-)([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
  if (name.length <= MESSAGE_LIMITS.knownNameLength) {
    if (known.size >= MESSAGE_LIMITS.knownNames) known.clear();
    known.set(name, canonical);
  }
  return canonical;
}

/** RFC 3261 §7.3.1: headers whose grammar is a list, so that commas part their values. */
export const LIST_HEADERS: ReadonlySet<string> = new Set([
  'Accept',
  'Accept-Contact',
  'Accept-Encoding',
  'Accept-Language',
  'Accept-Resource-Priority',
  'Alert-Info',
  'Allow',
  'Allow-Events',
  'Call-Info',
  'Contact',
  'Content-Encoding',
  'Content-Language',
  'Diversion',
  'Error-Info',
  'History-Info',
  'In-Reply-To',
  'P-Asserted-Identity',
  'P-Associated-URI',
  'P-Preferred-Identity',
  'Path',
  'Proxy-Require',
  'Reason',
  'Record-Route',
  'Reject-Contact',
  'Request-Disposition',
  'Require',
  'Resource-Priority',
  'Route',
  'Service-Route',
  'Supported',
  'Unsupported',
  'Via',
  'Warning',
]);
