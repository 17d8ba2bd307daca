import { expect } from 'chai';
import fc from 'fast-check';
import { inPieces } from '../../../src/mailbox/desk/pieces.ts';

describe('words in pieces', () => {
  it('are as few as hold them, cut at line ends', () => {
    expect(inPieces('one\ntwo\nthree', 100)).to.deep.equal(['one\ntwo\nthree']);
    expect(inPieces('one\ntwo\nthree', 7)).to.deep.equal(['one\ntwo', 'three']);
    expect(inPieces('', 7)).to.deep.equal(['']);
  });

  it('are cut within a line only where it is too long, between characters', () => {
    expect(inPieces('añb\n€€€', 4)).to.deep.equal(['añb', '€', '€', '€']);
  });

  it('are never longer than a phone takes, and lose nothing', () => {
    const words = fc.array(fc.string({ unit: 'binary', maxLength: 30 }), { maxLength: 10 });
    fc.assert(
      fc.property(words, fc.integer({ min: 4, max: 60 }), (lines, maxBytes) => {
        const whole = lines.join('\n');
        const pieces = inPieces(whole, maxBytes);
        for (const piece of pieces) expect(Buffer.byteLength(piece)).to.be.at.most(maxBytes);
        expect(pieces.join('').replaceAll('\n', '')).to.equal(whole.replaceAll('\n', ''));
      }),
    );
  });
});
