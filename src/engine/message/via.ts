import { MailboxError } from '../../core/errors.ts';
import { bareHost, formatHostPort, formatParams, parseParams } from './uri.ts';

/** RFC 3261 §20.42 */
export interface Via {
  /** In upper case: `UDP`, `TCP`. */
  readonly transport: string;
  /** sent-by; IPv6 without brackets. */
  readonly host: string;
  readonly port?: number;
  readonly params: ReadonlyMap<string, string>;
}

/** A Via that cannot be read. */
export class MalformedVia extends MailboxError {
  constructor(text: string) {
    super('MALFORMED_VIA', `not a Via: ${JSON.stringify(text.slice(0, 200))}`);
  }
}

/**
 * via-parm = sent-protocol LWS sent-by *( SEMI via-params ); blanks are allowed around the slashes and the colon, and the
 * transport is any token.
 */
const VIA =
  /^\s*SIP\s*\/\s*2\.0\s*\/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s+(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?:\s*:\s*(\d{1,5}))?\s*(;.*)?$/is;

/** @throws MalformedVia */
export function parseVia(text: string): Via {
  const match = VIA.exec(text);
  const host = match?.[2] === undefined ? undefined : bareHost(match[2]);
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  const params = match?.[4] ?? '';
  const readable = host !== undefined && (port === undefined || port <= 65_535) && areParams(params);
  if (match?.[1] === undefined || !readable) {
    throw new MalformedVia(text);
  }
  return {
    transport: match[1].toUpperCase(),
    host,
    ...(port === undefined ? {} : { port }),
    params: parseParams(params),
  };
}

/**
 * Whether it is parameters from start to end: what routes the answer is not guessed at, and a quote that does not close would
 * close with one in the next value. A semicolon at the very end does no harm.
 */
function areParams(text: string): boolean {
  const parameter = /;\s*(?:[^\s=;,"]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*)\s*)?|$)/sy;
  while (parameter.lastIndex < text.length) if (!parameter.test(text)) return false;
  return true;
}

/** The reverse of {@link parseVia}. */
export function formatVia({ transport, host, port, params }: Via): string {
  return `SIP/2.0/${transport} ${formatHostPort(host, port)}${formatParams(params)}`;
}
