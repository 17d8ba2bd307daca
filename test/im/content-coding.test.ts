import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import {
  DecodedTooLarge,
  MalformedCoding,
  UnsupportedContentCoding,
  decodeContent,
  decodeTransferEncoding,
} from '../../src/im/content-coding.ts';

const TEXT = Buffer.from('Grüße, '.repeat(20));

async function failure(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('Content-Encoding', () => {
  const cases: [string, Buffer][] = [
    ['', TEXT],
    ['identity', TEXT],
    ['deflate', deflateSync(TEXT)],
    ['Deflate', deflateRawSync(TEXT)],
    ['gzip', gzipSync(TEXT)],
    ['x-gzip', gzipSync(TEXT)],
    ['deflate, gzip', gzipSync(deflateSync(TEXT))],
  ];
  for (const [codings, bytes] of cases) {
    it(`undoes ${codings === '' ? 'none' : codings} (${bytes.length} bytes)`, async () => {
      expect(await decodeContent(bytes, codings, TEXT.length)).to.deep.equal(TEXT);
    });
  }

  it('undoes every raw deflate stream, also one that begins like a wrapped one', async () => {
    for (let seed = 0; seed < 300; seed++) {
      const text = Buffer.from(String(seed * 7919).repeat(1 + (seed % 9)));
      expect(await decodeContent(deflateRawSync(text), 'deflate', 1000)).to.deep.equal(text);
    }
    // A stored block of five bytes whose header bits were chosen to look like RFC 1950's 0x78 0x01.
    const stored = Buffer.concat([Buffer.from([0x78, 0x01]), Buffer.from('x')]);
    expect(await failure(decodeContent(stored, 'deflate', 1000))).to.be.instanceOf(MalformedCoding);
  });

  it('leaves an empty body empty', async () => {
    expect(await decodeContent(Buffer.alloc(0), 'deflate', 10)).to.have.length(0);
  });

  it('takes exactly the limit, and not one byte more', async () => {
    for (const [codings, bytes] of cases) {
      expect(await decodeContent(bytes, codings, TEXT.length)).to.have.length(TEXT.length);
      expect(await failure(decodeContent(bytes, codings, TEXT.length - 1))).to.be.instanceOf(DecodedTooLarge);
    }
  });

  it('stops at the limit when a small body swells (decompression bomb)', async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(50_000_000)));
    const started = performance.now();
    expect(await failure(decodeContent(bomb, 'gzip, gzip', 65_536))).to.be.instanceOf(DecodedTooLarge);
    expect(await failure(decodeContent(bomb, 'gzip', 10))).to.be.instanceOf(DecodedTooLarge);
    expect(performance.now() - started).to.be.below(1_000);
  });

  it('refuses a coding it does not know, and too many of them', async () => {
    expect(await failure(decodeContent(TEXT, 'br', 1000))).to.be.instanceOf(UnsupportedContentCoding);
    expect(await failure(decodeContent(TEXT, 'gzip,gzip,gzip,gzip', 1000))).to.be.instanceOf(
      UnsupportedContentCoding,
    );
  });

  it('refuses a body that is not what its coding says, and one cut short at any byte', async () => {
    for (const codings of ['deflate', 'gzip']) {
      expect(await failure(decodeContent(TEXT, codings, 1000))).to.be.instanceOf(MalformedCoding);
      const whole = codings === 'gzip' ? gzipSync(TEXT) : deflateSync(TEXT);
      for (let length = 1; length < whole.length; length++) {
        const cut = whole.subarray(0, length);
        expect(await failure(decodeContent(cut, codings, 1000))).to.be.instanceOf(MalformedCoding);
      }
    }
  });
});

describe('Content-Transfer-Encoding', () => {
  const decode = (text: string, encoding: string): string =>
    decodeTransferEncoding(Buffer.from(text), encoding).toString();

  for (const encoding of ['', '7bit', '8BIT', 'binary', ' ']) {
    it(`${JSON.stringify(encoding)} changes nothing`, () => {
      expect(decode('a=41\r\n', encoding)).to.equal('a=41\r\n');
    });
  }

  it('undoes base64 with line ends and without padding', () => {
    expect(decode('R3LD\r\nvMOf\nZQ', 'Base64')).to.equal('Grüße');
  });

  it('undoes quoted-printable with soft line ends and trailing blanks', () => {
    expect(decode('Gr=C3=BC=\r\n=C3=9fe \t\r\nzwei=\n', 'quoted-printable')).to.equal('Grüße\r\nzwei');
    expect(decode('50 = 100 =ZZ', 'quoted-printable')).to.equal('50 = 100 =ZZ');
  });

  it('refuses what is no base64, and an encoding nobody knows', () => {
    expect(() => decode('hello!', 'base64')).to.throw(MalformedCoding);
    expect(() => decode('a', 'base64')).to.throw(MalformedCoding);
    expect(() => decode('a', 'x-uuencode')).to.throw(MalformedCoding);
  });
});
