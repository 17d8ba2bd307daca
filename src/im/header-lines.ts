import { trimBlanks } from './blanks.ts';
import { IM_LIMITS } from './limits.ts';

/** A header line: its name, and all that follows the colon, but for blanks at the end. */
export interface HeaderLine {
  readonly name: string;
  readonly rest: string;
}

/**
 * Header lines off the front of a message/cpim. Lines end with CRLF or, as some clients write them, with LF alone; a line that
 * begins with a blank goes on the one before (RFC 2045 folds MIME headers so; RFC 3862 §2.2 knows no folding, some clients do).
 */
export class HeaderLines {
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
  block(): HeaderLine[] | null {
    const headers: { name: string; rest: string }[] = [];
    for (let line = this.#peek(); line !== null; line = this.#peek()) {
      this.position = line.next;
      if (line.text === '') break;
      const last = headers.at(-1);
      if (/^[ \t]/.test(line.text) && last !== undefined) {
        last.rest = `${last.rest} ${trimBlanks(line.text)}`;
        continue;
      }
      const header = readLine(line.text);
      if (header === null) return null;
      headers.push(header);
    }
    return headers;
  }

  /** The next line without its end; null at the end of the bytes. Where headers have grown too long it is no header. */
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

/** `name: rest`; blanks before the colon mean nothing. */
function readLine(line: string): { name: string; rest: string } | null {
  const colon = line.indexOf(':');
  if (colon === -1) return null;
  const name = trimBlanks(line.slice(0, colon));
  if (name === '' || /\s/.test(name) || /^\s/.test(line)) return null;
  const rest = line.slice(colon + 1);
  return { name, rest };
}
