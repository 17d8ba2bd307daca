import type { OutgoingMessage } from '../msrp/session.ts';
import { MAILBOX_LIMITS } from './limits.ts';
import type { StoredMessage } from './ports.ts';
import type { PeerFormats } from './presentation.ts';
import { presentMessage, wordsOf } from './presentation.ts';

/**
 * A kept text as messages the client takes in one piece each: RFC 4975 §8.6, a=max-size, wrappers counted. What is longer is cut
 * between characters into plain texts that are numbered, each with author and time; of its wrapper nothing is passed on, as what
 * that says is of the whole. Undefined when the client takes so little that it would be very many, or nothing.
 */
export function presentWithin(message: StoredMessage, peer: PeerFormats): OutgoingMessage[] | undefined {
  const whole = presentMessage(message, peer);
  const { maxSize } = peer;
  if (maxSize === undefined || maxSize === 0 || whole.content.length <= maxSize) return [whole];
  const plain = (words: string): OutgoingMessage => {
    const content = Buffer.from(words, 'utf8');
    return presentMessage({ ...message, contentType: PLAIN, content, wrapper: null }, peer);
  };
  const mark = ` (${MAILBOX_LIMITS.parts}/${MAILBOX_LIMITS.parts})`;
  const parts = cut(wordsOf(message).toString('utf8'), maxSize - plain(mark).content.length);
  return parts?.map((part, index) => plain(`${part} (${index + 1}/${parts.length})`));
}

const PLAIN = 'text/plain; charset=utf-8';

/** Pieces of at most `room` bytes of UTF-8. */
function cut(words: string, room: number): string[] | undefined {
  if (room < MAILBOX_LIMITS.leastPart || Buffer.byteLength(words) > room * MAILBOX_LIMITS.parts)
    return undefined;
  const parts: string[] = [];
  let part = '';
  let bytes = 0;
  for (const character of words) {
    const size = Buffer.byteLength(character);
    if (bytes + size > room) {
      parts.push(part);
      part = '';
      bytes = 0;
    }
    part += character;
    bytes += size;
  }
  parts.push(part);
  return parts.length > MAILBOX_LIMITS.parts ? undefined : parts;
}
