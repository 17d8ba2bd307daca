import { expect } from 'chai';
import { decodeText, toUtf8 } from '../../src/im/charset.ts';

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

describe('a text turned into UTF-8', () => {
  const UTF_8 = 'text/plain; charset=utf-8';
  // Bytes of other charsets, written down by hand.
  const known: [string, number[], string][] = [
    ['iso-8859-1', [0x47, 0x72, 0xfc, 0xdf, 0x65], 'Grüße'],
    ['ISO_8859-15', [0xa4], '€'],
    ['windows-1252', [0x93, 0x80, 0x94], '“€”'],
    ['cp1251', [0xcf, 0xf0, 0xe8], 'При'],
    ['koi8-r', [0xf0, 0xd2, 0xc9], 'При'],
    ['KOI8R', [0xf0, 0xd2, 0xc9], 'При'],
    ['shift_jis', [0x93, 0xfa, 0x96, 0x7b], '日本'],
    ['euc-jp', [0xc6, 0xfc, 0xcb, 0xdc], '日本'],
    ['iso-2022-jp', [0x1b, 0x24, 0x42, 0x46, 0x7c, 0x4b, 0x5c, 0x1b, 0x28, 0x42], '日本'],
    ['gb18030', [0xd6, 0xd0, 0xce, 0xc4, 0x94, 0x39, 0xda, 0x33], '中文💩'],
    ['gb2312', [0xd6, 0xd0], '中'],
    ['big5', [0xa4, 0xa4], '中'],
    ['euc-kr', [0xc7, 0xd1], '한'],
    ['iso-8859-8', [0xf9, 0xec], 'של'],
    ['utf-16le', [0x68, 0x00, 0x3d, 0xd8, 0x42, 0xde], 'h🙂'],
    ['utf-16be', [0x00, 0x68, 0xd8, 0x3d, 0xde, 0x42], 'h🙂'],
    ['utf-16', [0xfe, 0xff, 0x00, 0x68], 'h'],
    ['utf-16', [0xff, 0xfe, 0x68, 0x00], 'h'],
    ['UTF16', [0x68, 0x00], 'h'],
  ];
  for (const [charset, bytes, words] of known) {
    it(`from ${charset} ${Buffer.from(bytes).toString('hex')}`, () => {
      const contentType = `text/plain; format=flowed; charset=${charset}`;
      expect(toUtf8({ contentType, content: Buffer.from(bytes) })).to.deep.equal({
        contentType: 'text/plain; format=flowed; charset=utf-8',
        content: Buffer.from(words),
      });
    });
  }

  for (const charset of ['utf8', '"utf8"', 'us-ascii', 'ASCII', 'unicode-1-1-utf-8']) {
    it(`says so when it was called ${charset}, and keeps every byte`, () => {
      const content = Buffer.from('\ufeffGrüße\u0000\r\n');
      expect(toUtf8({ contentType: `text/plain;charset=${charset}`, content })).to.deep.equal({
        contentType: UTF_8,
        content,
      });
    });
  }

  it('says so when it declared nothing, and has bytes that mean nothing replaced', () => {
    expect(toUtf8({ contentType: '', content: Buffer.from('é') }).contentType).to.equal(UTF_8);
    const content = Buffer.from([0x61, 0xff, 0xc3, 0x62]);
    expect(toUtf8({ contentType: 'text/plain', content })).to.deep.equal({
      contentType: UTF_8,
      content: Buffer.from('a\ufffd\ufffdb'),
    });
  });

  it('keeps its type to the letter when it said so before', () => {
    const contentType = 'Text/Plain;charset="UTF-8"';
    const content = Buffer.from('é');
    expect(toUtf8({ contentType, content })).to.deep.equal({ contentType, content });
  });

  const untouched: [string, number[]][] = [
    ['text/plain; charset=utf-7', [0x2b, 0xff]],
    ['text/plain; charset=x-private', [0xff]],
    ['text/plain; charset=iso-2022-kr', [0xff]],
    ['text/plain; charset=""', [0xff]],
    ['text/html', [0xe9]],
    ['image/png; charset=latin1', [0xe9]],
    ['?', [0xe9]],
  ];
  for (const [contentType, bytes] of untouched) {
    it(`leaves ${contentType} as it is, bytes and type`, () => {
      const body = { contentType, content: Buffer.from(bytes) };
      expect(toUtf8(body)).to.equal(body);
    });
  }

  it('is HTML as well when it declares a charset', () => {
    const body = { contentType: 'text/html;charset=latin1', content: Buffer.from([0xe9]) };
    expect(toUtf8(body)).to.deep.equal({
      contentType: 'text/html; charset=utf-8',
      content: Buffer.from('é'),
    });
  });
});
