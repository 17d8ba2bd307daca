import type { Parser, ParsingContext } from 'chrono-node';

/** What words about time mean. */
export type Moment =
  | { readonly hour: number; readonly minute: number; readonly day?: number }
  /** So many calendar days from today. */
  | { readonly days: number }
  /** So long from now. */
  | { readonly minutes: number }
  /** The next such day; `month` from 1, the current or the next when it is not said. */
  | { readonly day: number; readonly month?: number }
  /** The next such day after today; 0 is Sunday. */
  | { readonly weekday: number }
  /** A {@link DayPart}. */
  | 'part of the day';

/** A way to say a time that chrono does not know, or knows only in part, which would make it another time. */
export interface Idiom {
  /** Matched on whole words, in any case. */
  readonly pattern: string;
  /** Null when it is no time after all. */
  read(groups: readonly (string | undefined)[]): Moment | null;
}

/** Words for a part of the day, with the hour they stand for; matched on whole words, in any case. */
export type DayPart = readonly [pattern: string, hour: number];

/** What a language adds to what chrono knows of it. */
export interface TimeWords {
  readonly idioms: readonly Idiom[];
  /** Looked for in words that chrono or an idiom took for a time: its hour, or whether `8` is in the evening. */
  readonly dayParts: readonly DayPart[];
  /** Words that can stand ahead of a time and say nothing: `on`. */
  readonly prepositions: string;
  /** Words that chrono would take for something else, and what it is given instead; of the same length. */
  readonly misread?: readonly [RegExp, string];
  /** Words that lead from the time to the text and say nothing: `to`. */
  readonly conjunctions: string;
}

const NO_WORD_BEHIND = String.raw`(?![\p{L}\p{N}])`;
const NO_WORD = /^[^\p{L}\p{N}]?$/u;

/** A pattern of whole words, to test a text with. */
export function wholeWords(pattern: string): RegExp {
  return new RegExp(String.raw`(?<![\p{L}\p{N}])(?:${pattern})${NO_WORD_BEHIND}`, 'iu');
}

/** As chrono takes it. */
export function parserOf(idiom: Idiom): Parser {
  const pattern = new RegExp(`(?:${idiom.pattern})${NO_WORD_BEHIND}`, 'iu');
  return {
    pattern: () => pattern,
    extract(context, match) {
      const index = match.index ?? 0;
      if (!NO_WORD.test(context.text.slice(Math.max(0, index - 1), index))) return null;
      const moment = idiom.read(match.slice(1));
      return moment === null ? null : componentsOf(moment, context);
    },
  };
}

type Components = ReturnType<ParsingContext['createParsingComponents']>;

function componentsOf(moment: Moment, context: ParsingContext): Components | null {
  const { instant, timezoneOffset } = context.reference;
  const offset = timezoneOffset ?? 0;
  const wall = new Date(instant.getTime() + offset * 60_000);
  if (moment === 'part of the day') return context.createParsingComponents({});
  if ('hour' in moment) {
    const { hour, minute, day } = moment;
    if (hour > 23 || minute > 59) return null;
    if (day === undefined) return context.createParsingComponents({ hour, minute });
    return dayComponents(day, wall, context)?.assign('hour', hour).assign('minute', minute) ?? null;
  }
  if ('days' in moment) {
    wall.setUTCDate(wall.getUTCDate() + moment.days);
    return context.createParsingComponents(dateOf(wall));
  }
  if ('weekday' in moment) {
    wall.setUTCDate(wall.getUTCDate() + ((moment.weekday - wall.getUTCDay() + 6) % 7) + 1);
    return context.createParsingComponents(dateOf(wall));
  }
  if ('minutes' in moment) {
    wall.setTime(wall.getTime() + moment.minutes * 60_000);
    return context.createParsingComponents({
      ...dateOf(wall),
      hour: wall.getUTCHours(),
      minute: wall.getUTCMinutes(),
      second: wall.getUTCSeconds(),
      millisecond: wall.getUTCMilliseconds(),
      timezoneOffset: offset,
    });
  }
  const { day, month } = moment;
  if (month === undefined) return dayComponents(day, wall, context);
  return isDay(day) && month >= 1 && month <= 12 ? context.createParsingComponents({ day, month }) : null;
}

const isDay = (day: number): boolean => day >= 1 && day <= 31;

/** The day of the current month, or of the next when it is over in this one. */
function dayComponents(day: number, wall: Date, context: ParsingContext): Components | null {
  if (!isDay(day)) return null;
  const month = new Date(wall);
  if (day < wall.getUTCDate()) month.setUTCMonth(month.getUTCMonth() + 1, 1);
  return context
    .createParsingComponents({ day })
    .imply('month', month.getUTCMonth() + 1)
    .imply('year', month.getUTCFullYear());
}

function dateOf(wall: Date): { year: number; month: number; day: number } {
  return { year: wall.getUTCFullYear(), month: wall.getUTCMonth() + 1, day: wall.getUTCDate() };
}
