/*
 * RFC 2047 §2: encoded-word = "=?" charset "?" encoding "?" encoded-text "?=", at most 75 characters. §5: a long text becomes
 * several words with a blank between them, which readers leave out; each word holds whole characters.
 */
const LONGEST_WORD = 75;
const PRINTABLE = /^[\x20-\x7e]*$/;
/** §5 (3): what may stand for itself in every place where an encoded word may stand. */
const PLAIN_IN_Q = /[A-Za-z0-9!*+\-/]/;

/** Whether every character is printable ASCII or a blank. */
export function isPrintableAscii(text: string): boolean {
  return PRINTABLE.test(text);
}

/** Text as it may stand in a header: as it is where it is printable ASCII and looks like no encoded word, else encoded. */
export function encodeHeaderText(text: string): string {
  return isPrintableAscii(text) && !text.includes('=?') ? text : encodeWords(text);
}

/** Text as encoded words in UTF-8, in the encoding that makes it shorter. Half of a surrogate pair becomes U+FFFD. */
export function encodeWords(text: string): string {
  const [q, b] = [encodeAs(Q, text), encodeAs(B, text)];
  return q.length <= b.length ? q : b;
}

interface Encoding {
  readonly letter: 'Q' | 'B';
  encode(text: string): string;
}

/** RFC 2047 §4.2: a blank is `_`, other bytes are `=` and two digits. */
const Q: Encoding = {
  letter: 'Q',
  encode: (text) =>
    [...Buffer.from(text, 'utf8')]
      .map((byte) => {
        const character = String.fromCharCode(byte);
        if (character === ' ') return '_';
        if (PLAIN_IN_Q.test(character)) return character;
        return `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
      })
      .join(''),
};

/** RFC 2047 §4.1: base64. */
const B: Encoding = { letter: 'B', encode: (text) => Buffer.from(text, 'utf8').toString('base64') };

function encodeAs(encoding: Encoding, text: string): string {
  const word = (content: string): string => `=?UTF-8?${encoding.letter}?${encoding.encode(content)}?=`;
  const words: string[] = [];
  let content = '';
  for (const character of text) {
    if (content !== '' && word(content + character).length > LONGEST_WORD) {
      words.push(word(content));
      content = '';
    }
    content += character;
  }
  return [...words, ...(content === '' ? [] : [word(content)])].join(' ');
}
