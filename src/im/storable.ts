import { parseContentType } from './content-type.ts';
import { decodeTransferEncoding } from './content-coding.ts';
import type { CpimMessage } from './cpim.ts';
import { MalformedCpim, mimeHeader } from './cpim.ts';
import { parseCpim } from './cpim-parser.ts';
import { IMDN_TYPE } from './imdn.ts';
import { IS_COMPOSING_TYPE } from './is-composing.ts';
import { IM_LIMITS } from './limits.ts';

/** MIME type of the wrapper (RFC 3862 §2). */
export const CPIM_TYPE = 'message/cpim';

/** What we take, for Accept and a=accept-types. */
export const ACCEPTED_TYPES: readonly string[] = [
  'text/plain',
  'text/html',
  CPIM_TYPE,
  IMDN_TYPE,
  IS_COMPOSING_TYPE,
];

/**
 * What a body is to a mailbox: `text`, which it keeps; `notice`, which it takes and does not keep: receipts, typing marks,
 * keep-alives, the handshake of an end-to-end encryption, nothing at all; or `unsupported`.
 */
export type BodyClass = 'text' | 'notice' | 'unsupported';

const TEXTS: ReadonlySet<string> = new Set(['text/plain', 'text/html']);
const NOTICES: ReadonlySet<string> = new Set([IMDN_TYPE, IS_COMPOSING_TYPE, 'text/x-msrp-heartbeat']);
const OTR_MARK = Buffer.from('?OTR');

/** A body with every message/cpim around it taken off. */
export interface UnwrappedBody {
  readonly contentType: string;
  /** Content-Transfer-Encoding undone. */
  readonly content: Buffer;
  /** The message/cpim that was around it, the outermost first. */
  readonly wrappers: readonly CpimMessage[];
}

/**
 * Takes message/cpim off, also where one lies in another.
 * @throws MalformedCpim, MalformedCoding
 */
export function unwrapCpim(contentType: string, content: Buffer): UnwrappedBody {
  const wrappers: CpimMessage[] = [];
  let body = { contentType, content };
  while (mimeOf(body.contentType) === CPIM_TYPE && body.content.length > 0) {
    if (wrappers.length >= IM_LIMITS.cpimDepth) throw new MalformedCpim('it is wrapped too often');
    const wrapper = parseCpim(body.content);
    const encoding = mimeHeader(wrapper, 'Content-Transfer-Encoding') ?? '';
    body = {
      contentType: wrapper.contentType,
      content: decodeTransferEncoding(wrapper.content, encoding),
    };
    wrappers.push(wrapper);
  }
  return { ...body, wrappers };
}

/**
 * Classifies a body by its type; message/cpim by what it wraps.
 * @throws MalformedCpim, MalformedCoding
 */
export function classifyBody(contentType: string, content: Buffer): BodyClass {
  return classifyUnwrapped(unwrapCpim(contentType, content));
}

/** The same for a body that was unwrapped already. */
export function classifyUnwrapped({ contentType, content }: UnwrappedBody): BodyClass {
  if (content.length === 0) return 'notice';
  const mime = mimeOf(contentType);
  if (mime === undefined) return 'unsupported';
  if (NOTICES.has(mime)) return 'notice';
  if (!TEXTS.has(mime)) return 'unsupported';
  return content.subarray(0, OTR_MARK.length).equals(OTR_MARK) ? 'notice' : 'text';
}

/** RFC 2045 §5.2: a body of undeclared type is text/plain. */
function mimeOf(contentType: string): string | undefined {
  return contentType.trim() === '' ? 'text/plain' : parseContentType(contentType)?.mime;
}
