import { endLineFlag, endLineMarker, flagAt, tailThatMayBegin } from './end-line.ts';
import { MalformedMsrp } from './errors.ts';
import type { HeaderField, ParserEvent, RequestHead } from './frame.ts';
import type { MsrpLimits } from './limits.ts';

/*
 * RFC 4975 §9:
 *   msrp-request  = req-start headers [content-stuff] end-line
 *   req-start     = "MSRP" SP transact-id SP method CRLF
 *   msrp-response = "MSRP" SP transact-id SP status-code [SP comment] CRLF headers end-line
 *   content-stuff = *(Other-Mime-header CRLF) CRLF data CRLF
 *   end-line      = "-------" transact-id continuation-flag CRLF       flag = "+" / "$" / "#"
 *   ident         = ALPHANUM 3*31ident-char, ident-char = ALPHANUM / "." / "-" / "+" / "%" / "="
 *   method        = 1*UPALPHA; one client's own ones have underscores
 *   hname         = ALPHA *token
 *   comment, hval = *(HTAB / %x20-7E / UTF8-NONASCII); no other control characters, a lone line feed neither
 */
const PROTOCOL = 'MSRP ';
const START_LINE = /^MSRP ([A-Za-z0-9][A-Za-z0-9.\-+%=]{3,}) (?:([A-Z][A-Z0-9_]*)|(\d{3})(?: ([^]*))?)$/;
const HEADER = /^([A-Za-z][A-Za-z0-9\-!#$%&'*+.^_`{|}~]*)[ \t]*:([^]*)$/;
const FORBIDDEN = /(?![\t\u0080-\u009f])\p{Cc}/u;
const CRLF = '\r\n';
const [CR, LF] = [0x0d, 0x0a];
const NOTHING = Buffer.alloc(0);
/** Room beside bytes that are kept back, for those that come little by little. */
const SLACK = 512;

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
  readonly fields: HeaderField[];
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
  /** Unread bytes at the front that belong to the blank line before the body. */
  skip: number;
}

type State = { readonly kind: 'start' } | Head | Body | { readonly kind: 'broken' };

/**
 * Reads a connection: bytes in, events out, no I/O. A body passes through in pieces as it comes; what is kept back is never
 * more than a head or the length of an end-line, and a line is not searched again from its beginning when more of it comes.
 */
export class MsrpParser {
  readonly #limits: Pick<MsrpLimits, 'startLine' | 'head' | 'transactId'>;
  /** From `#at` to `#end` stands what was not read yet. What was given out may lie before, so nothing is moved. */
  #buffer: Buffer = NOTHING;
  /** It is ours, with room after `#end`. */
  #own = false;
  #at = 0;
  #end = 0;
  /** Up to here no end of the present line was found. */
  #searched = 0;
  #state: State = { kind: 'start' };

  constructor(limits: Pick<MsrpLimits, 'startLine' | 'head' | 'transactId'>) {
    this.#limits = limits;
  }

  /** What the bytes bring to an end. After an event `malformed` nothing more is read. */
  push(chunk: Buffer): ParserEvent[] {
    const events: ParserEvent[] = [];
    if (this.#state.kind === 'broken') return events;
    this.#append(chunk);
    while (this.#step(events));
    this.#keepBack();
    return events;
  }

  #append(chunk: Buffer): void {
    const held = this.#end - this.#at;
    if (held === 0) {
      this.#hold(chunk, chunk.length);
      return;
    }
    if (this.#end + chunk.length > this.#buffer.length)
      this.#moveTo(Buffer.allocUnsafe(2 * held + chunk.length));
    chunk.copy(this.#buffer, this.#end);
    this.#end += chunk.length;
  }

  /** Copies what is left over out of what was read, which may be used again and must not be held for a few bytes of it. */
  #keepBack(): void {
    const held = this.#end - this.#at;
    if (held === 0) this.#hold(NOTHING, 0);
    else if (!this.#own || this.#buffer.length > 4 * (held + SLACK)) {
      this.#moveTo(Buffer.allocUnsafe(2 * held + SLACK));
    }
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
    const end = this.#lineEnd();
    if (end === this.#at) {
      // Blank lines between messages are no part of the grammar, and do no harm.
      this.#consume(CRLF.length);
      return true;
    }
    const stop = end ?? this.#end;
    const begun = this.#text('latin1', Math.min(this.#end, this.#at + PROTOCOL.length));
    if (!PROTOCOL.startsWith(begun) && begun !== '\r') return this.#break('this is not MSRP', events);
    if (stop - this.#at > this.#limits.startLine) return this.#break('the start line is too long', events);
    if (end === undefined) return false;
    const line = this.#text('utf8', end);
    const [, transactId = '', method, status, comment = ''] = START_LINE.exec(line) ?? [];
    if (transactId === '' || transactId.length > this.#limits.transactId || FORBIDDEN.test(line)) {
      return this.#break(`not a start line: ${JSON.stringify(line.slice(0, 80))}`, events);
    }
    const size = end + CRLF.length - this.#at;
    this.#consume(size);
    const start = { transactId, method, status: Number(status), comment };
    this.#state = { kind: 'head', start, headers: new Map(), fields: [], size, fault: undefined };
    return true;
  }

  #readHeadLine(head: Head, events: ParserEvent[]): boolean {
    const end = this.#lineEnd();
    const size = end === undefined ? this.#end - this.#at : end + CRLF.length - this.#at;
    if (head.size + size > this.#limits.head) return this.#break('the head is too long', events);
    if (end === undefined) return false;
    const line = this.#text('utf8', end);
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
      marker: endLineMarker(transactId),
      wanted: method !== undefined,
      skip: CRLF.length,
    };
  }

  /** Passes the body on up to what may be the beginning of its end-line. */
  #readBody(body: Body, events: ParserEvent[]): boolean {
    const unread = this.#buffer.subarray(this.#at, this.#end);
    for (let from = 0; ;) {
      const found = unread.indexOf(body.marker, from);
      if (found === -1) {
        this.#passOn(body, tailThatMayBegin(body.marker, unread), events);
        return false;
      }
      const flag = flagAt(unread, found + body.marker.length);
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

  /** Hands out the next `length` bytes. */
  #passOn(body: Body, length: number, events: ParserEvent[]): void {
    if (length > body.skip && body.wanted) {
      events.push({ kind: 'body', bytes: this.#buffer.subarray(this.#at + body.skip, this.#at + length) });
    }
    body.skip = Math.max(0, body.skip - length);
    this.#consume(length);
  }

  /** Where the CRLF of the present line stands; undefined when it did not come yet. */
  #lineEnd(): number | undefined {
    // Room that nothing came into yet is not searched.
    const come = this.#own ? this.#buffer.subarray(0, this.#end) : this.#buffer;
    for (let from = Math.max(this.#at, this.#searched); ;) {
      const found = come.indexOf(LF, from);
      if (found === -1) {
        this.#searched = this.#end;
        return undefined;
      }
      if (found > this.#at && come[found - 1] === CR) return found - 1;
      from = found + 1;
    }
  }

  #text(encoding: 'latin1' | 'utf8', end: number): string {
    return this.#buffer.toString(encoding, this.#at, end);
  }

  #consume(length: number): void {
    this.#at += length;
    this.#searched = this.#at;
  }

  #hold(read: Buffer, end: number): void {
    this.#buffer = read;
    this.#own = false;
    this.#at = 0;
    this.#end = end;
    this.#searched = 0;
  }

  #moveTo(room: Buffer): void {
    this.#buffer.copy(room, 0, this.#at, this.#end);
    this.#buffer = room;
    this.#own = true;
    this.#end -= this.#at;
    this.#searched = Math.max(0, this.#searched - this.#at);
    this.#at = 0;
  }

  #break(what: string, events: ParserEvent[]): false {
    const error = new MalformedMsrp(what);
    const state = this.#state;
    const head = state.kind === 'head' && state.start.method !== undefined ? requestHead(state) : undefined;
    events.push({ kind: 'malformed', error, ...(head === undefined ? {} : { head }) });
    this.#state = { kind: 'broken' };
    this.#hold(NOTHING, 0);
    return false;
  }
}

function takeHeader(head: Head, line: string): void {
  const [, name, value = ''] = HEADER.exec(line) ?? [];
  if (name === undefined || FORBIDDEN.test(line)) {
    head.fault ??= `not a header: ${JSON.stringify(line.slice(0, 80))}`;
    return;
  }
  const key = name.toLowerCase();
  head.fields.push([name, value.trim()]);
  if (!head.headers.has(key)) head.headers.set(key, value.trim());
}

function headEvent(head: Head): ParserEvent {
  const { start, headers, fields } = head;
  const { transactId, method, status, comment } = start;
  return method === undefined
    ? { kind: 'response', response: { transactId, status, comment, headers, fields } }
    : { kind: 'request', head: requestHead(head) };
}

function requestHead({ start, headers, fields, fault }: Head): RequestHead {
  const { transactId, method = '' } = start;
  return { transactId, method, headers, fields, ...(fault === undefined ? {} : { fault }) };
}
