import { expect } from 'chai';
import { describeTime } from '../../../src/mailbox/commands/describe-time.ts';
import { LANGUAGES } from '../../../src/mailbox/phrases/phrases.ts';

const NOW = Date.parse('2026-11-18T09:00:00Z');
const NBSP = /[\u00a0\u202f]/g;

describe('a time in the words of a reader', () => {
  const described = (at: string, timeZone = 'Europe/Madrid', now = NOW): string[] =>
    LANGUAGES.map((language) =>
      describeTime(Date.parse(at), { language, timeZone, now }).replace(NBSP, ' ').replace(/’/g, "'"),
    );

  it('is today, yesterday or tomorrow where it is', () => {
    expect(described('2026-11-18T13:03:00Z')).to.deep.equal([
      'today 14:03',
      'hoy 14:03',
      'heute 14:03',
      "aujourd'hui 14:03",
    ]);
    expect(described('2026-11-17T13:03:00Z')).to.deep.equal([
      'yesterday 14:03',
      'ayer 14:03',
      'gestern 14:03',
      'hier 14:03',
    ]);
    expect(described('2026-11-19T13:03:00Z')).to.deep.equal([
      'tomorrow 14:03',
      'mañana 14:03',
      'morgen 14:03',
      'demain 14:03',
    ]);
  });

  it('has the day of another, and the year of another', () => {
    expect(described('2026-11-21T13:03:00Z')).to.deep.equal([
      'Sat 21 Nov 14:03',
      'sáb 21 nov 14:03',
      'Sa 21. Nov 14:03',
      'sam. 21 nov. 14:03',
    ]);
    expect(described('2027-01-02T08:00:00Z')[0]).to.equal('Sat 2 Jan 2027 09:00');
    expect(described('2025-12-24T08:00:00Z')[2]).to.equal('Mi 24. Dez 2025 09:00');
  });

  it('is of the day that clocks show there', () => {
    expect(described('2026-11-18T23:30:00Z')[0]).to.equal('tomorrow 00:30');
    expect(described('2026-11-18T23:30:00Z', 'America/New_York')[0]).to.equal('today 18:30');
    expect(described('2026-11-18T23:30:00Z', 'no such zone')[0]).to.equal('today 23:30');
  });

  it('counts days across a change of clocks, and over a new year', () => {
    const before = Date.parse('2026-10-24T22:30:00Z');
    expect(described('2026-10-25T23:30:00Z', 'Europe/Madrid', before)[0]).to.equal('tomorrow 00:30');
    expect(described('2026-12-31T23:30:00Z', 'UTC', Date.parse('2027-01-01T00:10:00Z'))[0]).to.equal(
      'yesterday 23:30',
    );
  });
});
