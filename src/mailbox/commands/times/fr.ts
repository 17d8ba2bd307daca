import { DAY_AND_MONTH, LONE_A, clockTime, delays } from './clock-words.ts';
import type { TimeWords } from './idiom.ts';

const FRACTION: Readonly<Record<string, number>> = {
  'et demie': 30,
  'et quart': 15,
  'moins le quart': -15,
};

export const fr: TimeWords = {
  idioms: [
    ...delays({
      ahead: 'dans',
      one: 'une?',
      minutes: 'min(?:ute)?s?',
      hours: 'heures?|h',
      halfAnHour: 'une demi[- ]heure',
      quarterOfAnHour: "un quart d'heure",
    }),
    DAY_AND_MONTH,
    {
      // Chrono takes the day for an hour: 24 à 9h.
      pattern: String.raw`le\s+(\d{1,2})(?:er)?\s+(?:[àa]|vers)\s+(\d{1,2})\s*(?:h(?:eures?)?|:)\s*(\d{2})?`,
      read: ([day, hour, minute]) => ({ day: Number(day), hour: Number(hour), minute: Number(minute ?? 0) }),
    },
    { pattern: 'apr[èe]s[- ]demain', read: () => ({ days: 2 }) },
    {
      pattern: String.raw`le\s+(\d{1,2})(?:er)?(?!\s*[:/.h\d])`,
      read: ([day]) => ({ day: Number(day) }),
    },
    {
      pattern: String.raw`(?:[àa]\s+)?(\d{1,2})\s*h(?:eures?)?(?:\s*(\d{2})(?!\d))?(?:\s+(${Object.keys(FRACTION).join('|')}))?(?:\s+(du matin|de l'apr[èe]s-midi|du soir))?`,
      read: ([hour, minutes, fraction, part]) =>
        clockTime(
          Number(hour),
          fraction === undefined ? Number(minutes ?? 0) : (FRACTION[fraction.toLowerCase()] ?? 0),
          part !== undefined && !/matin/i.test(part),
        ),
    },
    { pattern: String.raw`(?:[àa]\s+)?midi`, read: () => ({ hour: 12, minute: 0 }) },
    { pattern: String.raw`(?:[àa]\s+)?minuit`, read: () => ({ hour: 0, minute: 0 }) },
    { pattern: String.raw`(?:ce\s+|au\s+|le\s+)?matin`, read: () => 'part of the day' },
    {
      pattern: String.raw`(?:cet\s+|cette\s+|l')?apr[èe]s-midi`,
      read: () => 'part of the day',
    },
    { pattern: String.raw`(?:ce\s+|au\s+|le\s+)?soir`, read: () => 'part of the day' },
  ],
  dayParts: [
    ['matin', 9],
    ['apr[èe]s-midi', 15],
    ['midi', 12],
    ['soir', 19],
    ['nuit', 22],
    ['minuit', 0],
  ],
  misread: LONE_A,
  prepositions: 'le|la|les|à|a|au|pour|vers|ce|cet|cette',
  conjunctions: "de|d'|que|qu'",
};
