/**
 * Whether the media ranges of an Accept header take `type` (RFC 3261 §20.1): the most specific range that matches decides,
 * and `q=0` is a no. Without any range the event package's own type is taken (RFC 3842 §3.5).
 */
export function accepts(ranges: readonly string[], type: string): boolean {
  if (ranges.length === 0) return true;
  const family = `${type.split('/')[0] ?? ''}/*`;
  const matching = ranges
    .map(readRange)
    .map((range) => ({ ...range, rank: [type, family, '*/*'].indexOf(range.type) }))
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => a.rank - b.rank);
  return matching[0]?.refused === false;
}

function readRange(range: string): { type: string; refused: boolean } {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  return { type, refused: parameters.some((parameter) => /^q\s*=\s*0(?:\.0{0,3})?$/.test(parameter)) };
}
