import type { MalformedMsrp } from './errors.ts';

/** RFC 4975 §7.1: `$` ends the message, `+` the chunk, `#` the message unfinished. */
export type ContinuationFlag = '$' | '+' | '#';

/** Header fields of a request or response, names in lower case, the first of each name. */
export type MsrpHeaders = ReadonlyMap<string, string>;

/** A header field as it was written, but for blanks around its value. */
export type HeaderField = readonly [name: string, value: string];

/** The start of a request; its body follows in pieces. */
export interface RequestHead {
  readonly transactId: string;
  readonly method: string;
  readonly headers: MsrpHeaders;
  /** Every field in the order it came, unknown ones and several of one name too; the parser always gives them. */
  readonly fields?: readonly HeaderField[];
  /** What is wrong with a head that cannot be read though its end can be found: to be answered 400. */
  readonly fault?: string;
}

export interface MsrpResponse {
  readonly transactId: string;
  readonly status: number;
  readonly comment: string;
  readonly headers: MsrpHeaders;
  /** As in {@link RequestHead}. */
  readonly fields?: readonly HeaderField[];
}

/** What the parser sees, in the order of the bytes. */
export type ParserEvent =
  | { readonly kind: 'request'; readonly head: RequestHead }
  | { readonly kind: 'body'; readonly bytes: Buffer }
  | { readonly kind: 'end'; readonly flag: ContinuationFlag }
  | { readonly kind: 'response'; readonly response: MsrpResponse }
  /** The last one: what follows cannot be told apart any more. `head` is what was read of a request till then. */
  | { readonly kind: 'malformed'; readonly error: MalformedMsrp; readonly head?: RequestHead };
