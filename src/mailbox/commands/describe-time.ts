import { DateTime } from 'luxon';
import type { Language } from '../phrases/phrases.ts';

export interface TimeDescription {
  readonly language: Language;
  /** A name of the IANA time zone database. */
  readonly timeZone: string;
  /** Epoch ms. */
  readonly now: number;
}

/** How a day is written: `c` weekday, `d` day, `L` month, `y` year. */
const DAYS: Readonly<Record<Language, string>> = {
  en: 'ccc d LLL',
  es: 'ccc d LLL',
  de: 'ccc d. LLL',
  fr: 'ccc d LLL',
};

/** An instant (epoch ms) as a reader says it, short: `today 14:03`, `Sat 21 Nov 14:03`, `Thu 1 Jan 2026 14:03`. */
export function describeTime(at: number, { language, timeZone, now }: TimeDescription): string {
  const here = { zone: timeZone, locale: language };
  const time = readable(at, here);
  const today = readable(now, here);
  const days = Math.round(
    time
      .startOf('day')
      .setZone('utc', { keepLocalTime: true })
      .diff(today.startOf('day').setZone('utc', { keepLocalTime: true }), 'days').days,
  );
  if (Math.abs(days) <= 1) {
    const day = new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(days, 'day');
    return `${day} ${time.toFormat('HH:mm')}`;
  }
  return time.toFormat(`${DAYS[language]}${time.year === today.year ? '' : ' yyyy'} HH:mm`);
}

function readable(at: number, { zone, locale }: { zone: string; locale: string }): DateTime {
  const time = DateTime.fromMillis(at, { zone, locale });
  return time.isValid ? time : DateTime.fromMillis(at, { zone: 'utc', locale });
}
