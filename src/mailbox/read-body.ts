import { MailboxError } from '../core/errors.ts';
import { MalformedCoding } from '../im/content-coding.ts';
import type { CpimMessage } from '../im/cpim.ts';
import { MalformedCpim } from '../im/cpim.ts';
import { imdnHeaders } from '../im/imdn.ts';
import { ACCEPTED_TYPES, classifyUnwrapped, unwrapCpim } from '../im/storable.ts';

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

/** A body of a type that is taken: a text to keep, or a notice to drop. */
export type Body =
  | { readonly kind: 'notice' }
  | {
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
    };

/** Reads a body as it came in a MESSAGE or an MSRP message. @throws UnsupportedText, MalformedText */
export function readBody(contentType: string, content: Buffer): Body {
  const unwrapped = unwrap(contentType, content);
  const kind = classifyUnwrapped(unwrapped);
  if (kind === 'unsupported') throw new UnsupportedText(unwrapped.contentType);
  if (kind === 'notice') return { kind };
  const [wrapper] = unwrapped.wrappers;
  return {
    kind,
    contentType: unwrapped.contentType,
    content: unwrapped.content,
    messageId: wrapper === undefined ? null : imdnHeaders(wrapper).messageId,
    subject: wrapper?.subject ?? null,
    sentAt: wrapper?.dateTime ?? null,
    urgent: wrapper !== undefined && isUrgent(wrapper),
  };
}

function unwrap(contentType: string, content: Buffer): ReturnType<typeof unwrapCpim> {
  try {
    return unwrapCpim(contentType, content);
  } catch (cause) {
    if (cause instanceof MalformedCpim || cause instanceof MalformedCoding) throw new MalformedText(cause);
    throw cause;
  }
}

/** A Priority header, as RFC 3261 §20.26 has it, that some clients put into the wrapper. */
function isUrgent(wrapper: CpimMessage): boolean {
  return wrapper.headers.some(
    ({ name, value }) => name.toLowerCase() === 'priority' && /^\s*(urgent|emergency)\s*$/i.test(value),
  );
}
