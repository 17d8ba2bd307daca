import { isUtf8 } from 'node:buffer';
import { decodeText, toUtf8 } from '../im/charset.ts';
import { parseContentType } from '../im/content-type.ts';
import { singleLine } from '../im/control-characters.ts';
import type { CpimAddress, CpimMessage, CpimSubject } from '../im/cpim.ts';
import { emptyCpim } from '../im/cpim.ts';
import { formatCpim } from '../im/cpim-writer.ts';
import { isDateTime } from '../im/date-time.ts';
import { CPIM_TYPE } from '../im/storable.ts';
import { formatByline, readableText } from '../im/text-line.ts';
import type { OutgoingMessage } from '../msrp/session.ts';
import type { StoredMessage } from './ports.ts';
import { passedOn, readWrapper, shown } from './wrapper.ts';

/** What the peer of a session said it takes. Lower case; `*` and `text/*` are ranges. */
export interface PeerFormats {
  readonly acceptTypes: readonly string[];
  /** Inside message/cpim; empty when it did not say, which means anything. */
  readonly acceptWrappedTypes: readonly string[];
  /** Longest message it takes, bytes (RFC 4975 §8.6). */
  readonly maxSize?: number | undefined;
}

const PLAIN = 'text/plain; charset=utf-8';

/**
 * A kept text for the owner's client: with author and time in CPIM where it is taken, else in a plain line that names them.
 * A type the client does not take is turned into plain words, so that no text waits for ever.
 */
export function presentMessage(message: StoredMessage, peer: PeerFormats): OutgoingMessage {
  if (!takes(peer.acceptTypes, CPIM_TYPE)) {
    const byline = Buffer.from(bylineOf(message), 'utf8');
    return { contentType: PLAIN, content: Buffer.concat([byline, wordsOf(message)]) };
  }
  const wrapper = readWrapper(message.wrapper);
  const isDatedByTheLetter = wrapper.dateTimeText !== null && isDateTime(wrapper.dateTimeText);
  const content = formatCpim({
    ...emptyCpim,
    ...passedOn(wrapper, { asksDisplay: message.receipts?.dispositions.includes('display') === true }),
    ...bodyFor(message, wrapper, peer),
    // Whoever the wrapper says it is from: this is whom the proxy vouched for.
    from: shown({ displayName: message.authorName, uri: message.author }),
    to: [{ displayName: '', uri: message.owner.toString() }, ...furtherRecipients(message, wrapper)],
    dateTime: message.sentAt ?? message.receivedAt,
    dateTimeText: isDatedByTheLetter ? wrapper.dateTimeText : null,
    subjects: subjectsOf(message, wrapper),
  });
  return { contentType: CPIM_TYPE, content };
}

type Content = Pick<CpimMessage, 'contentType' | 'content' | 'mimeHeaders'>;

/** The text in a type the client takes within message/cpim, with those MIME headers that speak of it still. */
function bodyFor(message: StoredMessage, wrapper: CpimMessage, { acceptWrappedTypes }: PeerFormats): Content {
  const isTaken = acceptWrappedTypes.length === 0 || takes(acceptWrappedTypes, mimeOf(message.contentType));
  if (!isTaken) return { contentType: PLAIN, content: wordsOf(message), mimeHeaders: [] };
  const body = toUtf8(message);
  const isChanged = body.content !== message.content;
  const mimeHeaders = wrapper.mimeHeaders.filter(({ name }) => {
    const lowerCase = name.toLowerCase();
    return !UNDONE.has(lowerCase) && !(isChanged && lowerCase === 'content-md5');
  });
  return { ...body, mimeHeaders };
}

/** Of bytes as they came; the store keeps them decoded, and MSRP counts them itself. */
const UNDONE: ReadonlySet<string> = new Set(['content-length', 'content-transfer-encoding']);

/** Whom the author wrote to besides the owner. Who is named alone is the owner, under whatever address. */
function furtherRecipients({ owner }: StoredMessage, { to }: CpimMessage): CpimAddress[] {
  if (to.length < 2) return [];
  const own = owner.toString();
  return to.filter(({ uri }) => uri.toLowerCase() !== own.toLowerCase()).map(shown);
}

function subjectsOf(message: StoredMessage, { subjects }: CpimMessage): readonly CpimSubject[] {
  if (subjects.length > 0) return subjects;
  return message.subject === '' ? [] : [{ text: message.subject, language: null }];
}

/** A few words of the mailbox itself. */
export function presentNotice(
  text: string,
  context: { readonly from: string; readonly to: string; readonly peer: PeerFormats; readonly at: number },
): OutgoingMessage {
  const content = Buffer.from(text, 'utf8');
  if (takes(context.peer.acceptTypes, 'text/plain')) return { contentType: PLAIN, content };
  const wrapper = {
    ...emptyCpim,
    from: { displayName: '', uri: context.from },
    to: [{ displayName: '', uri: context.to }],
    dateTime: context.at,
    contentType: PLAIN,
    content,
  };
  return { contentType: CPIM_TYPE, content: formatCpim(wrapper) };
}

/**
 * A kept text as plain lines of at most `maxBytes` bytes of UTF-8, cut between characters; more than one are numbered.
 */
export function presentAsLines(message: StoredMessage, maxBytes: number): string[] {
  return cutIntoLines(asLine(message), maxBytes);
}

/** Words in pieces of at most `maxBytes` bytes of UTF-8, cut between characters; more than one are numbered. */
export function cutIntoLines(line: string, maxBytes: number): string[] {
  if (Buffer.byteLength(line) <= maxBytes) return [line];
  const mark = ' (99999/99999)'.length;
  const parts: string[] = [];
  let part = '';
  let bytes = 0;
  for (const character of line) {
    const size = Buffer.byteLength(character);
    if (bytes + size > maxBytes - mark) {
      parts.push(part);
      part = '';
      bytes = 0;
    }
    part += character;
    bytes += size;
  }
  parts.push(part);
  return parts.map((each, index) => `${each} (${index + 1}/${parts.length})`);
}

/** For a SIP MESSAGE, which some phones and servers cut at a NUL: control characters are left out. */
function asLine(message: StoredMessage): string {
  return bylineOf(message) + readableText(message.contentType, message.content);
}

/** `Bob <sip:bob@example.com>, 2026-11-21 14:03 UTC [subject]: ` */
function bylineOf(message: StoredMessage): string {
  const { author, authorName, sentAt, receivedAt, contentType, content } = message;
  const byline = formatByline({ author, authorName, at: sentAt ?? receivedAt, contentType, content });
  const subject = singleLine(message.subject);
  return subject === '' ? `${byline}: ` : `${byline} [${subject}]: `;
}

/** The words in UTF-8. Those of a plain text are exactly what was written, blanks and control characters too. */
export function wordsOf(message: StoredMessage): Buffer {
  const { contentType, content } = message;
  if (mimeOf(contentType) !== 'text/plain') return Buffer.from(readableText(contentType, content), 'utf8');
  const words = toUtf8(message);
  // Of a charset we don't know the bytes that mean nothing in UTF-8 are replaced.
  return isUtf8(words.content) ? words.content : Buffer.from(decodeText(words.content), 'utf8');
}

/** Whether a type is among `ranges`, as a=accept-types lists them (RFC 4975 §8.6). */
export function takes(ranges: readonly string[], type: string): boolean {
  const kind = type.split('/')[0] ?? '';
  return ranges.some((range) => range === '*' || range === '*/*' || range === type || range === `${kind}/*`);
}

function mimeOf(contentType: string): string {
  return parseContentType(contentType)?.mime ?? 'text/plain';
}
