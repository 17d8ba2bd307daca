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
 * length  = 1*6DIGIT                   ; of the payload, in bytes
 * Nothing stands between frames.
 */

/** What a client sent: a payload, or the beginning of one that was longer than is taken. */
export interface Frame {
  readonly payload: Buffer;
  readonly whole: boolean;
}

/** Cuts a stream of bytes into frames, however it is split. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;
  /** Bytes that must be there before the frame at hand is complete. */
  #needed = 0;
  /** Of a frame that is too long: how it began, and how much of it is still to come. */
  #passedOver: { readonly payload: Buffer; left: number } | undefined;

  /**
   * Takes the next bytes of the stream; returns the frames they complete.
   * @throws MalformedFrame
   */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    const rest = this.#passOver(chunk, frames);
    if (rest.length === 0) return frames;
    this.#chunks.push(rest);
    this.#size += rest.length;
    // The rest of a long frame is awaited without looking at what came before again.
    if (this.#size < this.#needed) return frames;
    const bytes = this.#chunks.length === 1 ? rest : Buffer.concat(this.#chunks, this.#size);
    this.#keep(this.#cut(bytes, frames));
    return frames;
  }

  /** Cuts frames off the front; returns what is left. */
  #cut(bytes: Buffer, frames: Frame[]): Buffer {
    let left = bytes;
    this.#needed = 0;
    for (;;) {
      const head = readLength(left);
      if (head === undefined) return left;
      const { start, length } = head;
      if (length > CONTROL_LIMITS.frame) {
        const wanted = start + CONTROL_LIMITS.frameHead;
        if (left.length < wanted) {
          this.#needed = wanted;
          return left;
        }
        this.#passedOver = { payload: Buffer.from(left.subarray(start, wanted)), left: length };
        left = this.#passOver(left.subarray(start), frames);
      } else if (start + length > left.length) {
        this.#needed = start + length;
        return left;
      } else {
        frames.push({ payload: left.subarray(start, start + length), whole: true });
        left = left.subarray(start + length);
      }
    }
  }

  #passOver(bytes: Buffer, frames: Frame[]): Buffer {
    const frame = this.#passedOver;
    if (frame === undefined) return bytes;
    const passed = Math.min(frame.left, bytes.length);
    frame.left -= passed;
    if (frame.left === 0) {
      frames.push({ payload: frame.payload, whole: false });
      this.#passedOver = undefined;
    }
    return bytes.subarray(passed);
  }

  #keep(bytes: Buffer): void {
    this.#size = bytes.length;
    this.#chunks = bytes.length === 0 ? [] : [bytes];
  }
}

/** Length of the frame that begins here, and where its payload starts; undefined while its length is not all there. */
function readLength(bytes: Buffer): { start: number; length: number } | undefined {
  let length = 0;
  let at = 0;
  for (; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === HASH) break;
    if (byte < ZERO || byte > NINE) throw new MalformedFrame('a frame begins with its length in digits');
    if (at >= CONTROL_LIMITS.lengthDigits) throw new MalformedFrame('a frame is too long');
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
