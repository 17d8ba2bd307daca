import type { ContinuationFlag } from './frame.ts';

// RFC 4975 §9: end-line = "-------" transact-id continuation-flag CRLF, flag = "+" / "$" / "#"
const DASHES = '-------';
const CRLF = '\r\n';
const [CR, LF] = [0x0d, 0x0a];

/** The end-line behind a body up to its flag, with the line end before it, which is no part of the body. */
export function endLineMarker(transactId: string): Buffer {
  return Buffer.from(`${CRLF}${DASHES}${transactId}`, 'latin1');
}

/** The flag of a line that is the end-line; undefined for any other. */
export function endLineFlag(line: string, transactId: string): ContinuationFlag | undefined {
  const end = `${DASHES}${transactId}`;
  const flag = line.slice(end.length);
  return line.startsWith(end) && isFlag(flag) ? flag : undefined;
}

/** What stands where an end-line has its flag and line end. */
export function flagAt(bytes: Buffer, at: number): ContinuationFlag | 'no flag' | 'unfinished' {
  const [flag, cr, lf] = [bytes[at], bytes[at + 1], bytes[at + 2]];
  if (flag === undefined) return 'unfinished';
  const character = String.fromCharCode(flag);
  if (!isFlag(character) || (cr ?? CR) !== CR || (lf ?? LF) !== LF) return 'no flag';
  return lf === undefined ? 'unfinished' : character;
}

function isFlag(character: string): character is ContinuationFlag {
  return character === '$' || character === '+' || character === '#';
}

/** Where the longest tail of `bytes` begins that may turn out to be the beginning of the marker. */
export function tailThatMayBegin(marker: Buffer, bytes: Buffer): number {
  for (let start = Math.max(0, bytes.length - marker.length + 1); start < bytes.length; start++) {
    if (bytes[start] !== CR) continue;
    if (marker.subarray(0, bytes.length - start).equals(bytes.subarray(start))) return start;
  }
  return bytes.length;
}
