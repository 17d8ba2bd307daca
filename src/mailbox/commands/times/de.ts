import { DAY_AND_MONTH, clockTime, delays } from './clock-words.ts';
import type { TimeWords } from './idiom.ts';

const HOURS = [
  'eins',
  'zwei',
  'drei',
  'vier',
  'fünf',
  'sechs',
  'sieben',
  'acht',
  'neun',
  'zehn',
  'elf',
  'zwölf',
];
const HOUR = String.raw`(\d{1,2}|${HOURS.join('|')})`;

export const de: TimeWords = {
  idioms: [
    ...delays({
      ahead: 'in',
      one: 'einer|eine|ner',
      minutes: 'Min(?:uten?)?',
      hours: 'Stunden?|Std|h',
      halfAnHour: 'einer halben Stunde|ner halben Stunde|halber Stunde',
      quarterOfAnHour: 'einer Viertelstunde|ner Viertelstunde',
    }),
    DAY_AND_MONTH,
    { pattern: '(?:ü|ue|u)bermorgen', read: () => ({ days: 2 }) },
    { pattern: String.raw`am\s+(\d{1,2})\.(?!\d)`, read: ([day]) => ({ day: Number(day) }) },
    {
      pattern: String.raw`(?:um\s+)?${HOUR}(?:[:.](\d{2}))?\s*Uhr(?:\s+(\d{2})(?![.:\d]))?`,
      read: ([hour, minutes, behind]) => clockTime(hourOf(hour), Number(minutes ?? behind ?? 0)),
    },
    {
      pattern: String.raw`(?:um\s+)?(halb|viertel nach|viertel vor|dreiviertel)\s+${HOUR}`,
      read: ([part = '', hour]) => clockTime(hourOf(hour), MINUTES[part.toLowerCase()] ?? 0),
    },
    { pattern: 'fr(?:ü|ue|u)h|am Morgen|morgens', read: () => 'part of the day' },
    { pattern: '(?:am\\s+)?Vormittags?', read: () => 'part of the day' },
    { pattern: '(?:am\\s+)?Mittags?', read: () => ({ hour: 12, minute: 0 }) },
    { pattern: '(?:am\\s+)?Nachmittags?', read: () => 'part of the day' },
    { pattern: '(?:am\\s+)?Abends?', read: () => 'part of the day' },
  ],
  dayParts: [
    ['vormittags?', 10],
    ['mittags?', 12],
    ['nachmittags?', 15],
    ['abends?', 18],
    ['nachts?', 22],
    ['mitternacht', 0],
    ['fr(?:ü|ue|u)h|morgens', 9],
  ],
  // 9 am Freitag
  misread: [/(?<=\d) am (?=\p{L})/gu, ' -- '],
  prepositions: 'am|um|im|an|den|dem|der|die|für|ab|gegen',
  conjunctions: 'an|daran|dass|daß|zu',
};

const MINUTES: Readonly<Record<string, number>> = {
  halb: -30,
  'viertel nach': 15,
  'viertel vor': -15,
  dreiviertel: -15,
};

function hourOf(word: string | undefined): number {
  const named = HOURS.indexOf((word ?? '').toLowerCase());
  return named === -1 ? Number(word) : named + 1;
}
