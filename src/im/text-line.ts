import { decodeText } from './charset.ts';
import { parseContentType } from './content-type.ts';
import { plainText, singleLine } from './control-characters.ts';
import { htmlToText } from './html-text.ts';
import { unwrapCpim } from './storable.ts';

/** A text as it is kept, and who wrote it. */
export interface AuthoredText {
  /** URI of the sender. */
  readonly author: string;
  /** '' when she gave no name. */
  readonly authorName: string;
  /** Epoch ms. */
  readonly at: number;
  readonly contentType: string;
  readonly content: Buffer;
}

/**
 * A text in one plain line for clients that know nothing of CPIM:
 * `Alice <sip:alice@example.com>, 2026-11-21 14:03 UTC: hello`. A text of several lines stays one.
 */
export function formatTextLine(text: AuthoredText): string {
  return `${formatByline(text)}: ${readableText(text.contentType, text.content)}`;
}

/** Who wrote a text, and when: the line's beginning. A name cannot pass itself off as an address or end the line. */
export function formatByline({ author, authorName, at }: AuthoredText): string {
  const name = singleLine(authorName).replace(/[<>"]/g, '').trim();
  const uri = singleLine(author).replace(/[<>\s]/g, '');
  return `${name === '' ? uri : `${name} <${uri}>`}, ${formatTime(at)}`;
}

/** `2026-11-21 14:03 UTC` */
function formatTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/**
 * The words of a body: a plain text as it is, those of an HTML text, those within message/cpim; anything else is named, as
 * `[image/png, 1234 bytes]`. Control characters are left out.
 * @throws MalformedCpim, MalformedCoding
 */
export function readableText(contentType: string, content: Buffer): string {
  const body = unwrapCpim(contentType, content);
  const type = parseContentType(body.contentType.trim() === '' ? 'text/plain' : body.contentType);
  const charset = type?.parameters.get('charset');
  if (type?.mime === 'text/plain') return plainText(decodeText(body.content, charset));
  if (type?.mime === 'text/html') return plainText(htmlToText(decodeText(body.content, charset)));
  return `[${singleLine(type?.mime ?? 'unknown type')}, ${body.content.length} bytes]`;
}
