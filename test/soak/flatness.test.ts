import { expect } from 'chai';
import { flatness } from './flatness.ts';

describe('how flat a measure stayed', () => {
  it('does not count how the collector breathes within a stretch', () => {
    const breathing = Array.from({ length: 54 }, (_, i) => 100 + (i % 6) * 10);
    const { min, max, movedPercent, driftPercent } = flatness(breathing, 6);
    expect([min, max, movedPercent, driftPercent]).to.deep.equal([100, 150, 0, 0]);
  });

  it('tells a slow growth by the stretches at its ends, and by its drift', () => {
    const growing = Array.from({ length: 60 }, (_, i) => 100 + i / 2);
    const { movedPercent, driftPercent } = flatness(growing, 6);
    expect(movedPercent).to.be.closeTo(11.8, 0.2);
    expect(driftPercent).to.be.closeTo(17.4, 0.2);
  });

  it('counts what does not fill a stretch for the least and the most', () => {
    expect(flatness([100, 100, 100, 130], 3)).to.include({ max: 130, movedPercent: 6.98 });
  });
});
