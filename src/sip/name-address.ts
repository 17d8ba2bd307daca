import { SIP_LIMITS } from './limits.ts';

/** A name-addr or addr-spec of a header (RFC 3261 §20.10) with what follows it. */
export interface NameAddress {
  /** Without quotes and escapes; '' when there is none. */
  readonly displayName: string;
  readonly uri: string;
  /** Header parameters, as they stand. */
  readonly parameters: string;
}

/** Takes a header value apart at the commas outside quotes and angle brackets (RFC 3261 §7.3.1). */
export function splitHeaderList(value: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  let bracketed = false;
  for (let i = 0; i < value.length; i++) {
    const character = value[i];
    if (quoted) {
      if (character === '\\') i++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '<') bracketed = true;
    else if (character === '>') bracketed = false;
    else if (character === ',' && !bracketed) {
      parts.push(value.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(value.slice(start));
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/*
 * RFC 3261 §25.1:  name-addr = [ display-name ] LAQUOT addr-spec RAQUOT, display-name = *(token LWS) / quoted-string.
 * §20: without brackets, what follows a semicolon belongs to the header, not to the URI.
 */
const QUOTED = /^\s*"((?:[^"\\]|\\.)*)"\s*<([^<>]*)>(.*)$/s;
const BRACKETED = /^([^"<]*)<([^<>]*)>(.*)$/s;

/** Reads one name-addr or addr-spec; undefined when it is neither. */
export function parseNameAddress(value: string): NameAddress | undefined {
  const quoted = QUOTED.exec(value);
  if (quoted?.[2] !== undefined) {
    const displayName = (quoted[1] ?? '').replace(/\\(.)/gs, '$1');
    return { displayName, uri: quoted[2].trim(), parameters: quoted[3] ?? '' };
  }
  const bracketed = BRACKETED.exec(value);
  if (bracketed?.[2] !== undefined) {
    return {
      displayName: (bracketed[1] ?? '').trim(),
      uri: bracketed[2].trim(),
      parameters: bracketed[3] ?? '',
    };
  }
  const bare = value.trim();
  const semicolon = bare.indexOf(';');
  const uri = semicolon === -1 ? bare : bare.slice(0, semicolon);
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(uri)) return undefined;
  return { displayName: '', uri, parameters: semicolon === -1 ? '' : bare.slice(semicolon) };
}

/** `"Bob" <sip:bob@example.com>`, safe to put into a header whatever the two hold. */
export function formatNameAddress({ displayName, uri }: Omit<NameAddress, 'parameters'>): string {
  const address = `<${headerSafe(uri, SIP_LIMITS.headerValue).replace(/[<>\s"]/g, '')}>`;
  const name = headerSafe(displayName, SIP_LIMITS.displayName).replace(/[\\"]/g, '\\$&');
  return name === '' ? address : `"${name}" ${address}`;
}

/** A header value that cannot end its line: every control character becomes a space. */
export function headerSafe(value: string, limit: number): string {
  // eslint forbids control characters in a pattern, so they are told by their code.
  return Array.from(value.slice(0, limit), (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x20 || code === 0x7f ? ' ' : character;
  }).join('');
}
