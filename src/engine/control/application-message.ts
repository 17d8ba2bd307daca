import { MailboxError } from '../../core/errors.ts';

/** What an application sent is no SIP message, or one that cannot go out. */
export class UnusableMessage extends MailboxError {
  constructor(problem: string) {
    super('UNUSABLE_MESSAGE', problem);
  }
}

/** A SIP message as an application gives it: perhaps without most of its headers, which are the engine's to fill in. */
export interface ApplicationMessage {
  readonly start:
    | { readonly kind: 'request'; readonly method: string; readonly uri: string }
    | { readonly kind: 'response'; readonly status: number; readonly reason: string };
  /** One entry per field, in order; names as the application spells them. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** All that follows the blank line: the frame tells where it ends, Content-Length does not. */
  readonly body: Buffer;
}

const REQUEST_LINE = /^([A-Za-z0-9\-.!%*_+`'~]+) (\S+) SIP\/2\.0$/;
const STATUS_LINE = /^SIP\/2\.0 ([1-6]\d{2})(?: (.*))?$/;
const FIELD_NAME = /^[A-Za-z0-9\-.!%*_+`'~]+$/;

/*
 * message = ( Request-Line / Status-Line ) *( CRLF field-name HCOLON field-value ) [ CRLF CRLF body ]
 * A line that begins with a space goes on with the value before it (RFC 3261 §7.3.1).
 */

/** @throws UnusableMessage */
export function parseApplicationMessage(bytes: Buffer): ApplicationMessage {
  const headEnd = bytes.indexOf('\r\n\r\n');
  const head = bytes.toString('utf8', 0, headEnd < 0 ? bytes.length : headEnd);
  const lines = head.split('\r\n');
  const fields: (readonly [string, string])[] = [];
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index] ?? '';
    if (line === '') continue;
    const before = fields.at(-1);
    if (before !== undefined && /^[ \t]/.test(line)) {
      fields[fields.length - 1] = [before[0], `${before[1]} ${line.trim()}`.trim()];
      continue;
    }
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim();
    if (!FIELD_NAME.test(name)) throw new UnusableMessage('malformed header');
    fields.push([name, line.slice(colon + 1).trim()]);
  }
  return {
    start: parseStartLine(lines[0] ?? ''),
    fields,
    body: headEnd < 0 ? Buffer.alloc(0) : bytes.subarray(headEnd + 4),
  };
}

function parseStartLine(line: string): ApplicationMessage['start'] {
  const status = STATUS_LINE.exec(line);
  if (status?.[1] !== undefined) {
    return { kind: 'response', status: Number(status[1]), reason: status[2]?.trim() ?? '' };
  }
  const request = REQUEST_LINE.exec(line);
  if (request?.[1] === undefined || request[2] === undefined)
    throw new UnusableMessage('malformed start line');
  return { kind: 'request', method: request[1], uri: request[2] };
}
