import { Chrono, de as chronoDe, en as chronoEn, es as chronoEs, fr as chronoFr } from 'chrono-node';
import type { ParsedComponents, ParsedResult, Refiner } from 'chrono-node';
import type { Language } from '../../phrases/phrases.ts';
import { wallClockAt } from '../wall-clock.ts';
import type { WallClock } from '../wall-clock.ts';
import { de } from './de.ts';
import { en } from './en.ts';
import { es } from './es.ts';
import { fr } from './fr.ts';
import { parserOf, wholeWords } from './idiom.ts';
import type { TimeWords } from './idiom.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Of a day for which no time is said. */
const MORNING = 9;

/** How far a time that is past is put ahead, because its words mean the next such time. */
export type Step = 'none' | 'day' | 'week' | 'month' | 'year';

/** Words that say a time, found in a text. */
export interface Reading {
  readonly language: Language;
  /** Where the words start and end. */
  readonly start: number;
  readonly end: number;
  readonly hasDate: boolean;
  readonly hasTime: boolean;
  /** Midnight of the day. */
  readonly day: WallClock;
  /** Ms since midnight; 9:00 when no time was said. */
  readonly time: number;
  readonly step: Step;
  /** Minutes east of UTC when the words said so, else null: the reader's zone. */
  readonly offset: number | null;
}

/** What each language adds to chrono. */
export const TIME_WORDS: Readonly<Record<Language, TimeWords>> = { en, es, de, fr };

const UTC = /^\s*(?:UTC|GMT)(?![\p{L}\p{N}+-])/u;

const utc: Refiner = {
  refine(context, results) {
    for (const result of results) {
      const name = UTC.exec(context.text.slice(result.index + result.text.length))?.[0];
      if (name === undefined || !result.start.isCertain('hour') || result.start.isCertain('timezoneOffset'))
        continue;
      result.start.assign('timezoneOffset', 0);
      result.text += name;
    }
    return results;
  },
};

const CHRONOS: Readonly<Record<Language, Chrono>> = {
  // Days ahead of months, as everywhere but in North America.
  en: chronoWith(chronoEn.GB, en),
  es: chronoWith(chronoEs.casual, es),
  de: chronoWith(chronoDe.casual, de),
  fr: chronoWith(chronoFr.casual, fr),
};

/** All times that `text` says in one language, in their order. `now` in epoch ms. */
export function readTimes(text: string, language: Language, timeZone: string, now: number): Reading[] {
  const wall = wallClockAt(now, timeZone);
  const reference = { instant: new Date(now), timezone: (wall - now) / MINUTE };
  const { misread } = TIME_WORDS[language];
  return CHRONOS[language]
    .parse(misread === undefined ? text : text.replace(...misread), reference)
    .map((result) => readingOf(result, language))
    .filter(({ hasDate, hasTime }) => hasDate || hasTime);
}

/** A date and a time that belong together. */
export function joined(date: Reading, time: Reading): Reading {
  return {
    ...date,
    start: Math.min(date.start, time.start),
    end: Math.max(date.end, time.end),
    hasTime: true,
    time: time.time,
    offset: time.offset ?? date.offset,
  };
}

function readingOf({ index, text, start }: ParsedResult, language: Language): Reading {
  const said = (part: Parameters<ParsedComponents['isCertain']>[0]): boolean => start.isCertain(part);
  const part = dayPartIn(text, language);
  const value = (component: Parameters<ParsedComponents['get']>[0]): number => start.get(component) ?? 0;
  const time = said('hour')
    ? hourOf(value('hour'), part) * HOUR +
      value('minute') * MINUTE +
      value('second') * 1000 +
      value('millisecond')
    : (part ?? MORNING) * HOUR;
  return {
    language,
    start: index,
    end: index + text.length,
    hasDate: said('day') || said('weekday') || (said('month') && said('year')),
    hasTime: said('hour') || part !== undefined,
    day: Date.UTC(value('year'), value('month') - 1, value('day')),
    time,
    step: stepOf(said),
    offset: said('timezoneOffset') ? value('timezoneOffset') : null,
  };
}

function stepOf(said: (part: 'day' | 'weekday' | 'month' | 'year') => boolean): Step {
  if (said('year')) return 'none';
  if (said('month')) return 'year';
  if (said('day')) return 'month';
  return said('weekday') ? 'week' : 'day';
}

const DAY_PARTS: Readonly<Record<Language, readonly DayPartFinder[]>> = {
  en: dayPartsOf(en),
  es: dayPartsOf(es),
  de: dayPartsOf(de),
  fr: dayPartsOf(fr),
};

type DayPartFinder = readonly [words: RegExp, hour: number];

function dayPartsOf({ dayParts }: TimeWords): DayPartFinder[] {
  return dayParts.map(([pattern, hour]) => [wholeWords(pattern), hour]);
}

function dayPartIn(text: string, language: Language): number | undefined {
  return DAY_PARTS[language].find(([pattern]) => pattern.test(text))?.[1];
}

const AFTERNOON = 15;
const NIGHT = 20;

/** Eight in the evening is 20:00; two at night is 2:00. */
function hourOf(hour: number, part: number | undefined): number {
  if (part === undefined || part < AFTERNOON || hour === 0 || hour >= 12) return hour;
  return part >= NIGHT && hour < 5 ? hour : hour + 12;
}

function chronoWith({ parsers, refiners }: Chrono, { idioms }: TimeWords): Chrono {
  return new Chrono({
    parsers: [...idioms.map(parserOf), ...parsers],
    refiners: [...refiners.filter((refiner) => !readsZoneNames(refiner)), utc],
  });
}

/**
 * Chrono takes `ist`, `met` and `art` for time zones in any language. It gives no way to leave that out, nor exports the class.
 */
function readsZoneNames(refiner: Refiner): boolean {
  return refiner.constructor.name === 'ExtractTimezoneAbbrRefiner';
}
