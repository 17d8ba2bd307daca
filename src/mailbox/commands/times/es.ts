import { DAY_AND_MONTH, LONE_A, clockTime, delays } from './clock-words.ts';
import type { Idiom, TimeWords } from './idiom.ts';

const FRACTION: Readonly<Record<string, number>> = { 'y media': 30, 'y cuarto': 15, 'menos cuarto': -15 };
const FRACTIONS = Object.keys(FRACTION).join('|');
const OF_THE_DAY = String.raw`(?:\s+de\s+la\s+(ma[ñn]ana|madrugada|tarde|noche))`;

const WEEKDAYS = ['domingo', 'lunes', 'martes', 'mi[ée]rcoles', 'jueves', 'viernes', 's[áa]bado'];

/** Chrono puts `el próximo viernes` off by a week. */
const COMING: readonly Idiom[] = WEEKDAYS.map((day, weekday) => ({
  pattern: String.raw`(?:el\s+)?(?:pr[óo]ximo\s+${day}|${day}\s+(?:que\s+viene|pr[óo]ximo))`,
  read: () => ({ weekday }),
}));

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
    ...COMING,
    { pattern: String.raw`pasado\s+ma[ñn]ana`, read: () => ({ days: 2 }) },
    {
      pattern: String.raw`el\s+(?:d[ií]a\s+)?(\d{1,2})(?!\s*[:/.h\d])`,
      read: ([day]) => ({ day: Number(day) }),
    },
    {
      pattern: String.raw`(?:a\s+)?las?\s+(\d{1,2})(?:[:.h](\d{2}))?\s*(?:h(?:oras?|s)?\.?)?(?:\s+(${FRACTIONS}))?${OF_THE_DAY}?`,
      read: ([hour, minutes, fraction, part]) =>
        clockTime(
          hourOf(hour, part),
          fraction === undefined ? Number(minutes ?? 0) : (FRACTION[fraction.toLowerCase()] ?? 0),
          isAfternoon(part),
        ),
    },
    {
      pattern: String.raw`(\d{1,2}):(\d{2})${OF_THE_DAY}`,
      read: ([hour, minutes, part]) => clockTime(hourOf(hour, part), Number(minutes), isAfternoon(part)),
    },
    {
      pattern: String.raw`(\d{1,2})\s?h(?:\s?(\d{2}))?`,
      read: ([hour, minutes]) => clockTime(Number(hour), Number(minutes ?? 0)),
    },
    { pattern: String.raw`por\s+la\s+ma[ñn]ana`, read: () => 'part of the day' },
    { pattern: String.raw`(?:por\s+la|esta)\s+tarde`, read: () => 'part of the day' },
    { pattern: String.raw`(?:por\s+la|esta)\s+noche`, read: () => 'part of the day' },
    { pattern: String.raw`al?\s+mediod[ií]a`, read: () => ({ hour: 12, minute: 0 }) },
    { pattern: String.raw`a\s+medianoche`, read: () => ({ hour: 0, minute: 0 }) },
  ],
  dayParts: [
    ['por la ma[ñn]ana', 9],
    ['mediod[ií]a', 12],
    ['tarde', 16],
    ['noche', 21],
    ['medianoche', 0],
  ],
  misread: LONE_A,
  prepositions: 'el|la|las|los|a|al|para|este|esta',
  conjunctions: 'que|de',
};

/** `a las 12 de la noche` is midnight. */
function hourOf(hour: string | undefined, part: string | undefined): number {
  return hour === '12' && /^noche$/i.test(part ?? '') ? 0 : Number(hour);
}

function isAfternoon(part: string | undefined): boolean {
  return /^(?:tarde|noche)$/i.test(part ?? '');
}
