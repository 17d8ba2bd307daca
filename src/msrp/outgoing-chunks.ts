import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { formatByteRange } from './byte-range.ts';
import type { MsrpLimits } from './limits.ts';
import { serializeRequest } from './serializer.ts';
import type { OutgoingMessage } from './session.ts';

/** A request of ours as it is written. */
export interface OutgoingChunk {
  readonly transactId: string;
  readonly bytes: Buffer;
  /** Bytes of the message up to the end of this chunk. */
  readonly end: number;
}

/** What the chunks of one message have in common. */
export interface ChunkedMessage {
  readonly toPath: string;
  readonly fromPath: string;
  readonly messageId: string;
  readonly message: OutgoingMessage;
}

/**
 * Bytes in each chunk of a message of `length` bytes.
 *
 * RFC 4975 §5.1: a chunk of more than 2048 octets must be interruptible, so that other sessions on the connection get their
 * turn. Chunks of that size need no interrupting. Most clients don't put chunks together, though: short of `chunkOver` a message
 * is one chunk, however long.
 */
export function chunkLength(length: number, limits: Pick<MsrpLimits, 'chunkOver' | 'chunkBytes'>): number {
  return limits.chunkOver > 0 && length > limits.chunkOver ? limits.chunkBytes : length;
}

/** RFC 4975 §7.1.1: each chunk has the Message-ID of the whole, its own range of it, and a transact-id of its own. */
export function messageChunk(
  whole: ChunkedMessage,
  start: number,
  length: number,
  random: Random,
): OutgoingChunk {
  const { content, contentType } = whole.message;
  const total = content.length;
  const end = Math.min(start + length, total);
  const body = content.subarray(start, end);
  const transactId = unusedTransactId(random, body);
  const bytes = serializeRequest({
    transactId,
    method: 'SEND',
    headers: [
      ...commonHeaders(whole),
      ['Byte-Range', formatByteRange({ start: start + 1, end, total })],
      ['Content-Type', contentType],
    ],
    body,
    flag: end < total ? '+' : '$',
  });
  return { transactId, bytes, end };
}

/** RFC 4975 §7.1.1: a message that is not finished after `sent` bytes ends with `#`. Here in a chunk of no content. */
export function abortingChunk(whole: ChunkedMessage, sent: number, random: Random): OutgoingChunk {
  const transactId = hexToken(random, TRANSACT_ID_BITS);
  const byteRange = formatByteRange({ start: sent + 1, end: null, total: whole.message.content.length });
  const headers = [...commonHeaders(whole), ['Byte-Range', byteRange]] as const;
  const bytes = serializeRequest({ transactId, method: 'SEND', headers, flag: '#' });
  return { transactId, bytes, end: sent };
}

const TRANSACT_ID_BITS = 64;

/** No Failure-Report: its default, `yes`, is what we want, and some clients know no other. */
function commonHeaders({ toPath, fromPath, messageId, message }: ChunkedMessage) {
  return [
    ['To-Path', toPath],
    ['From-Path', fromPath],
    ['Message-ID', messageId],
    ...(message.successReport === false ? [] : ([['Success-Report', 'yes']] as const)),
  ] as const;
}

/** RFC 4975 §7.1: the end-line must not stand in the body. */
function unusedTransactId(random: Random, body: Buffer): string {
  for (;;) {
    const transactId = hexToken(random, TRANSACT_ID_BITS);
    if (!body.includes(`-------${transactId}`, 0, 'latin1')) return transactId;
  }
}
