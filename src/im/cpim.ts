import { MailboxError } from '../core/errors.ts';

/** Bytes that are no message/cpim. */
export class MalformedCpim extends MailboxError {
  constructor(reason: string, options?: { cause?: unknown }) {
    super('MALFORMED_CPIM', `not a CPIM message: ${reason}`, options);
  }
}

/** A mailbox in From, To or cc (RFC 3862 §4.1 to §4.3). */
export interface CpimAddress {
  /** Without quotes; '' when there is none. */
  readonly displayName: string;
  /** Without angle brackets. */
  readonly uri: string;
}

/** A header as it stands: escapes are not undone. */
export interface CpimHeader {
  /** With its namespace prefix, as in `imdn.Message-ID`. */
  readonly name: string;
  readonly value: string;
}

/** A message in the common presence and instant messaging format (RFC 3862). */
export interface CpimMessage {
  readonly from: CpimAddress | null;
  readonly to: readonly CpimAddress[];
  readonly cc: readonly CpimAddress[];
  /** When the sender says it was sent, epoch ms; null when absent or unreadable. */
  readonly dateTime: number | null;
  /** The first Subject, escapes undone; null when there is none. */
  readonly subject: string | null;
  /** NS: namespace URI by prefix; '' is the default namespace. */
  readonly namespaces: ReadonlyMap<string, string>;
  /** Names of headers the receiver has to know (§3.5). */
  readonly require: readonly string[];
  /** Message headers not named above, in their order. */
  readonly headers: readonly CpimHeader[];
  /** MIME type of the content with its parameters; `text/plain` when undeclared (RFC 2045 §5.2). */
  readonly contentType: string;
  /** MIME headers of the content other than Content-Type, in their order. */
  readonly mimeHeaders: readonly CpimHeader[];
  /** As it stands: Content-Transfer-Encoding is not undone. */
  readonly content: Buffer;
}

/** A message with nothing but its content, to be filled by `{ ...emptyCpim, … }`. */
export const emptyCpim: CpimMessage = {
  from: null,
  to: [],
  cc: [],
  dateTime: null,
  subject: null,
  namespaces: new Map(),
  require: [],
  headers: [],
  contentType: 'text/plain',
  mimeHeaders: [],
  content: Buffer.alloc(0),
};

/** Value of a MIME header of the content, by its name in any case. */
export function mimeHeader(message: CpimMessage, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return message.mimeHeaders.find((header) => header.name.toLowerCase() === wanted)?.value;
}
