import { UNITS, readMuchOf } from './worst-cases.ts';

describe('readers of SIP, given 47 KB of the same (threat: matching that goes back over what it read)', () => {
  for (const unit of UNITS) {
    it(`are done in proportion to the length of ${JSON.stringify(unit)} repeated`, () =>
      void readMuchOf(unit));
  }
});
