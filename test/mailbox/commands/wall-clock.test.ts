import { expect } from 'chai';
import fc from 'fast-check';
import { instantOf, wallClockAt } from '../../../src/mailbox/commands/wall-clock.ts';

const utc = (text: string): number => Date.parse(`${text}Z`);

describe('the clock on the wall of a time zone', () => {
  const rows: readonly (readonly [zone: string, wall: string, instant: string, why: string])[] = [
    ['Europe/Madrid', '2026-01-15T09:00', '2026-01-15T08:00', 'winter'],
    ['Europe/Madrid', '2026-07-15T09:00', '2026-07-15T07:00', 'summer'],
    ['Europe/Madrid', '2026-03-29T01:59', '2026-03-29T00:59', 'the last minute before the change'],
    ['Europe/Madrid', '2026-03-29T02:00', '2026-03-29T01:00', 'a time that is skipped is the change'],
    ['Europe/Madrid', '2026-03-29T02:30', '2026-03-29T01:00', 'a time that is skipped is the change'],
    ['Europe/Madrid', '2026-03-29T03:00', '2026-03-29T01:00', 'the first time that exists again'],
    ['Europe/Madrid', '2026-10-25T02:30', '2026-10-25T00:30', 'the first of two'],
    ['Europe/Madrid', '2026-10-25T03:00', '2026-10-25T02:00', 'after both'],
    ['America/New_York', '2026-03-08T02:30', '2026-03-08T07:00', 'skipped'],
    ['America/New_York', '2026-11-01T01:30', '2026-11-01T05:30', 'the first of two'],
    ['America/New_York', '2026-11-01T09:00', '2026-11-01T14:00', 'later that day'],
    ['Australia/Lord_Howe', '2026-10-04T02:15', '2026-10-03T15:30', 'skipped, by half an hour'],
    ['Australia/Lord_Howe', '2026-10-04T02:30', '2026-10-03T15:30', 'the first time that exists again'],
    ['Australia/Lord_Howe', '2026-04-05T01:45', '2026-04-04T14:45', 'the first of two, half an hour apart'],
    ['Pacific/Kiritimati', '2026-01-01T00:00', '2025-12-31T10:00', 'the earliest zone'],
    ['no such zone', '2026-01-01T00:00', '2026-01-01T00:00', 'a zone that is not known is UTC'],
  ];
  for (const [zone, wall, instant, why] of rows) {
    it(`shows ${wall} in ${zone} at ${instant}Z: ${why}`, () => {
      expect(new Date(instantOf(utc(wall), zone)).toISOString()).to.equal(
        new Date(utc(instant)).toISOString(),
      );
    });
  }

  it('shows what was asked, or the first time after it that exists', () => {
    const zones = fc.constantFrom(
      'Europe/Madrid',
      'America/New_York',
      'Australia/Lord_Howe',
      'America/Santiago',
      'UTC',
    );
    const walls = fc.integer({ min: utc('2000-01-01T00:00'), max: utc('2040-01-01T00:00') });
    fc.assert(
      fc.property(zones, walls, (zone, wall) => {
        const shown = wallClockAt(instantOf(wall, zone), zone);
        expect(shown - wall).to.be.within(0, 3_600_000);
      }),
      { numRuns: 300 },
    );
  });
});
