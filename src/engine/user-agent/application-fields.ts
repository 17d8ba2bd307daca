import type { ApplicationMessage } from '../control/application-message.ts';
import { UnusableMessage } from '../control/application-message.ts';

/** Headers the engine alone writes, in lower case; an application's are dropped. */
const ENGINE_OWN: ReadonlySet<string> = new Set(['via', 'v', 'record-route', 'content-length', 'l']);

/** Headers an application may set in some messages; but for Route they are filled in where it does not. */
const SETTABLE: ReadonlySet<string> = new Set([
  'route',
  ...['from', 'to', 'call-id', 'cseq', 'contact', 'max-forwards'],
]);

const COMPACT: Readonly<Record<string, string>> = {
  f: 'from',
  t: 'to',
  i: 'call-id',
  m: 'contact',
  c: 'content-type',
};

/** An application's headers, sorted by whose word counts. */
export interface ApplicationFields {
  /** Lower-case name to value, of those whose place the engine decides. */
  readonly settable: ReadonlyMap<string, string>;
  /** All others, as they stand. */
  readonly others: readonly (readonly [name: string, value: string])[];
}

/** @throws UnusableMessage for a body of unknown type, and for a response that would have to be acknowledged by PRACK */
export function applicationFields(message: ApplicationMessage): ApplicationFields {
  if (isReliableProvisional(message)) {
    throw new UnusableMessage('reliable provisional responses are not supported');
  }
  const settable = new Map<string, string>();
  const others: (readonly [string, string])[] = [];
  let typed = false;
  for (const [name, value] of message.fields) {
    const lower = name.toLowerCase();
    const full = COMPACT[lower] ?? lower;
    if (ENGINE_OWN.has(full)) continue;
    if (SETTABLE.has(full)) {
      // Several fields of one name are one list (RFC 3261 §7.3.1); of the others there is but one.
      const before = full === 'route' ? settable.get(full) : undefined;
      settable.set(full, before === undefined ? value : `${before}, ${value}`);
      continue;
    }
    if (full === 'content-type') typed = true;
    others.push([name, value]);
  }
  if (message.body.length > 0 && !typed) others.push(['Content-Type', guessedType(message.body)]);
  return { settable, others };
}

/** Applications leave the type of session descriptions out (RFC 4566 §5.1: they begin with their version). */
function guessedType(body: Buffer): string {
  if (body.subarray(0, 3).toString('latin1') !== 'v=0') throw new UnusableMessage('missing content-type');
  return 'application/sdp';
}

/** RFC 3262 §3, which is not spoken here: it would be repeated until its PRACK. */
function isReliableProvisional({ start, fields }: ApplicationMessage): boolean {
  if (start.kind !== 'response' || start.status >= 200) return false;
  return fields.some(
    ([name, value]) =>
      /^rseq$/i.test(name) || (/^require$/i.test(name) && /(?:^|[\s,])100rel(?:[\s,]|$)/i.test(value)),
  );
}
