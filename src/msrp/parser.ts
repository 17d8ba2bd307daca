import { MalformedMsrp } from './errors.ts';
import type { ContinuationFlag, ParserEvent, RequestHead } from './frame.ts';
import type { MsrpLimits } from './limits.ts';

/*
 * RFC 4975 §9:
 *   msrp-request  = req-start headers [content-stuff] end-line
 *   req-start     = "MSRP" SP transact-id SP method CRLF
 *   msrp-response = "MSRP" SP transact-id SP status-code [SP comment] CRLF headers end-line
 *   content-stuff = *(Other-Mime-header CRLF) CRLF data CRLF
 *   end-line      = "-------" transact-id continuation-flag CRLF       flag = "+" / "$" / "#"
 *   ident         = ALPHANUM 3*31ident-char, ident-char = ALPHANUM / "." / "-" / "+" / "%" / "="
 *   hname         = ALPHA *token
 */
const PROTOCOL = 'MSRP ';
const START_LINE = /^MSRP ([A-Za-z0-9][A-Za-z0-9.\-+%=]{3,}) (?:([A-Z][A-Za-z0-9_]*)|(\d{3})(?: (.*))?)$/;
const HEADER = /^([A-Za-z][A-Za-z0-9\-!#$%&'*+.^_`|~]*)[ \t]*:(.*)$/;
const DASHES = '-------';
const CRLF = '\r\n';
const [CR, LF] = [0x0d, 0x0a];

interface Start {
  readonly transactId: string;
  /** Undefined in a response. */
  readonly method: string | undefined;
  readonly status: number;
  readonly comment: string;
}

interface Head {
  readonly kind: 'head';
  readonly start: Start;
  readonly headers: Map<string, string>;
  /** Bytes of start line and headers so far. */
  size: number;
  fault: string | undefined;
}

interface Body {
  readonly kind: 'body';
  /** The end-line up to its flag, and the line end before it. */
  readonly marker: Buffer;
  /** A response has no body; one that comes all the same is passed over. */
  readonly wanted: boolean;
  /** Bytes at the front of the buffer that belong to the blank line before the body. */
  skip: number;
}

type State = { readonly kind: 'start' } | Head | Body | { readonly kind: 'broken' };

/**
 * Reads a connection: bytes in, events out, no I/O. A body passes through in pieces as it comes; what is kept back is never
 * more than a head or the length of an end-line.
 */
export class MsrpParser {
  readonly #limits: Pick<MsrpLimits, 'startLine' | 'head' | 'transactId'>;
  #buffer: Buffer = Buffer.alloc(0);
  #state: State = { kind: 'start' };

  constructor(limits: Pick<MsrpLimits, 'startLine' | 'head' | 'transactId'>) {
    this.#limits = limits;
  }

  /** What the bytes bring to an end. After an event `malformed` nothing more is read. */
  push(chunk: Buffer): ParserEvent[] {
    const events: ParserEvent[] = [];
    if (this.#state.kind === 'broken') return events;
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    while (this.#step(events));
    return events;
  }

  /** Goes on by one line or piece of a body; false when more bytes are needed. */
  #step(events: ParserEvent[]): boolean {
    switch (this.#state.kind) {
      case 'start':
        return this.#readStartLine(events);
      case 'head':
        return this.#readHeadLine(this.#state, events);
      case 'body':
        return this.#readBody(this.#state, events);
      case 'broken':
        return false;
    }
  }

  #readStartLine(events: ParserEvent[]): boolean {
    const end = this.#buffer.indexOf(CRLF, 0, 'latin1');
    if (end === 0) {
      // Blank lines between messages are no part of the grammar, and do no harm.
      this.#consume(CRLF.length);
      return true;
    }
    const begun = this.#buffer.toString('latin1', 0, PROTOCOL.length);
    const size = end === -1 ? this.#buffer.length : end;
    if (!PROTOCOL.startsWith(begun) && begun !== '\r') return this.#break('this is not MSRP', events);
    if (size > this.#limits.startLine) return this.#break('the start line is too long', events);
    if (end === -1) return false;
    const line = this.#buffer.toString('utf8', 0, end);
    const [, transactId = '', method, status, comment = ''] = START_LINE.exec(line) ?? [];
    if (transactId === '' || transactId.length > this.#limits.transactId) {
      return this.#break(`not a start line: ${JSON.stringify(line.slice(0, 80))}`, events);
    }
    this.#consume(end + CRLF.length);
    const start = { transactId, method, status: Number(status), comment };
    this.#state = { kind: 'head', start, headers: new Map(), size: end + CRLF.length, fault: undefined };
    return true;
  }

  #readHeadLine(head: Head, events: ParserEvent[]): boolean {
    const end = this.#buffer.indexOf(CRLF, 0, 'latin1');
    const size = end === -1 ? this.#buffer.length : end + CRLF.length;
    if (head.size + size > this.#limits.head) return this.#break('the head is too long', events);
    if (end === -1) return false;
    const line = this.#buffer.toString('utf8', 0, end);
    if (line === '') {
      this.#beginBody(head, events);
      return true;
    }
    this.#consume(size);
    head.size += size;
    const flag = endLineFlag(line, head.start.transactId);
    if (flag === undefined) {
      takeHeader(head, line);
      return true;
    }
    events.push(headEvent(head));
    if (head.start.method !== undefined) events.push({ kind: 'end', flag });
    this.#state = { kind: 'start' };
    return true;
  }

  #beginBody(head: Head, events: ParserEvent[]): void {
    const { transactId, method } = head.start;
    events.push(headEvent(head));
    // The line end of the blank line stays: an end-line that follows it at once ends an empty body.
    this.#state = {
      kind: 'body',
      marker: Buffer.from(`${CRLF}${DASHES}${transactId}`, 'latin1'),
      wanted: method !== undefined,
      skip: CRLF.length,
    };
  }

  /** Passes the body on up to what may be the beginning of its end-line. */
  #readBody(body: Body, events: ParserEvent[]): boolean {
    for (let from = 0; ;) {
      const found = this.#buffer.indexOf(body.marker, from);
      if (found === -1) {
        this.#passOn(body, tailThatMayBegin(body.marker, this.#buffer), events);
        return false;
      }
      const flag = flagAt(this.#buffer, found + body.marker.length);
      if (flag === 'no flag') {
        // A line of the body that only begins like the end-line.
        from = found + 1;
        continue;
      }
      this.#passOn(body, found, events);
      if (flag === 'unfinished') return false;
      if (body.wanted) events.push({ kind: 'end', flag });
      this.#consume(body.marker.length + flag.length + CRLF.length);
      this.#state = { kind: 'start' };
      return true;
    }
  }

  /** Hands out the bytes before `end`. */
  #passOn(body: Body, end: number, events: ParserEvent[]): void {
    if (end > body.skip && body.wanted) {
      events.push({ kind: 'body', bytes: this.#buffer.subarray(body.skip, end) });
    }
    body.skip = Math.max(0, body.skip - end);
    this.#consume(end);
  }

  #consume(length: number): void {
    this.#buffer = this.#buffer.subarray(length);
  }

  #break(what: string, events: ParserEvent[]): false {
    const error = new MalformedMsrp(what);
    const state = this.#state;
    const head = state.kind === 'head' && state.start.method !== undefined ? requestHead(state) : undefined;
    events.push({ kind: 'malformed', error, ...(head === undefined ? {} : { head }) });
    this.#state = { kind: 'broken' };
    this.#buffer = Buffer.alloc(0);
    return false;
  }
}

function takeHeader(head: Head, line: string): void {
  const [, name, value = ''] = HEADER.exec(line) ?? [];
  if (name === undefined) {
    head.fault ??= `not a header: ${JSON.stringify(line.slice(0, 80))}`;
    return;
  }
  const key = name.toLowerCase();
  if (!head.headers.has(key)) head.headers.set(key, value.trim());
}

function headEvent(head: Head): ParserEvent {
  const { transactId, method, status, comment } = head.start;
  return method === undefined
    ? { kind: 'response', response: { transactId, status, comment, headers: head.headers } }
    : { kind: 'request', head: requestHead(head) };
}

function requestHead({ start, headers, fault }: Head): RequestHead {
  const { transactId, method = '' } = start;
  return { transactId, method, headers, ...(fault === undefined ? {} : { fault }) };
}

function endLineFlag(line: string, transactId: string): ContinuationFlag | undefined {
  const end = `${DASHES}${transactId}`;
  const flag = line.slice(end.length);
  return line.startsWith(end) && isFlag(flag) ? flag : undefined;
}

/** What stands where an end-line has its flag and line end. */
function flagAt(bytes: Buffer, at: number): ContinuationFlag | 'no flag' | 'unfinished' {
  const [flag, cr, lf] = [bytes[at], bytes[at + 1], bytes[at + 2]];
  if (flag === undefined) return 'unfinished';
  const character = String.fromCharCode(flag);
  if (!isFlag(character) || (cr ?? CR) !== CR || (lf ?? LF) !== LF) return 'no flag';
  return lf === undefined ? 'unfinished' : character;
}

function isFlag(character: string): character is ContinuationFlag {
  return character === '$' || character === '+' || character === '#';
}

/** Where the longest tail of `bytes` begins that may turn out to be the beginning of the marker. */
function tailThatMayBegin(marker: Buffer, bytes: Buffer): number {
  for (let start = Math.max(0, bytes.length - marker.length + 1); start < bytes.length; start++) {
    if (bytes[start] !== CR) continue;
    if (marker.subarray(0, bytes.length - start).equals(bytes.subarray(start))) return start;
  }
  return bytes.length;
}
