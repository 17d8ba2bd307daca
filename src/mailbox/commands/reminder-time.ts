import { LANGUAGES } from '../phrases/phrases.ts';
import type { Language } from '../phrases/phrases.ts';
import { COMMAND_LIMITS } from './limits.ts';
import { TIME_WORDS, joined, readTimes } from './times/reading.ts';
import type { Reading } from './times/reading.ts';
import { instantOf, wallClockAt } from './wall-clock.ts';

export interface ReminderContext {
  readonly language: Language;
  /** A name of the IANA time zone database. */
  readonly timeZone: string;
  /** Epoch ms. */
  readonly now: number;
}

/** A time without a text to remind of is `no text`. */
export type Reminder = { readonly at: number; readonly text: string } | 'not understood' | 'past' | 'no text';

/*
 *   reminder = time text / text time / date text time / text time text
 *
 * in the reader's language or in another. Clocks are the reader's; a date without a time means 9:00, a time that is past the
 * next such time, save when its day was said. Dates of numbers have the day ahead of the month.
 */

/** Tells apart when and of what to remind. Never throws. */
export function readReminder(words: string, context: ReminderContext): Reminder {
  if (words.length > COMMAND_LIMITS.reminder) return 'not understood';
  const [first, ...others] = findings(words.normalize('NFC'), context);
  if (first === undefined) return 'not understood';
  const best = others.reduce((found, other) => (isBetter(other, found) ? other : found), first);
  const at = instantOfReading(best.reading, context);
  if (at === null) return 'not understood';
  // `today` does not say when.
  if (at <= context.now)
    return isToday(best.reading, context) && !best.reading.hasTime ? 'not understood' : 'past';
  return best.text === '' ? 'no text' : { at, text: best.text };
}

/** A time with what is left of the words. */
interface Finding {
  readonly reading: Reading;
  readonly text: string;
  /** Whether the time starts or ends the words, as one would say it. */
  readonly atAnEnd: boolean;
}

/** Shorter words of another language are more likely words of the text: Mittwoch is `mi`. */
const FOREIGN_WORDS = 5;

function findings(words: string, { language, timeZone, now }: ReminderContext): Finding[] {
  // As long as the words, so that the times found are where they are in the words.
  const plain = words.replace(/\s/gu, ' ').replace(/[‘’´`]/g, "'");
  const languages = [language, ...LANGUAGES.filter((other) => other !== language)];
  return languages
    .flatMap((spoken) => {
      const fillers = fillersOf(spoken);
      if (words.length <= 2 * COMMAND_LIMITS.time) {
        return findingsAmong(
          words,
          adjoined(readTimes(plain, spoken, timeZone, now), plain, fillers),
          fillers,
        );
      }
      const head = readTimes(plain.slice(0, COMMAND_LIMITS.time), spoken, timeZone, now);
      const offset = words.length - COMMAND_LIMITS.time;
      const tail = readTimes(plain.slice(offset), spoken, timeZone, now).map((reading) =>
        moved(reading, offset),
      );
      return findingsAmong(words, adjoined([...head, ...tail], plain, fillers), fillers).filter(
        ({ atAnEnd }) => atAnEnd,
      );
    })
    .filter(({ reading }) => reading.language === language || reading.end - reading.start >= FOREIGN_WORDS);
}

function moved(reading: Reading, by: number): Reading {
  return { ...reading, start: reading.start + by, end: reading.end + by };
}

const isDateOnly = ({ hasDate, hasTime }: Reading): boolean => hasDate && !hasTime;
const isTimeOnly = ({ hasDate, hasTime }: Reading): boolean => hasTime && !hasDate;

/** Puts a date and a time together that have nothing between them but words that say nothing. */
function adjoined(readings: readonly Reading[], words: string, fillers: Fillers): Reading[] {
  const result: Reading[] = [];
  for (const reading of readings) {
    const last = result.at(-1);
    if (last !== undefined && fillers.only.test(words.slice(last.end, reading.start))) {
      const both = together(last, reading);
      if (both !== null) {
        result.splice(-1, 1, both);
        continue;
      }
    }
    result.push(reading);
  }
  return result;
}

function together(first: Reading, second: Reading): Reading | null {
  if (isDateOnly(first) && isTimeOnly(second)) return joined(first, second);
  if (isTimeOnly(first) && isDateOnly(second)) return joined(second, first);
  return null;
}

const BEHIND_ALL = /^[\s.,;:!?…)]*$/u;

function findingsAmong(words: string, readings: readonly Reading[], fillers: Fillers): Finding[] {
  const starting = readings.find(({ start }) => fillers.only.test(words.slice(0, start)));
  const ending = readings.findLast(({ end }) => BEHIND_ALL.test(words.slice(end)));
  const found: Finding[] = [];
  if (starting !== undefined && ending !== undefined && isDateOnly(starting) && isTimeOnly(ending)) {
    const between = words.slice(starting.end, ending.start);
    found.push({ reading: joined(starting, ending), text: fillers.trim(between), atAnEnd: true });
  }
  for (const reading of readings) {
    const before = words.slice(0, reading.start);
    const behind = words.slice(reading.end);
    if (reading === starting) {
      found.push({ reading, text: fillers.trimStart(behind), atAnEnd: true });
    } else if (reading === ending) {
      found.push({ reading, text: fillers.trim(before), atAnEnd: true });
    } else {
      const text = `${fillers.trim(before)} ${fillers.trimStart(behind)}`.trim();
      found.push({ reading, text, atAnEnd: false });
    }
  }
  return found;
}

function isBetter(one: Finding, other: Finding): boolean {
  const [mine, others] = [worth(one), worth(other)];
  if (mine !== others) return mine > others;
  // Another language has to make more of it than the one ahead.
  return (
    one.reading.language !== other.reading.language &&
    one.reading.end - one.reading.start > other.reading.end - other.reading.start
  );
}

function worth({ reading: { hasDate, hasTime }, atAnEnd }: Finding): number {
  return (atAnEnd ? 4 : 0) + (hasTime ? 2 : 0) + (hasDate ? 1 : 0);
}

function instantOfReading(reading: Reading, { timeZone, now }: ReminderContext): number | null {
  const { day, time, offset, step } = reading;
  const instant = (of: number): number =>
    offset === null ? instantOf(of + time, timeZone) : of + time - offset * 60_000;
  const at = instant(day);
  if (Number.isNaN(at)) return null;
  // A day that was said, and is today, is not put off for a year because the hour is past.
  const said =
    step === 'none' || (isToday(reading, { timeZone, now }) && (step === 'month' || step === 'year'));
  if (at > now || said) return at;
  return instant(ahead(day, step));
}

const DAY = 86_400_000;

function isToday({ day }: Reading, { timeZone, now }: Pick<ReminderContext, 'timeZone' | 'now'>): boolean {
  const wall = wallClockAt(now, timeZone);
  return day <= wall && wall < day + DAY;
}

function ahead(day: number, step: 'day' | 'week' | 'month' | 'year'): number {
  const date = new Date(day);
  if (step === 'day') date.setUTCDate(date.getUTCDate() + 1);
  if (step === 'week') date.setUTCDate(date.getUTCDate() + 7);
  if (step === 'month') date.setUTCMonth(date.getUTCMonth() + 1);
  if (step === 'year') date.setUTCFullYear(date.getUTCFullYear() + 1);
  return date.getTime();
}

/** Words and marks around a time that belong neither to it nor to the text. */
interface Fillers {
  /** Matches when there is nothing else. */
  readonly only: RegExp;
  /** Without them at the start. */
  trimStart(text: string): string;
  /** Without them at both ends. */
  trim(text: string): string;
}

const MARKS = String.raw`[\s,;:.–—-]`;

function fillersOf(language: Language): Fillers {
  const { prepositions, conjunctions } = TIME_WORDS[language];
  const only = new RegExp(String.raw`^(?:${MARKS}|(?:${prepositions})(?![\p{L}\p{N}]))*$`, 'iu');
  const starts = new RegExp(String.raw`^${MARKS}*(?:(?:${conjunctions})(?:(?<=')|(?=\s)))?${MARKS}*`, 'iu');
  const ends = new RegExp(String.raw`(?:^|\s)(?:${prepositions})$`, 'iu');
  const trimStart = (text: string): string => text.replace(starts, '').trim();
  return {
    only,
    trimStart,
    trim(text) {
      let left = text;
      for (let before = ''; before !== left;) {
        before = left;
        left = left.replace(/[\s,;:–—-]+$/u, '').replace(ends, '');
      }
      return trimStart(left);
    },
  };
}
