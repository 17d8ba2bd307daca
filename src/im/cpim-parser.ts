import type { CpimAddress, CpimHeader, CpimMessage } from './cpim.ts';
import { MalformedCpim } from './cpim.ts';
import { IM_LIMITS } from './limits.ts';

/*
 * RFC 3862 §2: message headers, an empty line, MIME headers, an empty line, content. Lines end with CRLF; clients send a
 * bare LF in the MIME part or everywhere, and some an empty line more between the parts, so every line is read by itself.
 * RFC 3862 §2.2 knows no folding, RFC 2045 does for MIME headers: a line that begins with a blank goes on the one before.
 */

/** Reads a message. @throws MalformedCpim */
export function parseCpim(bytes: Buffer): CpimMessage {
  const lines = new HeaderLines(bytes);
  lines.skipEmpty();
  const outer = lines.block();
  if (outer === null || outer.length === 0) throw new MalformedCpim('it has no message headers');
  const declared = outer.some(isContentType);
  const inner = readMimeHeaders(lines, declared);
  // Some clients put the MIME headers right after the message headers, with no empty line between.
  const mimeHeaders = [...outer.filter(isMime), ...inner];
  const headers = outer.filter((header) => !isMime(header));
  if (headers.length + mimeHeaders.length > IM_LIMITS.cpimHeaders) {
    throw new MalformedCpim(`more than ${IM_LIMITS.cpimHeaders} headers`);
  }
  return {
    ...readMessageHeaders(headers),
    contentType: nonEmpty(mimeHeaders.find(isContentType)?.value) ?? 'text/plain',
    mimeHeaders: mimeHeaders.filter((header) => !isContentType(header)),
    content: lines.rest(),
  };
}

/** What stands between the message headers and the content; nothing when the client wrote no MIME headers. */
function readMimeHeaders(lines: HeaderLines, declared: boolean): CpimHeader[] {
  const start = lines.position;
  lines.skipEmpty();
  const inner = lines.block();
  if (inner?.some(isMime) === true) return inner;
  lines.position = start;
  // MIME headers may be none at all: then the empty line that ends them is the first one left.
  if (!declared) lines.skipOneEmpty();
  return [];
}

function isMime({ name }: CpimHeader): boolean {
  return /^(content-|mime-version$)/i.test(name);
}

function isContentType({ name }: CpimHeader): boolean {
  return name.toLowerCase() === 'content-type';
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Header lines off the front of a message. */
class HeaderLines {
  readonly #bytes: Buffer;
  position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  rest(): Buffer {
    return this.#bytes.subarray(this.position);
  }

  skipEmpty(): void {
    while (this.skipOneEmpty());
  }

  skipOneEmpty(): boolean {
    const line = this.#peek();
    if (line?.text !== '' || line.next === this.position) return false;
    this.position = line.next;
    return true;
  }

  /** Headers up to and with the empty line that ends them, or up to the end; null at a line that is no header. */
  block(): CpimHeader[] | null {
    const headers: { name: string; value: string }[] = [];
    for (let line = this.#peek(); line !== null; line = this.#peek()) {
      this.position = line.next;
      if (line.text === '') break;
      const last = headers.at(-1);
      if (/^[ \t]/.test(line.text) && last !== undefined) {
        last.value = `${last.value} ${line.text.trim()}`.trim();
        continue;
      }
      const header = /^([^\s:]+)[ \t]*:(.*)$/su.exec(line.text);
      if (header === null) return null;
      headers.push({ name: header[1] ?? '', value: (header[2] ?? '').trim() });
    }
    return headers;
  }

  /** The next line without its end; null at the end of the bytes, or where headers have grown too long. */
  #peek(): { text: string; next: number } | null {
    if (this.position >= this.#bytes.length) return null;
    const limit = IM_LIMITS.cpimHeaderBytes;
    const end = this.#bytes.subarray(0, limit).indexOf(0x0a, this.position);
    if (end === -1 && this.#bytes.length > limit) return { text: '\0', next: this.position };
    const next = end === -1 ? this.#bytes.length : end + 1;
    const stop = end === -1 ? next : end;
    const text = this.#bytes.subarray(this.position, stop).toString('utf8').replace(/\r$/, '');
    return { text, next };
  }
}

type MessageHeaders = Omit<CpimMessage, 'contentType' | 'mimeHeaders' | 'content'>;

function readMessageHeaders(headers: readonly CpimHeader[]): MessageHeaders {
  const values = (name: string): string[] =>
    headers.filter((header) => header.name.toLowerCase() === name).map(({ value }) => value);
  const known = new Set(['from', 'to', 'cc', 'datetime', 'subject', 'ns', 'require']);
  return {
    from: values('from').map(readAddress)[0] ?? null,
    to: values('to').map(readAddress),
    cc: values('cc').map(readAddress),
    dateTime: readDateTime(values('datetime')[0]),
    subject: values('subject').map(readText)[0] ?? null,
    namespaces: new Map(values('ns').map(readNamespace)),
    require: values('require').flatMap((value) => value.split(',').map((name) => name.trim())),
    headers: headers.filter(({ name }) => !known.has(name.toLowerCase())),
  };
}

/** §3.3: parameters, of which only `lang` is known, stand between the colon and the value. */
function readText(value: string): string {
  return unescape(value.replace(/^(;[^\s=;]+=("[^"]*"|[^\s";]*))+(\s+|$)/u, ''));
}

/** §2.3: `\"`, `\'`, `\\`, `\b`, `\t`, `\n`, `\r` and `\uXXXX`. */
function unescape(value: string): string {
  return value.replace(/\\(?:u([0-9A-Fa-f]{4})|(.))/gsu, (_, hex?: string, single = '') => {
    if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
    return ESCAPES.get(String(single)) ?? String(single);
  });
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['b', '\b'],
  ['t', '\t'],
  ['n', '\n'],
  ['r', '\r'],
]);

/** §4.1: [ formal-name ] "<" URI ">"; a name may lack its quotes and an address its brackets. */
function readAddress(value: string): CpimAddress {
  const open = value.lastIndexOf('<');
  if (open === -1) return { displayName: '', uri: value.trim() };
  const close = value.indexOf('>', open);
  const uri = value.slice(open + 1, close === -1 ? undefined : close).trim();
  const name = value.slice(0, open).trim();
  const quoted = /^"(.*)"$/su.exec(name)?.[1];
  return { displayName: unescape(quoted ?? name), uri };
}

/** RFC 3339 §5.6; a time without its zone is taken for UTC. */
function readDateTime(value = ''): number | null {
  const match = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)[ ]*([Zz]|[+-]\d\d:?\d\d)?$/.exec(
    value,
  );
  if (match === null) return null;
  const [, date = '', time = '', zone = 'Z'] = match;
  const offset = zone.toUpperCase().replace(/^([+-]\d\d):?(\d\d)$/, '$1:$2');
  const at = Date.parse(`${date}T${time.replace(',', '.')}${offset}`);
  return Number.isNaN(at) ? null : at;
}

/** §4.6: [ prefix ] "<" URI ">" */
function readNamespace(value: string): [string, string] {
  const match = /^([^<\s]*)\s*<?([^>]*)>?$/u.exec(value);
  return [match?.[1] ?? '', (match?.[2] ?? '').trim()];
}
