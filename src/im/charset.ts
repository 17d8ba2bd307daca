import { isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { formatContentType, parseContentType } from './content-type.ts';

/*
 * Charsets peers were seen to spell in their own way. US-ASCII is a part of UTF-8, and texts that claim it while holding UTF-8
 * are common; the Encoding Standard would read them as windows-1252.
 */
const SPELLINGS: ReadonlyMap<string, string> = new Map([
  ['utf8', 'utf-8'],
  ['unicode11utf8', 'utf-8'],
  ['usascii', 'utf-8'],
  ['ascii', 'utf-8'],
  ['ansix341968', 'utf-8'],
  ['latin1', 'iso-8859-1'],
  ['koi8r', 'koi8-r'],
  ['koi8u', 'koi8-u'],
  ['eucjp', 'euc-jp'],
  ['euckr', 'euc-kr'],
  ['utf16', 'utf-16'],
  ['utf16le', 'utf-16le'],
  ['utf16be', 'utf-16be'],
]);

/** 0x80 to 0x9f of windows-1252 (Encoding Standard §9.1), which some releases of Node read as ISO 8859-1. */
const WINDOWS_1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/**
 * Text of `bytes` in the charset they are declared to have. Undeclared and unknown charsets are read as UTF-8
 * (RFC 3261 §7.4.1), and bytes that mean nothing become U+FFFD, so there is always a text.
 */
export function decodeText(bytes: Uint8Array, charset?: string): string {
  const decoder = decoderFor(charset, bytes) ?? new TextDecoder('utf-8');
  const text = decoder.decode(bytes);
  if (decoder.encoding !== 'windows-1252') return text;
  return text.replace(/[\u0080-\u009f]/g, (control) => WINDOWS_1252.charAt(control.charCodeAt(0) - 0x80));
}

/** A body of a declared type. */
export interface TypedBody {
  readonly contentType: string;
  readonly content: Buffer;
}

/**
 * A text in UTF-8, its type saying so: clients rarely know another charset, and some guess where none is spelled out. Valid UTF-8
 * stays as it is, byte for byte; bytes that mean nothing in the charset become U+FFFD. Left as they are, type and bytes: what
 * is in a charset unknown to us, HTML that declares none, which may name it in itself, and what is no text.
 */
export function toUtf8(body: TypedBody): TypedBody {
  const declared = body.contentType.trim() === '' ? 'text/plain' : body.contentType;
  const type = parseContentType(declared);
  if (type?.mime.startsWith('text/') !== true) return body;
  const charset = type.parameters.get('charset');
  if (charset === undefined && type.mime !== 'text/plain') return body;
  const decoder = decoderFor(charset, body.content);
  if (decoder === undefined) return body;
  const said = charset?.toLowerCase() === 'utf-8';
  const parameters = new Map(type.parameters).set('charset', 'utf-8');
  return {
    contentType: said ? declared : formatContentType({ mime: type.mime, parameters }),
    content: isUtf8Already(decoder, body.content)
      ? body.content
      : Buffer.from(decodeText(body.content, charset), 'utf8'),
  };
}

function isUtf8Already(decoder: TextDecoder, bytes: Buffer): boolean {
  return decoder.encoding === 'utf-8' && isUtf8(bytes);
}

/** Undefined for a charset the Encoding Standard doesn't know. */
function decoderFor(charset = 'utf-8', bytes: Uint8Array): TextDecoder | undefined {
  const label = charset.replaceAll('"', '').trim();
  const bare = label.toLowerCase().replace(/[^a-z0-9]/g, '');
  const known = SPELLINGS.get(bare) ?? label;
  try {
    return new TextDecoder(isBigEndian(known, bytes) ? 'utf-16be' : known);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** RFC 2781 §3.2: the mark at the front of UTF-16 tells which byte of two comes first; without one it is as on most machines. */
function isBigEndian(label: string, bytes: Uint8Array): boolean {
  return label.toLowerCase() === 'utf-16' && bytes[0] === 0xfe && bytes[1] === 0xff;
}
