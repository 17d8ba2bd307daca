import { expect } from 'chai';
import fc from 'fast-check';
import { parseByteRange } from '../../src/msrp/byte-range.ts';
import { IncomingMessage } from '../../src/msrp/incoming-message.ts';

function feed(
  chunks: readonly [range: string, body: string, flag: '$' | '+' | '#'][],
  maxBytes = 1000,
): string {
  const message = new IncomingMessage('text/plain', maxBytes);
  let last = 'nothing';
  for (const [range, body, flag] of chunks) {
    const progress = message.add(parseByteRange(range), Buffer.from(body), flag);
    last = progress.kind === 'whole' ? progress.content.toString() : progress.kind;
  }
  return last;
}

describe('a message in chunks', () => {
  it('is whole with its only chunk, whatever its range claims', () => {
    expect(feed([['1-5/5', 'hello', '$']])).to.equal('hello');
    expect(feed([['', 'hello', '$']])).to.equal('hello');
    expect(feed([['1-*/*', 'hello', '$']])).to.equal('hello');
    expect(feed([['1-3/3', 'ééé', '$']])).to.equal('ééé');
  });

  it('is put together in any order and with overlaps', () => {
    expect(
      feed([
        ['1-3/9', 'abc', '+'],
        ['4-6/9', 'def', '+'],
        ['7-9/9', 'ghi', '$'],
      ]),
    ).to.equal('abcdefghi');
    expect(
      feed([
        ['7-9/9', 'ghi', '$'],
        ['4-6/9', 'def', '+'],
        ['1-3/9', 'abc', '+'],
      ]),
    ).to.equal('abcdefghi');
    expect(
      feed([
        ['1-5/9', 'abcde', '+'],
        ['3-9/9', 'cdefghi', '$'],
      ]),
    ).to.equal('abcdefghi');
  });

  it('whose sender counts characters is put together by the order of its chunks', () => {
    expect(
      feed([
        ['1-3/6', 'äöü', '+'],
        ['4-6/6', 'ßé!', '$'],
      ]),
    ).to.equal('äöüßé!');
  });

  it('of which a chunk was interrupted goes on behind what came of it', () => {
    expect(
      feed([
        ['1-6/9', 'abc', '+'],
        ['4-9/9', 'defghi', '$'],
      ]),
    ).to.equal('abcdefghi');
    expect(
      feed([
        ['1-6/9', 'abc', '+'],
        ['7-9/9', 'ghi', '$'],
        ['4-6/9', 'def', '+'],
      ]),
    ).to.equal('abcdefghi');
  });

  it('keeps what came beyond its last chunk, since that was acknowledged', () => {
    expect(
      feed([
        ['4-9/9', 'defghi', '+'],
        ['1-3/9', 'abc', '$'],
      ]),
    ).to.equal('abcdefghi');
  });

  it('has what the later of two chunks says where they differ, ahead of its turn too', () => {
    expect(
      feed([
        ['4-6/6', 'xxx', '+'],
        ['5-6/6', 'ef', '$'],
        ['1-4/6', 'abcd', '+'],
      ]),
    ).to.equal('abcdef');
  });

  it('of empty chunks is empty, and an empty chunk may be its last', () => {
    expect(
      feed([
        ['1-0/*', '', '+'],
        ['1-0/0', '', '$'],
      ]),
    ).to.equal('');
    expect(
      feed([
        ['4-3/3', '', '$'],
        ['1-3/3', 'abc', '+'],
      ]),
    ).to.equal('abc');
  });

  it('of one chunk is that chunk and is not copied', () => {
    const bytes = Buffer.from('hello');
    const progress = new IncomingMessage('text/plain', 1000).add(parseByteRange('1-5/5'), bytes, '$');
    expect(progress.kind === 'whole' && progress.content).to.equal(bytes);
  });

  it('whose chunks bear no ranges is put together in the order they came', () => {
    expect(
      feed([
        ['', 'hi ', '+'],
        ['', 'wonder', '+'],
        ['', 'ful', '$'],
      ]),
    ).to.equal('hi wonderful');
  });

  it('stays open while a piece is missing, and is dropped when it is aborted', () => {
    expect(
      feed([
        ['1-3/9', 'abc', '+'],
        ['7-9/9', 'ghi', '$'],
      ]),
    ).to.equal('open');
    expect(
      feed([
        ['1-3/9', 'abc', '+'],
        ['4-4/9', 'd', '#'],
      ]),
    ).to.equal('aborted');
  });

  it('is refused by what came, not by what a range claims', () => {
    expect(feed([['1-10/99999999', 'abc', '+']], 100)).to.equal('open');
    expect(feed([['99999999-*/*', 'abc', '+']], 100)).to.equal('too large');
    expect(feed([['1-*/*', 'x'.repeat(101), '$']], 100)).to.equal('too large');
  });

  it('takes no more memory for a claim, only for what came', () => {
    const max = 10_000_000;
    const claims = new IncomingMessage('text/plain', max);
    claims.add(parseByteRange('1-10/10000000'), Buffer.alloc(10), '+');
    expect(claims.room).to.be.at.most(256);
    const far = new IncomingMessage('text/plain', max);
    far.add(parseByteRange('9999990-9999999/10000000'), Buffer.alloc(10), '+');
    expect(far.room).to.be.at.most(8_192);
    const growing = new IncomingMessage('text/plain', max);
    for (let at = 0; at < max; at += 10_000) {
      growing.add(parseByteRange(`${at + 1}-*/*`), Buffer.alloc(10_000), '+');
      expect(growing.room).to.be.at.most(Math.min(max, 16 * (at + 10_000)));
    }
    expect(growing.room).to.equal(max);
  });

  it('with the same chunk over and over cannot fill the memory', () => {
    const message = new IncomingMessage('text/plain', 1000);
    for (let i = 0; i < 500; i++) message.add(parseByteRange('901-990/1000'), Buffer.alloc(90), '+');
    expect(message.room).to.be.at.most(1000);
    const growing = new IncomingMessage('text/plain', 1000);
    growing.add(parseByteRange('1-600/1000'), Buffer.alloc(600), '+');
    growing.add(parseByteRange('601-700/1000'), Buffer.alloc(100), '+');
    expect(growing.room).to.be.at.most(1000);
  });

  it('in any chunks in any order is the same message', () => {
    const cut = fc.tuple(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.array(fc.nat(300)),
      fc.infiniteStream(fc.nat()),
    );
    fc.assert(
      fc.property(cut, ([bytes, cuts, order]) => {
        const points = [...new Set([0, ...cuts.map((each) => each % bytes.length), bytes.length])].sort(
          (a, b) => a - b,
        );
        const chunks = points.slice(1).map((end, index) => {
          const start = points[index] ?? 0;
          return { start, end, rank: order.next().value as number };
        });
        const message = new IncomingMessage('x/y', 1000);
        let whole: Buffer | undefined;
        for (const { start, end } of chunks.sort((a, b) => a.rank - b.rank)) {
          const range = parseByteRange(`${start + 1}-${end}/${bytes.length}`);
          const progress = message.add(
            range,
            Buffer.from(bytes.subarray(start, end)),
            end === bytes.length ? '$' : '+',
          );
          if (progress.kind === 'whole') whole = progress.content;
        }
        expect(whole?.equals(Buffer.from(bytes))).to.equal(true);
      }),
    );
  });
});
