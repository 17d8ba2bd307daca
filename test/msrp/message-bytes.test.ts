import { expect } from 'chai';
import fc from 'fast-check';
import { MessageBytes } from '../../src/msrp/message-bytes.ts';

const MAX = 100_000;

describe('the bytes of a message that come in any order', () => {
  it('are what was written last at each place', () => {
    const write = fc.record({
      at: fc.nat(40_000),
      length: fc.integer({ min: 1, max: 9_000 }),
      byte: fc.integer({ min: 1, max: 255 }),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 30 }), fc.option(fc.nat(60_000)), (writes, announced) => {
        const bytes = new MessageBytes(MAX, announced ?? undefined);
        const wanted = Buffer.alloc(MAX);
        for (const { at, length, byte } of writes) {
          const piece = Buffer.alloc(length, byte);
          bytes.write(piece, at);
          piece.copy(wanted, at);
          // Zero is never written: it is a hole.
          const hole = wanted.indexOf(0);
          bytes.joinTo(hole);
          expect(bytes.content.equals(wanted.subarray(0, hole))).to.equal(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('that came ahead give their blocks back once they have joined the beginning', () => {
    const bytes = new MessageBytes(MAX, MAX);
    for (let at = MAX - 10_000; at >= 10_000; at -= 10_000) bytes.write(Buffer.alloc(10_000, 'x'), at);
    expect(bytes.room).to.be.within(90_000, 100_000);
    bytes.write(Buffer.alloc(10_000, 'x'), 0);
    bytes.joinTo(MAX);
    expect(bytes.content.equals(Buffer.alloc(MAX, 'x'))).to.equal(true);
    expect(bytes.room).to.be.at.most(MAX + 4_096);
  });

  it('take one block for a byte that is far ahead', () => {
    const bytes = new MessageBytes(100_000_000);
    bytes.write(Buffer.from('x'), 99_999_999);
    expect(bytes.room).to.equal(4_096);
  });
});
