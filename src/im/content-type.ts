import { IM_LIMITS } from './limits.ts';

/** A MIME type (RFC 2045 §5.1). */
export interface ContentType {
  /** `type/subtype` in lower case. */
  readonly mime: string;
  /** By name in lower case; values as they came, quotes undone. */
  readonly parameters: ReadonlyMap<string, string>;
}

/*
 * RFC 2045 §5.1: type "/" subtype *( ";" attribute "=" value ); a value is a token or a quoted string, in which a backslash
 * takes the next character as it is (RFC 2822 §3.2.2).
 */
const TOKEN = "[!#$%&'*+\\-.^_`{|}~0-9A-Za-z]+";
const MIME = new RegExp(`^\\s*(${TOKEN})\\s*/\\s*(${TOKEN})\\s*(?=;|$)`);
const PARAMETER = new RegExp(`\\s*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"?|([^;]*))`, 'y');

/** Reads a MIME type; undefined when there is no `type/subtype`. Parameters that cannot be read are left out. */
export function parseContentType(text: string): ContentType | undefined {
  if (text.length > IM_LIMITS.contentType) return undefined;
  const match = MIME.exec(text);
  const [whole, type, subtype] = match ?? [];
  if (whole === undefined || type === undefined || subtype === undefined) return undefined;
  const parameters = new Map<string, string>();
  let at = text.indexOf(';', whole.length);
  while (at !== -1) {
    PARAMETER.lastIndex = at + 1;
    const found = PARAMETER.exec(text);
    if (found !== null) {
      const name = (found[1] ?? '').toLowerCase();
      const value = found[2]?.replace(/\\(.)/gs, '$1') ?? (found[3] ?? '').trim();
      // A name given twice keeps its first value, as browsers do.
      if (!parameters.has(name)) parameters.set(name, value);
      at = text.indexOf(';', PARAMETER.lastIndex);
    } else {
      at = text.indexOf(';', at + 1);
    }
  }
  return { mime: `${type}/${subtype}`.toLowerCase(), parameters };
}

const IS_TOKEN = new RegExp(`^${TOKEN}$`);

/** Writes a MIME type; a value that is no token is quoted, and control characters are left out. */
export function formatContentType({ mime, parameters }: ContentType): string {
  const written = [...parameters].map(([name, value]) => {
    if (IS_TOKEN.test(value)) return `; ${name}=${value}`;
    return `; ${name}="${value.replace(/\p{Cc}/gu, '').replace(/["\\]/g, '\\$&')}"`;
  });
  return mime + written.join('');
}
