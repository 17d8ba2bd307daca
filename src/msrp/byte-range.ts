/** RFC 4975 §7.1: Byte-Range = range-start "-" range-end "/" total; `*` is null. Positions count from 1. */
export interface ByteRange {
  readonly start: number;
  readonly end: number | null;
  readonly total: number | null;
}

const RANGE = /^\s*(\d{1,15})\s*-\s*(\d{1,15}|\*)\s*\/\s*(\d{1,15}|\*)\s*$/;

/** Undefined for what is no range. */
export function parseByteRange(text: string): ByteRange | undefined {
  const match = RANGE.exec(text);
  const start = Number(match?.[1]);
  if (match === null || start < 1) return undefined;
  const position = (value: string | undefined): number | null => (value === '*' ? null : Number(value));
  return { start, end: position(match[2]), total: position(match[3]) };
}

export function formatByteRange({ start, end, total }: ByteRange): string {
  return `${start}-${end ?? '*'}/${total ?? '*'}`;
}

/** The range of a whole message of `length` bytes in one chunk. */
export function wholeByteRange(length: number): string {
  return formatByteRange({ start: 1, end: length, total: length });
}
