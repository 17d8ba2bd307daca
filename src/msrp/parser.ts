import { MalformedMsrp } from './errors.ts';
import type { ContinuationFlag, ParserEvent } from './frame.ts';

/*
 * RFC 4975 §9:
 *   msrp-request  = req-start headers [content-stuff] end-line
 *   req-start     = "MSRP" SP transact-id SP method CRLF
 *   msrp-response = "MSRP" SP transact-id SP status-code [SP comment] CRLF headers end-line
 *   content-stuff = *(Other-Mime-header CRLF) CRLF data CRLF
 *   end-line      = "-------" transact-id continuation-flag CRLF       flag = "+" / "$" / "#"
 *   ident         = ALPHANUM 3*31ident-char, ident-char = ALPHANUM / "." / "-" / "+" / "%" / "="
 */
const START_LINE = /^MSRP ([A-Za-z0-9][A-Za-z0-9.\-+%=]{3,}) (?:([A-Z][A-Za-z0-9_]*)|(\d{3})(?: (.*))?)$/;
const DASHES = '-------';
const CR = 0x0d;
const LF = 0x0a;

type State =
  | { readonly kind: 'start' }
  | { readonly kind: 'head'; readonly start: RegExpExecArray; readonly headers: Map<string, string> }
  | { readonly kind: 'body'; readonly marker: Buffer };

/**
 * Reads a connection: bytes in, events out, no I/O. A body passes through in pieces as it comes; what is kept back is never
 * more than a head or the length of an end-line.
 */
export class MsrpParser {
  readonly #maxHead: number;
  readonly #maxTransactId: number;
  #buffer: Buffer = Buffer.alloc(0);
  #state: State = { kind: 'start' };
  /** Bytes of start line and headers read so far. */
  #headBytes = 0;
  /** Whether some of the present body was passed on already. */
  #bodyBegan = false;

  constructor(limits: { readonly head: number; readonly transactId: number }) {
    this.#maxHead = limits.head;
    this.#maxTransactId = limits.transactId;
  }

  /** @throws MalformedMsrp; the stream cannot be read on then */
  push(chunk: Buffer): ParserEvent[] {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const events: ParserEvent[] = [];
    while (this.#state.kind === 'body' ? this.#readBody(this.#state.marker, events) : this.#readLine(events));
    return events;
  }

  /** Reads one line of a head; false when more bytes are needed. */
  #readLine(events: ParserEvent[]): boolean {
    const end = this.#buffer.indexOf('\r\n', 0, 'latin1');
    const size = end === -1 ? this.#buffer.length : end + 2;
    if (this.#headBytes + size > this.#maxHead) throw new MalformedMsrp('the head is too long');
    if (end === -1) return false;
    const line = this.#buffer.toString('utf8', 0, end);
    if (this.#state.kind === 'start') {
      this.#consume(end + 2);
      this.#headBytes = end + 2;
      this.#startLine(line);
      return true;
    }
    if (this.#state.kind !== 'head') return true;
    return this.#headLine(this.#state, line, end, events);
  }

  #startLine(line: string): void {
    // Blank lines between messages are no part of the grammar, and do no harm.
    if (line === '') return;
    const start = START_LINE.exec(line);
    if (start === null || (start[1] ?? '').length > this.#maxTransactId) {
      throw new MalformedMsrp(`not a start line: ${JSON.stringify(line.slice(0, 80))}`);
    }
    this.#state = { kind: 'head', start, headers: new Map() };
  }

  #headLine(
    state: Extract<State, { kind: 'head' }>,
    line: string,
    end: number,
    events: ParserEvent[],
  ): boolean {
    const transactId = state.start[1] ?? '';
    if (line === '') {
      if (state.start[2] === undefined) throw new MalformedMsrp('a response has no body');
      // The line end of the blank line stays: an end-line that follows at once ends an empty body.
      events.push(headEvent(state));
      this.#state = { kind: 'body', marker: Buffer.from(`\r\n${DASHES}${transactId}`, 'latin1') };
      return true;
    }
    this.#consume(end + 2);
    this.#headBytes += end + 2;
    const flag = endLineFlag(line, transactId);
    if (flag !== undefined) {
      events.push(headEvent(state));
      if (state.start[2] !== undefined) events.push({ kind: 'end', flag });
      this.#state = { kind: 'start' };
      return true;
    }
    const colon = line.indexOf(':');
    if (colon < 1) throw new MalformedMsrp(`not a header: ${JSON.stringify(line.slice(0, 80))}`);
    const name = line.slice(0, colon).trim().toLowerCase();
    if (!state.headers.has(name)) state.headers.set(name, line.slice(colon + 1).trim());
    return true;
  }

  /** Passes the body on up to what may be the beginning of its end-line; false when more bytes are needed. */
  #readBody(marker: Buffer, events: ParserEvent[]): boolean {
    // Until the body's first byte was passed on, the buffer begins with the line end of the blank line.
    const skip = this.#bodyBegan ? 0 : 2;
    for (let from = 0; ;) {
      const found = this.#buffer.indexOf(marker, from);
      if (found === -1) {
        this.#passOn(skip, keptFrom(this.#buffer, marker), events);
        return false;
      }
      const after = found + marker.length;
      const flag = this.#buffer[after];
      const [cr, lf] = [this.#buffer[after + 1], this.#buffer[after + 2]];
      const looksRight =
        (flag === undefined || isFlag(flag)) &&
        (cr === undefined || cr === CR) &&
        (lf === undefined || lf === LF);
      if (!looksRight) {
        // A line of the body that only begins like an end-line.
        from = found + 1;
        continue;
      }
      if (lf === undefined || flag === undefined) {
        this.#passOn(skip, found, events);
        return false;
      }
      this.#passOn(skip, found, events);
      events.push({ kind: 'end', flag: String.fromCharCode(flag) as ContinuationFlag });
      this.#consume(this.#buffer.indexOf(marker) + marker.length + 3);
      this.#state = { kind: 'start' };
      this.#bodyBegan = false;
      return true;
    }
  }

  /** Hands out the bytes before `end`, the first `skip` of which are not the body's. */
  #passOn(skip: number, end: number, events: ParserEvent[]): void {
    if (end <= skip) return;
    events.push({ kind: 'body', bytes: this.#buffer.subarray(skip, end) });
    this.#consume(end);
    this.#bodyBegan = true;
  }

  #consume(length: number): void {
    this.#buffer = this.#buffer.subarray(length);
  }
}

function headEvent({ start, headers }: Extract<State, { kind: 'head' }>): ParserEvent {
  const [, transactId = '', method, status, comment = ''] = start;
  return method === undefined
    ? { kind: 'response', response: { transactId, status: Number(status), comment, headers } }
    : { kind: 'request', head: { transactId, method, headers } };
}

function endLineFlag(line: string, transactId: string): ContinuationFlag | undefined {
  if (!line.startsWith(DASHES) || line.length !== DASHES.length + transactId.length + 1) return undefined;
  if (!line.startsWith(transactId, DASHES.length)) return undefined;
  const flag = line.slice(-1);
  return flag === '$' || flag === '+' || flag === '#' ? flag : undefined;
}

function isFlag(byte: number): boolean {
  return byte === 0x24 || byte === 0x2b || byte === 0x23;
}

/** Where the longest tail of `bytes` begins that may turn out to be the beginning of the marker. */
function keptFrom(bytes: Buffer, marker: Buffer): number {
  for (let start = Math.max(0, bytes.length - marker.length + 1); start < bytes.length; start++) {
    if (bytes[start] !== CR) continue;
    if (marker.subarray(0, bytes.length - start).equals(bytes.subarray(start))) return start;
  }
  return bytes.length;
}
