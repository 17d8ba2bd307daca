import { DAY_AND_MONTH, clockTime, delays } from './clock-words.ts';
import type { TimeWords } from './idiom.ts';

const FRACTION: Readonly<Record<string, number>> = { 'y media': 30, 'y cuarto': 15, 'menos cuarto': -15 };
const FRACTIONS = Object.keys(FRACTION).join('|');
const OF_THE_DAY = String.raw`(?:\s+de\s+la\s+(ma[ñn]ana|madrugada|tarde|noche))`;

export const es: TimeWords = {
  idioms: [
    ...delays({
      ahead: 'en|dentro de',
      one: 'un|una',
      minutes: 'min(?:uto)?s?',
      hours: 'horas?|h',
      halfAnHour: 'media hora',
      quarterOfAnHour: 'un cuarto de hora',
    }),
    DAY_AND_MONTH,
    { pattern: String.raw`pasado\s+ma[ñn]ana`, read: () => ({ days: 2 }) },
    {
      pattern: String.raw`el\s+(?:d[ií]a\s+)?(\d{1,2})(?!\s*[:/.h\d])`,
      read: ([day]) => ({ day: Number(day) }),
    },
    {
      pattern: String.raw`(?:a\s+)?las?\s+(\d{1,2})(?:[:.h](\d{2}))?\s*(?:h(?:oras?|s)?\.?)?(?:\s+(${FRACTIONS}))?${OF_THE_DAY}?`,
      read: ([hour, minutes, fraction, part]) =>
        clockTime(
          Number(hour),
          fraction === undefined ? Number(minutes ?? 0) : (FRACTION[fraction.toLowerCase()] ?? 0),
          isAfternoon(part),
        ),
    },
    {
      pattern: String.raw`(\d{1,2}):(\d{2})${OF_THE_DAY}`,
      read: ([hour, minutes, part]) => clockTime(Number(hour), Number(minutes), isAfternoon(part)),
    },
    {
      pattern: String.raw`(\d{1,2})\s?h(?:\s?(\d{2}))?`,
      read: ([hour, minutes]) => clockTime(Number(hour), Number(minutes ?? 0)),
    },
    { pattern: String.raw`por\s+la\s+ma[ñn]ana`, read: () => ({ hour: 9, minute: 0 }) },
    { pattern: String.raw`(?:por\s+la|esta)\s+tarde`, read: () => ({ hour: 16, minute: 0 }) },
    { pattern: String.raw`(?:por\s+la|esta)\s+noche`, read: () => ({ hour: 21, minute: 0 }) },
    { pattern: String.raw`al?\s+mediod[ií]a`, read: () => ({ hour: 12, minute: 0 }) },
    { pattern: String.raw`a\s+medianoche`, read: () => ({ hour: 0, minute: 0 }) },
  ],
  dayParts: [
    ['mediod[ií]a', 12],
    ['tarde', 16],
    ['noche', 21],
    ['medianoche', 0],
  ],
  prepositions: 'el|la|las|los|a|al|para|este|esta',
  conjunctions: 'que|de',
};

function isAfternoon(part: string | undefined): boolean {
  return /^(?:tarde|noche)$/i.test(part ?? '');
}
