import { MailboxError } from '../core/errors.ts';

/** Bytes that are no message/cpim. */
export class MalformedCpim extends MailboxError {
  constructor(reason: string, options?: { cause?: unknown }) {
    super('MALFORMED_CPIM', `not a CPIM message: ${reason}`, options);
  }
}

/** Namespace of the headers that RFC 3862 §4 defines: the default one, which a prefix may name as well. */
export const CPIM_NAMESPACE = 'urn:ietf:params:cpim-headers:';

/** A mailbox in From, To or cc (RFC 3862 §4.1 to §4.3). */
export interface CpimAddress {
  /** Without quotes, escapes undone; '' when there is none. */
  readonly displayName: string;
  /** Without angle brackets. */
  readonly uri: string;
}

/** A Subject (RFC 3862 §4.5); several say the same in several languages. */
export interface CpimSubject {
  /** Escapes undone. */
  readonly text: string;
  /** The `lang` parameter; null when it has none. */
  readonly language: string | null;
}

/** A header as it stands: escapes are not undone. */
export interface CpimHeader {
  /** With its namespace prefix, as in `imdn.Message-ID`. */
  readonly name: string;
  readonly value: string;
  /** `;name=value…` between the colon and the value of a message header (RFC 3862 §3.3); left out when there are none. */
  readonly parameters?: string;
}

/** A message in the common presence and instant messaging format (RFC 3862). */
export interface CpimMessage {
  readonly from: CpimAddress | null;
  readonly to: readonly CpimAddress[];
  readonly cc: readonly CpimAddress[];
  /** When the sender says it was sent, epoch ms; null when absent or unreadable. */
  readonly dateTime: number | null;
  /** DateTime as it stands, which is written as it is; null: `dateTime` is written. */
  readonly dateTimeText: string | null;
  /** In their order. */
  readonly subjects: readonly CpimSubject[];
  /** NS: namespace URI by prefix; '' is the default namespace. */
  readonly namespaces: ReadonlyMap<string, string>;
  /** Names of headers the receiver has to know (§4.7). */
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
  dateTimeText: null,
  subjects: [],
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

/** The Subject where only one can be shown: the first that is of no particular language, else the first; null when none is. */
export function subjectOf({ subjects }: CpimMessage): string | null {
  return (subjects.find(({ language }) => language === null) ?? subjects[0])?.text ?? null;
}

/**
 * A header's name within `namespace`, in lower case and without its prefix; undefined when it lies in another. Where no NS names
 * the namespace, `customary` is its prefix, as clients that leave NS out mean it.
 */
export function nameWithin(
  { namespaces }: Pick<CpimMessage, 'namespaces'>,
  { name }: CpimHeader,
  namespace: string,
  customary: string,
): string | undefined {
  const given = [...namespaces].filter(([, uri]) => uri.toLowerCase() === namespace);
  const prefixes = given.length === 0 ? [customary] : given.map(([prefix]) => prefix);
  const lowerCase = name.toLowerCase();
  for (const prefix of prefixes) {
    const start = prefix === '' ? '' : `${prefix.toLowerCase()}.`;
    if (lowerCase.startsWith(start)) return lowerCase.slice(start.length);
  }
  return undefined;
}
