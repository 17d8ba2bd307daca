import { expect } from 'chai';
import { acceptedLanguages } from '../../src/sip/accept-language.ts';
import { SIP_LIMITS } from '../../src/sip/limits.ts';

describe('Accept-Language', () => {
  const cases: readonly (readonly [header: string | undefined, tags: readonly string[]])[] = [
    [undefined, []],
    ['', []],
    ['de', ['de']],
    ['da, en-gb;q=0.8, en;q=0.7', ['da', 'en-gb', 'en']],
    ['en;q=0.5, es-419, fr;q=0.9', ['es-419', 'fr', 'en']],
    ['fr ; q=0.5 , de ; q=0.5', ['fr', 'de']],
    ['de;q=0, *, en;q=0.1', ['en']],
    ['de;q=2, "en", ;q=1, e n, fr;level=1;q=0.2', ['de', 'fr']],
  ];
  for (const [header, tags] of cases) {
    it(`${JSON.stringify(header)} means ${JSON.stringify(tags)}`, () => {
      expect(acceptedLanguages(header)).to.deep.equal(tags);
    });
  }

  it('is read up to a limit (header of many languages)', () => {
    expect(acceptedLanguages('en,'.repeat(100_000))).to.have.length(SIP_LIMITS.languages);
  });
});
