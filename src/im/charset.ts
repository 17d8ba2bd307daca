import { TextDecoder } from 'node:util';

/*
 * Charset labels peers were seen to spell in their own way. US-ASCII is a part of UTF-8, and texts that claim it while
 * holding UTF-8 are common; the Encoding Standard would read them as windows-1252.
 */
const SPELLINGS: ReadonlyMap<string, string> = new Map([
  ['utf8', 'utf-8'],
  ['unicode11utf8', 'utf-8'],
  ['usascii', 'utf-8'],
  ['ascii', 'utf-8'],
  ['latin1', 'iso-8859-1'],
]);

/** 0x80 to 0x9f of windows-1252 (Encoding Standard §9.1), which some releases of Node read as ISO 8859-1. */
const WINDOWS_1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/**
 * Text of `bytes` in the charset they are declared to have. Undeclared and unknown charsets are read as UTF-8
 * (RFC 3261 §7.4.1), and bytes that mean nothing become U+FFFD, so there is always a text.
 */
export function decodeText(bytes: Uint8Array, charset?: string): string {
  const decoder = decoderFor(charset);
  const text = decoder.decode(bytes);
  if (decoder.encoding !== 'windows-1252') return text;
  return text.replace(/[\u0080-\u009f]/g, (control) => WINDOWS_1252.charAt(control.charCodeAt(0) - 0x80));
}

function decoderFor(charset = 'utf-8'): TextDecoder {
  const bare = charset.toLowerCase().replace(/[^a-z0-9]/g, '');
  try {
    return new TextDecoder(SPELLINGS.get(bare) ?? charset.trim());
  } catch (error) {
    if (error instanceof RangeError) return new TextDecoder('utf-8');
    throw error;
  }
}
