import { expect } from 'chai';
import { fuzzMutations, fuzzNearlyWellFormed, fuzzWellFormed } from './campaigns.ts';

/** `make fuzz` does a hundred times as much and more, from another seed each time. */
const SEED = 20_261_121;

describe('SIP messages made at random', () => {
  it('are read and say what they were made of, when they are by the grammar', () => {
    const { read, refused } = fuzzWellFormed(500, SEED);
    expect([read, refused]).to.deep.equal([500, 0]);
  });

  it('raise no error but their own, read alike in pieces and are written as they were read, with a fault or two', () => {
    const { read, refused } = fuzzNearlyWellFormed(700, SEED);
    expect(Math.min(read, refused), 'of both kinds there are many').to.be.greaterThan(100);
  });

  it('raise no error but their own, read alike in pieces and are written as they were read, spoilt byte by byte', () => {
    const { read, refused } = fuzzMutations(1_000, SEED);
    expect(Math.min(read, refused), 'of both kinds there are many').to.be.greaterThan(80);
  });
});
