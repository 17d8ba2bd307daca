/** RFC 4975 §7.1: Byte-Range = range-start "-" range-end "/" total; `*` is null. Positions count from 1. */
export interface ByteRange {
  readonly start: number;
  readonly end: number | null;
  readonly total: number | null;
}

const RANGE = /^\s*(\d+)\s*-\s*(\d+|\*)\s*\/\s*(\d+|\*)\s*$/;

/** Undefined for what is no range. A number too great to be counted with is the greatest that can be. */
export function parseByteRange(text: string): ByteRange | undefined {
  const [, first = '', last = '', length = ''] = RANGE.exec(text) ?? [];
  const start = position(first);
  if (start === null || start < 1) return undefined;
  return { start, end: position(last), total: position(length) };
}

function position(digits: string): number | null {
  return /^\d/.test(digits) ? Math.min(Number(digits), Number.MAX_SAFE_INTEGER) : null;
}

export function formatByteRange({ start, end, total }: ByteRange): string {
  return `${start}-${end ?? '*'}/${total ?? '*'}`;
}

/** The range of a whole message of `length` bytes in one chunk. */
export function wholeByteRange(length: number): string {
  return formatByteRange({ start: 1, end: length, total: length });
}

/** How many bytes a chunk may bring as its range has it; undefined when the range leaves it open. */
export function announcedLength({ start, end, total }: ByteRange): number | undefined {
  const last = end ?? total;
  return last === null ? undefined : Math.max(0, last - start + 1);
}
