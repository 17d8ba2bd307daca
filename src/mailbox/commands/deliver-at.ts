import { DateTime } from 'luxon';
import { readDateTime } from '../../im/date-time.ts';
import { instantOf } from './wall-clock.ts';

/*
 *   deliver-at = date-time       ; RFC 3339 §5.6, with an offset
 *              / rfc1123-date    ; RFC 3261 §20.17, and with an offset in place of GMT
 *              / epoch seconds   ; 9 or 10 digits
 *              / 14DIGIT         ; YYYYMMDDHHMMSS, as msilo has it
 *              / date-time without offset
 *
 * The last two are in the zone given.
 */
const LONGEST = 64;
const WITH_OFFSET = /^\d{4}-\d\d-\d\d[Tt ].*(?:[Zz]|[+-]\d\d:?\d\d)$/;
const EPOCH_SECONDS = /^\d{9,10}$/;
const WITHOUT_OFFSET = /^(\d{4})(-?)(\d\d)\2(\d\d)(?:[Tt ]?(\d\d)(:?)(\d\d)(?:\6(\d\d)(?:[.,]\d{1,9})?)?)$/;

/** The instant (epoch ms) that X-Deliver-At names, past or to come; undefined when it names none. */
export function readDeliverAt(
  value: string,
  { timeZone }: { readonly timeZone: string },
): number | undefined {
  const text = value.trim();
  if (text === '' || text.length > LONGEST) return undefined;
  if (WITH_OFFSET.test(text)) {
    const at = readDateTime(text);
    return at !== null && isDay(Date.parse(text.slice(0, 10)), Number(text.slice(8, 10))) ? at : undefined;
  }
  if (EPOCH_SECONDS.test(text)) return Number(text) * 1000;
  const [, year, , month, day, hour, , minute, second = '00'] = WITHOUT_OFFSET.exec(text) ?? [];
  if (year !== undefined) {
    const wall = Date.parse(`${year}-${month ?? ''}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}:${second}Z`);
    return isDay(wall, Number(day)) ? instantOf(wall, timeZone) : undefined;
  }
  const date = DateTime.fromRFC2822(text);
  return date.isValid ? date.toMillis() : undefined;
}

/** Date.parse takes 30 February for a day in March. */
function isDay(wall: number, day: number): boolean {
  return new Date(wall).getUTCDate() === day;
}
