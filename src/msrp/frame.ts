/** RFC 4975 §7.1: `$` ends the message, `+` the chunk, `#` the message unfinished. */
export type ContinuationFlag = '$' | '+' | '#';

/** Header fields of a request or response, names in lower case, the first of each name. */
export type MsrpHeaders = ReadonlyMap<string, string>;

/** The start of a request; its body follows in pieces. */
export interface RequestHead {
  readonly transactId: string;
  readonly method: string;
  readonly headers: MsrpHeaders;
}

export interface MsrpResponse {
  readonly transactId: string;
  readonly status: number;
  readonly comment: string;
  readonly headers: MsrpHeaders;
}

/** What the parser sees, in the order of the bytes. */
export type ParserEvent =
  | { readonly kind: 'request'; readonly head: RequestHead }
  | { readonly kind: 'body'; readonly bytes: Buffer }
  | { readonly kind: 'end'; readonly flag: ContinuationFlag }
  | { readonly kind: 'response'; readonly response: MsrpResponse };
