import { assembleMessage } from './assemble-message.ts';
import { MESSAGE_LIMITS } from './limits.ts';
import { MalformedMessage } from './malformed-message.ts';
import type { MessageHead } from './message-head.ts';
import { contentLengthOf, findHeadEnd, readHead, requestOf, skipLineEnds } from './message-head.ts';
import type { SipMessage } from './sip-message.ts';

/**
 * Reads a whole message, as a datagram holds it. The body is what Content-Length says, or all the rest without one
 * (RFC 3261 §18.3); it is a view of `bytes`, untouched.
 * @throws MalformedMessage
 */
export function parseMessage(bytes: Buffer): SipMessage {
  const start = skipLineEnds(bytes);
  const blank = findHeadEnd(bytes, start);
  const head = readHead(bytes.subarray(start, blank === -1 ? bytes.length : blank));
  if (bytes.length > MESSAGE_LIMITS.message) {
    throw new MalformedMessage(513, 'Message Too Large', requestOf(head));
  }
  const message = assembleMessage(
    head,
    blank === -1 ? bytes.subarray(bytes.length) : bytes.subarray(blank + 4),
  );
  // §7: the empty line is there even without a body. Where it lacks, the rest of the headers may have been cut off.
  if (blank === -1) throw new MalformedMessage(400, 'No Empty Line After Headers', requestOf(head));
  return { ...message, body: withinLength(message.body, head) };
}

/** §18.3: bytes beyond Content-Length are dropped, a body that ends before it is an error. */
function withinLength(rest: Buffer, head: MessageHead): Buffer {
  const length = contentLengthOf(head);
  if (length === undefined || length === rest.length) return rest;
  if (rest.length < length) throw new MalformedMessage(400, 'Body Too Short', requestOf(head));
  return rest.subarray(0, length);
}
