import type { Idiom, Moment } from './idiom.ts';

/** How a language says that something is to be after some minutes or hours. */
export interface DelayWords {
  /** `in` */
  readonly ahead: string;
  /** `a|one` */
  readonly one: string;
  readonly minutes: string;
  readonly hours: string;
  /** `half an hour` */
  readonly halfAnHour: string;
  readonly quarterOfAnHour: string;
}

/** `in 20 minutes`, `in half an hour`: so long by the clock, whatever time zones do meanwhile. */
export function delays(words: DelayWords): readonly Idiom[] {
  const { ahead, one, minutes, hours, halfAnHour, quarterOfAnHour } = words;
  return [
    { pattern: String.raw`(?:${ahead})\s+(?:${halfAnHour})`, read: () => ({ minutes: 30 }) },
    { pattern: String.raw`(?:${ahead})\s+(?:${quarterOfAnHour})`, read: () => ({ minutes: 15 }) },
    {
      pattern: String.raw`(?:${ahead})\s+(?:(\d{1,5})|(?:${one}))\s*(?:${minutes})`,
      read: ([count]) => ({ minutes: Number(count ?? 1) }),
    },
    {
      pattern: String.raw`(?:${ahead})\s+(?:(\d{1,4})|(?:${one}))\s*(?:${hours})`,
      read: ([count]) => ({ minutes: 60 * Number(count ?? 1) }),
    },
  ];
}

/** `24.12.`, and `24. 12.`: a day of a month, wherever dates are written so. */
export const DAY_AND_MONTH: Idiom = {
  pattern: String.raw`(\d{1,2})\.\s?(\d{1,2})\.`,
  read: ([day, month]) => ({ day: Number(day), month: Number(month) }),
};

/** `9:00 a walk` is no `9:00 a.m.`; `24 a las 9` stays. */
export const LONE_A: readonly [RegExp, string] = [
  /(?<=\d) a (?=\p{L})(?!(?:m|las?|midi|minuit|mediod[ií]a|medianoche)(?!\p{L}))/giu,
  ' _ ',
];

/** Minutes said by a quarter of the hour: `quarter to` is -15. */
export function clockTime(hour: number, minutes: number, afternoon = false): Moment | null {
  if (hour > 24 || minutes > 59) return null;
  const ofDay = (afternoon && hour > 0 && hour < 12 ? hour + 12 : hour) * 60 + minutes;
  const wrapped = (ofDay + 1440) % 1440;
  return { hour: Math.floor(wrapped / 60), minute: wrapped % 60 };
}
