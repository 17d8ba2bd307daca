import { expect } from 'chai';
import fc from 'fast-check';
import { GrowingBytes } from '../../src/msrp/growing-bytes.ts';

describe('bytes that come one after another', () => {
  it('are what came, whatever was announced', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 }),
        fc.nat(10_000),
        (pieces, announced) => {
          const growing = new GrowingBytes(10_000, announced);
          for (const piece of pieces) growing.append(Buffer.from(piece));
          expect(growing.content.equals(Buffer.concat(pieces))).to.equal(true);
          expect(growing.length).to.equal(growing.content.length);
        },
      ),
    );
  });

  it('take less than 16 times their memory, or 256 bytes, and never more than they may', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000_000 }),
        fc.integer({ min: 1, max: 100_000_000 }),
        fc.nat(),
        (max, announced, come) => {
          const length = 1 + (come % max);
          const room = new GrowingBytes(max, announced).roomFor(length);
          expect(room).to.be.within(length, Math.min(max, Math.max(256, 16 * length)));
        },
      ),
    );
  });

  it('take less than twice their memory while they are few', () => {
    for (let length = 1; length <= 32_768; length += 99) {
      expect(new GrowingBytes(65_536).roomFor(length)).to.be.within(length, Math.max(256, 2 * length));
    }
  });

  it('that come as announced are in memory of just their size, and leave little behind', () => {
    for (const announced of [1, 255, 2_048, 65_536, 1_000_000, 10_485_760]) {
      const growing = new GrowingBytes(100_000_000, announced);
      let left = 0;
      for (let length = 1; length <= announced; length = Math.min(announced, length + 1_000)) {
        const before = growing.room;
        growing.grow(length);
        if (growing.room !== before) left += before;
        if (length === announced) break;
      }
      expect(growing.room).to.equal(announced);
      expect(left).to.be.below(announced / 10 + 65_536);
    }
  });
});
