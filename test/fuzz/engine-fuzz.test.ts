import { expect } from 'chai';
import { fuzzEngine } from './engine-under-fuzz.ts';

describe('an engine, sent messages made at random', () => {
  it('answers others all the while, and nothing is left of them when their time has passed', async () => {
    const { sent, shown, alive } = await fuzzEngine(300, 20_261_121, 8 * 1024 * 1024);
    expect(sent).to.equal(300);
    expect(shown, 'shown to the application').to.be.greaterThan(30);
    expect(alive.most, 'alive at the worst moment').to.be.greaterThan(10);
  });
});
