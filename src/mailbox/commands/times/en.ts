import { DAY_AND_MONTH, LONE_A, clockTime, delays } from './clock-words.ts';
import type { TimeWords } from './idiom.ts';

export const en: TimeWords = {
  idioms: [
    ...delays({
      ahead: 'in|after',
      one: 'an?|one',
      minutes: 'min(?:ute)?s?',
      hours: 'h(?:ou)?rs?|h',
      halfAnHour: 'half an hour|a half hour',
      quarterOfAnHour: '(?:a )?quarter of an hour',
    }),
    DAY_AND_MONTH,
    { pattern: String.raw`(?:the\s+)?day after tomorrow`, read: () => ({ days: 2 }) },
    {
      pattern: String.raw`(?:on\s+)?the\s+(\d{1,2})(?:st|nd|rd|th)`,
      read: ([day]) => ({ day: Number(day) }),
    },
    {
      pattern: String.raw`(?:at\s+)?(half|quarter) (past|to) (\d{1,2})(?:\s*([ap])\.?m\.?)?`,
      read: ([part, way, hour, half]) =>
        clockTime(Number(hour), (part === 'half' ? 30 : 15) * (way === 'to' ? -1 : 1), half === 'p'),
    },
  ],
  dayParts: [
    ['morning', 9],
    ['noon|midday', 12],
    ['afternoon', 15],
    ['evening', 18],
    ['tonight|night', 20],
    ['midnight', 0],
  ],
  misread: LONE_A,
  prepositions: 'on|at|by|for|from|the|this',
  conjunctions: 'to|that',
};
