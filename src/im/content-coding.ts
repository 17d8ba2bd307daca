import { promisify } from 'node:util';
import { gunzip, inflate, inflateRaw } from 'node:zlib';
import { MailboxError } from '../core/errors.ts';
import { IM_LIMITS } from './limits.ts';

/** A body that is longer than allowed once it is decoded. */
export class DecodedTooLarge extends MailboxError {
  /** Bytes. */
  readonly limit: number;

  constructor(limit: number, options?: { cause?: unknown }) {
    super('DECODED_TOO_LARGE', `the decoded body has more than ${limit} bytes`, options);
    this.limit = limit;
  }
}

/** A Content-Encoding other than identity, deflate and gzip, or too many of them. */
export class UnsupportedContentCoding extends MailboxError {
  constructor(coding: string) {
    super('UNSUPPORTED_CONTENT_CODING', `cannot decode ${JSON.stringify(coding.slice(0, 100))}`);
  }
}

/** A body that is not what its coding says. */
export class MalformedCoding extends MailboxError {
  constructor(coding: string, options?: { cause?: unknown }) {
    super('MALFORMED_CODING', `the body is not ${JSON.stringify(coding.slice(0, 100))}`, options);
  }
}

type Inflate = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;
const unzip: Inflate = promisify(gunzip);
const unzlib: Inflate = promisify(inflate);
const unraw: Inflate = promisify(inflateRaw);

/**
 * Undoes a Content-Encoding header (RFC 3261 §20.12, RFC 9110 §8.4), which names codings in the order they were applied.
 * @param maxBytes longest body after each step
 * @throws UnsupportedContentCoding, DecodedTooLarge, MalformedCoding
 */
export async function decodeContent(bytes: Buffer, codings: string, maxBytes: number): Promise<Buffer> {
  const applied = codings
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (applied.length > IM_LIMITS.contentCodings) throw new UnsupportedContentCoding(codings);
  let decoded = bytes;
  for (const coding of applied.reverse()) decoded = await undo(decoded, coding, maxBytes);
  if (decoded.length > maxBytes) throw new DecodedTooLarge(maxBytes);
  return decoded;
}

async function undo(bytes: Buffer, coding: string, maxBytes: number): Promise<Buffer> {
  const isGzip = coding === 'gzip' || coding === 'x-gzip';
  if (!isGzip && coding !== 'deflate') throw new UnsupportedContentCoding(coding);
  if (bytes.length === 0) return bytes;
  if (isGzip) return await expand(unzip, bytes, coding, maxBytes);
  if (!hasZlibHeader(bytes)) return await expand(unraw, bytes, coding, maxBytes);
  try {
    return await expand(unzlib, bytes, coding, maxBytes);
  } catch (error) {
    // A raw stream may begin with two bytes that look like the wrapper's.
    if (!(error instanceof MalformedCoding)) throw error;
    return await expand(unraw, bytes, coding, maxBytes);
  }
}

/** RFC 1950 §2.2: method 8 in the low half of the first byte, and the first two bytes a multiple of 31. */
function hasZlibHeader(bytes: Buffer): boolean {
  return bytes.length >= 2 && ((bytes[0] ?? 0) & 0x0f) === 8 && bytes.readUInt16BE(0) % 31 === 0;
}

async function expand(inflater: Inflate, bytes: Buffer, coding: string, maxBytes: number): Promise<Buffer> {
  try {
    return await inflater(bytes, { maxOutputLength: Math.max(maxBytes, 1) });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') {
      throw new DecodedTooLarge(maxBytes, { cause });
    }
    throw new MalformedCoding(coding, { cause });
  }
}

/**
 * Undoes a Content-Transfer-Encoding (RFC 2045 §6); an empty one, as some clients write, is none.
 * @throws MalformedCoding for a name that is none, or base64 that is not
 */
export function decodeTransferEncoding(bytes: Buffer, encoding: string): Buffer {
  switch (encoding.trim().toLowerCase()) {
    case '':
    case '7bit':
    case '8bit':
    case 'binary':
      return bytes;
    case 'base64':
      return decodeBase64(bytes);
    case 'quoted-printable':
      return decodeQuotedPrintable(bytes);
    default:
      throw new MalformedCoding(encoding);
  }
}

/** RFC 2045 §6.8: line ends and blanks mean nothing; padding may be missing. */
function decodeBase64(bytes: Buffer): Buffer {
  const digits = bytes.toString('latin1').replace(/[ \t\r\n]+/g, '');
  const data = digits.replace(/={1,2}$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(data) || data.length % 4 === 1) throw new MalformedCoding('base64');
  return Buffer.from(data, 'base64');
}

/** RFC 2045 §6.7: blanks before a line end are not part of the text, and `=` before one joins two lines. */
function decodeQuotedPrintable(bytes: Buffer): Buffer {
  const joined = bytes
    .toString('latin1')
    .split('\n')
    .map((line, index, lines) => (index < lines.length - 1 ? trimLine(line) : line))
    .join('');
  const decoded = joined
    .replace(/=$/, '')
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(decoded, 'latin1');
}

/** The line with its end, or without when it is a soft one. */
function trimLine(line: string): string {
  const end = line.endsWith('\r') ? '\r\n' : '\n';
  let length = line.length;
  while (length > 0 && ' \t\r'.includes(line.charAt(length - 1))) length--;
  const text = line.slice(0, length);
  return text.endsWith('=') ? text.slice(0, -1) : text + end;
}
