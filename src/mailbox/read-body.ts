import { MailboxError } from '../core/errors.ts';
import { MalformedCoding } from '../im/content-coding.ts';
import type { CpimMessage } from '../im/cpim.ts';
import { MalformedCpim, mimeHeader, subjectOf } from '../im/cpim.ts';
import { imdnHeaders } from '../im/imdn.ts';
import { ACCEPTED_TYPES, classifyUnwrapped, unwrapCpim } from '../im/storable.ts';
import { deliverAtOf } from './scheduling.ts';

/** The types of body we take, for Accept. */
export { ACCEPTED_TYPES };

/** A body of a type that is no text. */
export class UnsupportedText extends MailboxError {
  constructor(contentType: string) {
    super('UNSUPPORTED_TEXT', `no text: ${JSON.stringify(contentType.slice(0, 100))}`);
  }
}

/** A body that is not what its type says. */
export class MalformedText extends MailboxError {
  constructor(cause: unknown) {
    super('MALFORMED_TEXT', 'the text cannot be read', { cause });
  }
}

/** A text to keep. */
export interface TextBody {
  readonly kind: 'text';
  /** Of the text itself, message/cpim taken off. */
  readonly contentType: string;
  readonly content: Buffer;
  /** IMDN Message-ID (RFC 5438 §6.3); null when it has none. */
  readonly messageId: string | null;
  readonly subject: string | null;
  /** Epoch ms, from CPIM DateTime. */
  readonly sentAt: number | null;
  readonly urgent: boolean;
  /** When its author wants it delivered, as she wrote it; null: at once. */
  readonly deliverAt: string | null;
  /** The headers of the message/cpim it came in, without content; null when it came bare. */
  readonly wrapper: CpimMessage | null;
}

/** A body of a type that is taken: a text to keep, or a notice to drop. */
export type Body = { readonly kind: 'notice' } | TextBody;

/** Reads a body as it came in a MESSAGE or an MSRP message. @throws UnsupportedText, MalformedText */
export function readBody(contentType: string, content: Buffer): Body {
  const unwrapped = unwrap(contentType, content);
  const kind = classifyUnwrapped(unwrapped);
  if (kind === 'unsupported') throw new UnsupportedText(unwrapped.contentType);
  if (kind === 'notice') return { kind };
  const wrapper = wrapperOf(unwrapped.wrappers);
  if (wrapper !== null && isCoded(wrapper)) throw new UnsupportedText('an encoded text in message/cpim');
  return {
    kind,
    contentType: unwrapped.contentType,
    content: unwrapped.content,
    messageId: wrapper === null ? null : imdnHeaders(wrapper).messageId,
    subject: wrapper === null ? null : subjectOf(wrapper),
    sentAt: wrapper?.dateTime ?? null,
    urgent: wrapper !== null && isUrgent(wrapper),
    deliverAt: wrapper === null ? null : deliverAtOf(wrapper),
    wrapper,
  };
}

/**
 * Of several message/cpim one in another, the outermost speaks of the message and the innermost of its content. One without
 * message headers, as clients write that put `Content-Type: message/cpim` on top of the body, speaks of nothing.
 */
function wrapperOf(wrappers: readonly CpimMessage[]): CpimMessage | null {
  const [outermost] = wrappers;
  const innermost = wrappers.at(-1);
  if (outermost === undefined || innermost === undefined) return null;
  const speaking = wrappers.find(({ from, to, headers }) => from !== null || to.length + headers.length > 0);
  const { contentType, mimeHeaders } = innermost;
  return { ...(speaking ?? outermost), contentType, mimeHeaders, content: Buffer.alloc(0) };
}

function unwrap(contentType: string, content: Buffer): ReturnType<typeof unwrapCpim> {
  try {
    return unwrapCpim(contentType, content);
  } catch (cause) {
    if (cause instanceof MalformedCpim || cause instanceof MalformedCoding) throw new MalformedText(cause);
    throw cause;
  }
}

/** Content-Encoding is SIP's, for a whole body (RFC 3261 §20.12). What it did to the words within, no client of the owner undoes. */
function isCoded(wrapper: CpimMessage): boolean {
  const coding = mimeHeader(wrapper, 'Content-Encoding')?.toLowerCase() ?? '';
  return coding !== '' && coding !== 'identity';
}

/** A Priority header, as RFC 3261 §20.26 has it, that some clients put into the wrapper. */
function isUrgent(wrapper: CpimMessage): boolean {
  return wrapper.headers.some(
    ({ name, value }) => name.toLowerCase() === 'priority' && /^\s*(urgent|emergency)\s*$/i.test(value),
  );
}
