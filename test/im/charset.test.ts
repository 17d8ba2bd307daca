import { expect } from 'chai';
import { decodeText } from '../../src/im/charset.ts';

describe('charset', () => {
  for (const label of [
    undefined,
    'utf-8',
    'UTF-8',
    'utf8',
    '"utf8"',
    'UTF_8',
    'us-ascii',
    'ascii',
    'no-such',
    '',
  ]) {
    it(`reads UTF-8 declared as ${label ?? 'nothing'}`, () => {
      expect(decodeText(Buffer.from('Grüße 🙂'), label)).to.equal('Grüße 🙂');
    });
  }

  it('reads the charsets of older clients', () => {
    expect(decodeText(Buffer.from([0xe9]), 'ISO-8859-1')).to.equal('é');
    expect(decodeText(Buffer.from([0xe9]), 'latin1')).to.equal('é');
    expect(decodeText(Buffer.from([0x80]), 'windows-1252')).to.equal('€');
    expect(decodeText(Buffer.from('hé', 'utf16le'), 'utf-16le')).to.equal('hé');
  });

  it('replaces bytes that mean nothing', () => {
    expect(decodeText(Buffer.from([0x61, 0xff, 0x62]))).to.equal('a\ufffdb');
  });
});
