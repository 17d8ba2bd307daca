import { expect } from 'chai';
import fc from 'fast-check';
import { encodeHeaderText, encodeWords, isPrintableAscii } from '../../src/im/encoded-word.ts';

const WORD = /^=\?UTF-8\?([QB])\?([!->@-~]*)\?=$/;

/** One word as a reader undoes it (RFC 2047 §4); a word must hold whole characters. */
function decodeWord(word: string): string {
  const [, encoding, text = ''] = WORD.exec(word) ?? [];
  if (encoding === undefined) throw new Error(`no encoded word: ${word}`);
  const bytes =
    encoding === 'B'
      ? Buffer.from(text, 'base64')
      : Buffer.from(
          text
            .replaceAll('_', ' ')
            .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
          'latin1',
        );
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

const decode = (text: string): string => text.split(' ').map(decodeWord).join('');

describe('encoded words (RFC 2047)', () => {
  it('leave printable ASCII as it is', () => {
    expect(encodeHeaderText('')).to.equal('');
    expect(encodeHeaderText('lunch = at "noon"?')).to.equal('lunch = at "noon"?');
  });

  it('say mostly ASCII text in Q, other text in B', () => {
    expect(encodeHeaderText('Meet me at the café_1?')).to.equal(
      '=?UTF-8?Q?Meet_me_at_the_caf=C3=A9=5F1=3F?=',
    );
    expect(encodeHeaderText('Привет')).to.equal('=?UTF-8?B?0J/RgNC40LLQtdGC?=');
  });

  it('hide text that looks like an encoded word from those who would decode it', () => {
    expect(decode(encodeHeaderText('=?UTF-8?Q?x?='))).to.equal('=?UTF-8?Q?x?=');
  });

  it('are at most 75 characters and exactly 75 where the text allows', () => {
    const words = encodeWords('é'.repeat(100)).split(' ');
    expect(Math.max(...words.map((word) => word.length))).to.be.within(71, 75);
    expect(encodeWords('a'.repeat(63))).to.have.length(75);
    expect(encodeWords('a'.repeat(64)).split(' ')).to.have.length(2);
  });

  it('never split a character', () => {
    for (let length = 0; length < 64; length++) {
      const text = `${'a'.repeat(length)}😀😀`;
      expect(decode(encodeWords(text))).to.equal(text);
    }
  });

  it('make U+FFFD of half a character', () => {
    expect(decode(encodeWords('a\ud83d'))).to.equal('a\ufffd');
  });

  it('give back any text, in printable ASCII without line ends', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
    );
    fc.assert(
      fc.property(text, (original) => {
        const encoded = encodeWords(original);
        expect(isPrintableAscii(encoded)).to.equal(true);
        expect(Math.max(...encoded.split(' ').map((word) => word.length))).to.be.at.most(75);
        expect(decode(encoded)).to.equal(original);
      }),
    );
  });
});
