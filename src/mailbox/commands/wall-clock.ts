import { IANAZone } from 'luxon';

const MINUTE = 60_000;
const DAY = 86_400_000;

/**
 * What clocks on the wall of a time zone show, as ms since 1970 as if that were in UTC: so that hours and days can be added and
 * read by the methods of Date for UTC.
 */
export type WallClock = number;

/** What clocks of `timeZone` show at an instant (epoch ms). A zone that is not known is UTC. */
export function wallClockAt(at: number, timeZone: string): WallClock {
  return at + offsetAt(at, timeZone);
}

/**
 * The instant (epoch ms) at which clocks of `timeZone` show `wall`. When clocks show it twice, the first; when they never do
 * because they are put forward, the moment they are.
 */
export function instantOf(wall: WallClock, timeZone: string): number {
  const before = offsetAt(wall - DAY, timeZone);
  const after = offsetAt(wall + DAY, timeZone);
  const shown = [wall - before, wall - after].filter((at) => wallClockAt(at, timeZone) === wall);
  return shown.length > 0 ? Math.min(...shown) : changeBetween(wall - after, wall - before, timeZone);
}

/** The first instant whose offset is that of `end`. */
function changeBetween(start: number, end: number, timeZone: string): number {
  const offset = offsetAt(end, timeZone);
  let [low, high] = [start, end];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle, timeZone) === offset) high = middle;
    else low = middle;
  }
  return high;
}

function offsetAt(at: number, timeZone: string): number {
  const offset = IANAZone.create(timeZone).offset(at);
  return Number.isNaN(offset) ? 0 : offset * MINUTE;
}
