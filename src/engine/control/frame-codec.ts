import { MailboxError } from '../../core/errors.ts';
import { CONTROL_LIMITS } from './limits.ts';

/** Bytes that are no frame; the connection they came on is of no further use. */
export class MalformedFrame extends MailboxError {
  constructor(problem: string) {
    super('MALFORMED_FRAME', problem);
  }
}

const HASH = 0x23;
const ZERO = 0x30;
const NINE = 0x39;

/*
 * frame   = length "#" payload
 * length  = 1*5DIGIT                   ; of the payload, in bytes
 * Nothing stands between frames.
 */

/** Cuts a stream of bytes into frames' payloads, however it is split. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;
  /** Bytes that must be there before the frame at hand is complete. */
  #needed = 0;

  /**
   * Takes the next bytes of the stream; returns the payloads they complete.
   * @throws MalformedFrame
   */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    // The rest of a long frame is awaited without looking at what came before again.
    if (this.#size < this.#needed) return [];
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#size);
    const payloads: Buffer[] = [];
    let position = 0;
    this.#needed = 0;
    for (;;) {
      const head = readLength(bytes, position);
      if (head === undefined) break;
      const end = head.start + head.length;
      if (end > bytes.length) {
        this.#needed = end - position;
        break;
      }
      payloads.push(bytes.subarray(head.start, end));
      position = end;
    }
    this.#size = bytes.length - position;
    this.#chunks = this.#size === 0 ? [] : [bytes.subarray(position)];
    return payloads;
  }
}

/** Length and start of the payload at `position`; undefined while its length is not all there. */
function readLength(bytes: Buffer, position: number): { start: number; length: number } | undefined {
  let length = 0;
  let at = position;
  for (; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === HASH) break;
    if (byte < ZERO || byte > NINE) throw new MalformedFrame('a frame begins with its length in digits');
    if (at - position >= CONTROL_LIMITS.lengthDigits) throw new MalformedFrame('a frame is too long');
    length = length * 10 + byte - ZERO;
  }
  if (at === bytes.length) return undefined;
  if (length === 0) throw new MalformedFrame('a frame is not empty');
  return { start: at + 1, length };
}

/** One frame: a line of text, and the raw SIP message that follows it after CRLF, if any. */
export function encodeFrame(line: string, message?: Buffer): Buffer {
  const text = message === undefined ? line : `${line}\r\n`;
  const textBytes = Buffer.byteLength(text);
  const messageBytes = message?.length ?? 0;
  const head = `${textBytes + messageBytes}#`;
  const frame = Buffer.allocUnsafe(head.length + textBytes + messageBytes);
  frame.write(head, 0, 'latin1');
  frame.write(text, head.length, 'utf8');
  message?.copy(frame, head.length + textBytes);
  return frame;
}
