import { parseContentType } from '../im/content-type.ts';
import { emptyCpim } from '../im/cpim.ts';
import { formatCpim } from '../im/cpim-writer.ts';
import { CPIM_TYPE } from '../im/storable.ts';
import { formatByline, readableText } from '../im/text-line.ts';
import type { OutgoingMessage } from '../msrp/session.ts';
import type { StoredMessage } from './ports.ts';

/** What the peer of a session said it takes. Lower case; `*` and `text/*` are ranges. */
export interface PeerFormats {
  readonly acceptTypes: readonly string[];
  /** Inside message/cpim; empty when it did not say, which means anything. */
  readonly acceptWrappedTypes: readonly string[];
}

const PLAIN = 'text/plain; charset=utf-8';

/**
 * A kept text for the owner's client: with author and time in CPIM where it is taken, else in a plain line that names them.
 * A type the client does not take is turned into plain words, so that no text waits for ever.
 */
export function presentMessage(message: StoredMessage, peer: PeerFormats): OutgoingMessage {
  if (!takes(peer.acceptTypes, CPIM_TYPE)) {
    return { contentType: PLAIN, content: Buffer.from(asLine(message), 'utf8') };
  }
  const wrapped =
    peer.acceptWrappedTypes.length === 0 || takes(peer.acceptWrappedTypes, mimeOf(message.contentType))
      ? withCharset(message.contentType, message.content)
      : { contentType: PLAIN, content: Buffer.from(readableText(message.contentType, message.content)) };
  const content = formatCpim({
    ...emptyCpim,
    ...wrapped,
    from: { displayName: message.authorName, uri: message.author },
    to: [{ displayName: '', uri: message.owner.toString() }],
    dateTime: message.sentAt ?? message.receivedAt,
    subject: message.subject === '' ? null : message.subject,
  });
  return { contentType: CPIM_TYPE, content };
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
  const line = asLine(message);
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

function asLine(message: StoredMessage): string {
  const { author, authorName, subject, sentAt, receivedAt, contentType, content } = message;
  const byline = formatByline({ author, authorName, at: sentAt ?? receivedAt, contentType, content });
  const words = readableText(contentType, content);
  return subject === '' ? `${byline}: ${words}` : `${byline} [${subject}]: ${words}`;
}

/** Whether a type is among `ranges`, as a=accept-types lists them (RFC 4975 §8.6). */
export function takes(ranges: readonly string[], type: string): boolean {
  const kind = type.split('/')[0] ?? '';
  return ranges.some((range) => range === '*' || range === '*/*' || range === type || range === `${kind}/*`);
}

function mimeOf(contentType: string): string {
  return parseContentType(contentType)?.mime ?? 'text/plain';
}

/** Clients were seen to guess when no charset is spelled out; text without one is UTF-8 here. */
function withCharset(contentType: string, content: Buffer): { contentType: string; content: Buffer } {
  const type = parseContentType(contentType);
  const bare = type?.mime === 'text/plain' && !type.parameters.has('charset');
  return { contentType: bare || contentType.trim() === '' ? PLAIN : contentType, content };
}
