/*
 * RFC 3339 §5.6: full-date "T" partial-time ( "Z" / numeric offset ). Clients write a blank for the T, a comma for the point,
 * no colon in the offset, or no offset at all, which is taken for UTC. Second 60 is a leap second.
 */
const BY_THE_LETTER = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const DATE_TIME =
  /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:)(\d\d)(?:[.,](\d{1,3})\d*)? *([Zz]|[+-]\d\d(?::?\d\d)?)?$/;

/** Epoch ms; null when it is no time. */
export function readDateTime(text: string): number | null {
  const match = DATE_TIME.exec(text);
  if (match === null) return null;
  const [, date = '', minutes = '', seconds = '', fraction = '0', zone = 'Z'] = match;
  const offset = zone
    .toUpperCase()
    .replace(/^([+-]\d\d):?(\d\d)?$/, (_, hours, rest) => `${hours}:${rest ?? '00'}`);
  const leap = seconds === '60' ? 1000 : 0;
  const second = leap === 0 ? seconds : '59';
  const at = Date.parse(`${date}T${minutes}${second}.${fraction.padEnd(3, '0')}${offset}`);
  return Number.isNaN(at) ? null : at + leap;
}

/** Whether it is a time by the letter of RFC 3339. */
export function isDateTime(text: string): boolean {
  return BY_THE_LETTER.test(text) && readDateTime(text) !== null;
}

/** In UTC, with three digits of a second; null for a year that RFC 3339 cannot write. */
export function formatDateTime(at: number): string | null {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return null;
  const text = date.toISOString();
  return /^\d{4}-/.test(text) ? text : null;
}
