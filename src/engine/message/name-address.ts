import { MailboxError } from '../../core/errors.ts';
import { formatParams, parseParams } from './uri.ts';

/** RFC 3261 §20.10: name-addr or addr-spec with the parameters of its header. */
export interface NameAddress {
  /** Without quotes and escapes; '' when there is none. */
  readonly displayName: string;
  readonly uri: string;
  /** Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
}

/** A header value that names nobody. */
export class MalformedNameAddress extends MailboxError {
  constructor(text: string) {
    super('MALFORMED_NAME_ADDRESS', `not a name-addr: ${JSON.stringify(text.slice(0, 200))}`);
  }
}

const QUOTED = /^\s*"((?:[^"\\]|\\.)*)"\s*<([^<>]*)>(.*)$/s;
const BRACKETED = /^([^"<]*)<([^<>]*)>(.*)$/s;
/** §20: without brackets a semicolon begins the header's parameters, and the URI holds no comma and no question mark. */
const BARE = /^\s*([A-Za-z][A-Za-z0-9+.-]*:[^\s;,?<>"]+)\s*(;.*)?$/s;

/** @throws MalformedNameAddress */
export function parseNameAddress(text: string): NameAddress {
  const quoted = QUOTED.exec(text);
  if (quoted !== null) {
    return read((quoted[1] ?? '').replace(/\\(.)/gs, '$1'), quoted[2], quoted[3]);
  }
  const bracketed = BRACKETED.exec(text);
  if (bracketed !== null) return read((bracketed[1] ?? '').trim(), bracketed[2], bracketed[3]);
  const bare = BARE.exec(text);
  if (bare === null) throw new MalformedNameAddress(text);
  return read('', bare[1], bare[2]);
}

function read(displayName: string, uri = '', params = ''): NameAddress {
  return { displayName, uri: uri.trim(), params: parseParams(params) };
}

/** Writes one; a display name is quoted and its quotes and backslashes escaped (RFC 3261 §25.1). */
export function formatNameAddress({ displayName, uri, params }: NameAddress): string {
  const name = displayName === '' ? '' : `"${displayName.replace(/["\\]/g, '\\$&')}" `;
  return `${name}<${uri}>${formatParams(params)}`;
}
