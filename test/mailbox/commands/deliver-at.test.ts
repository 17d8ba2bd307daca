import { expect } from 'chai';
import fc from 'fast-check';
import { readDeliverAt } from '../../../src/mailbox/commands/deliver-at.ts';

const NINE_UTC = Date.UTC(2026, 10, 21, 9);
const HOUR = 3_600_000;
const MADRID = { timeZone: 'Europe/Madrid' };

describe('X-Deliver-At', () => {
  const values: readonly (readonly [string, number])[] = [
    ['2026-11-21T09:00:00Z', NINE_UTC],
    ['2026-11-21T10:00:00+01:00', NINE_UTC],
    ['2026-11-21 09:00:00.500Z', NINE_UTC + 500],
    ['Sat, 21 Nov 2026 09:00:00 GMT', NINE_UTC],
    ['21 Nov 2026 10:00:00 +0100', NINE_UTC],
    ['1795251600', NINE_UTC],
    ['999999999', 999_999_999_000],
    ['20261121100000', NINE_UTC],
    ['2026-11-21T10:00:00', NINE_UTC],
    ['2026-11-21 10:00', NINE_UTC],
    [' 2026-11-21T10:00 ', NINE_UTC],
    // Summer time.
    ['20260701120000', Date.UTC(2026, 6, 1, 10)],
    ['2026-03-29T02:30', Date.UTC(2026, 2, 29, 1)],
    ['2026-10-25T02:30', Date.UTC(2026, 9, 25, 0, 30)],
  ];
  for (const [value, at] of values) {
    it(`reads ${JSON.stringify(value)}, in the zone given when it names none`, () => {
      expect(readDeliverAt(value, MADRID)).to.equal(at);
    });
  }

  it('is the same instant in any zone once it names its own', () => {
    for (const timeZone of ['America/New_York', 'Australia/Lord_Howe', 'UTC', 'no such zone']) {
      expect(readDeliverAt('2026-11-21T10:00:00+01:00', { timeZone })).to.equal(NINE_UTC);
      expect(readDeliverAt('1795251600', { timeZone })).to.equal(NINE_UTC);
    }
    expect(readDeliverAt('20261121090000', { timeZone: 'America/New_York' })).to.equal(NINE_UTC + 5 * HOUR);
    expect(readDeliverAt('20261121090000', { timeZone: 'no such zone' })).to.equal(NINE_UTC);
  });

  for (const value of [
    '',
    'tomorrow',
    '20261121',
    '3600',
    '2026-02-30T09:00',
    '2026-02-30T09:00:00Z',
    '20260230090000',
    '2026-13-01T09:00',
    '20261121250000',
    '2026-11-21T24:00',
    '2026-11-21T09:61',
    '2026-11-21T09:00:00+99:00',
    'Sat, 31 Feb 2026 09:00:00 GMT',
    '1795251600000',
    '2026-11-21T09:00 or later',
    '9'.repeat(10_000),
  ]) {
    it(`takes ${JSON.stringify(value.slice(0, 40))} for no time`, () => {
      expect(readDeliverAt(value, MADRID)).to.equal(undefined);
    });
  }

  it('never throws and never makes up a time that is no number', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.string({ unit: fc.constantFrom(...Array.from('0123456789-:TZ+ .')), maxLength: 30 }),
    );
    fc.assert(
      fc.property(anything, (value) => {
        const at = readDeliverAt(value, MADRID);
        expect(at === undefined || Number.isFinite(at)).to.equal(true);
      }),
      { numRuns: 500 },
    );
  });
});
