import type { ContinuationFlag } from './frame.ts';

/** Header lines in the order they are written. To-Path and From-Path come first, Content-Type last (RFC 4975 §7.1). */
export type HeaderLines = readonly (readonly [name: string, value: string])[];

/** A request as one piece of bytes: some clients cannot read one that comes in two. */
export function serializeRequest(request: {
  readonly transactId: string;
  readonly method: string;
  readonly headers: HeaderLines;
  /** The transact-id must not stand in it behind seven dashes. */
  readonly body?: Buffer;
  readonly flag?: ContinuationFlag;
}): Buffer {
  const { transactId, method, headers, body, flag = '$' } = request;
  const head = `MSRP ${transactId} ${method}\r\n${lines(headers)}`;
  const end = `-------${transactId}${flag}\r\n`;
  if (body === undefined) return Buffer.from(head + end, 'utf8');
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'utf8'), body, Buffer.from(`\r\n${end}`, 'latin1')]);
}

export function serializeResponse(response: {
  readonly transactId: string;
  readonly status: number;
  readonly comment: string;
  readonly headers: HeaderLines;
}): Buffer {
  const { transactId, status, comment, headers } = response;
  const start = oneLine(`MSRP ${transactId} ${status} ${comment}`).trimEnd();
  return Buffer.from(`${start}\r\n${lines(headers)}-------${transactId}$\r\n`, 'utf8');
}

function lines(headers: HeaderLines): string {
  return headers.map(([name, value]) => `${name}: ${oneLine(value)}\r\n`).join('');
}

/** What came from outside must not bring header lines of its own. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}
