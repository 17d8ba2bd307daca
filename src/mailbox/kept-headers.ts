import type { CpimMessage } from '../im/cpim.ts';
import { emptyCpim } from '../im/cpim.ts';
import { readWrapper } from './wrapper.ts';

/** A header of the SIP MESSAGE a text came in. */
export interface SipHeader {
  readonly name: string;
  readonly value: string;
}

/** Namespace of such headers among those of a kept message/cpim (RFC 3862 §3.4), and the prefix we give it. */
const NAMESPACE = 'urn:uuid:0b6d3c52-7f1e-4c0a-8f52-2d0f5f6a9e11';
const PREFIX = 'sip-header';

/** A text's message/cpim with headers of its MESSAGE beside its own; what its sender wrote there for such ones is left out. */
export function withSipHeaders(
  wrapper: CpimMessage | null,
  headers: readonly SipHeader[],
): CpimMessage | null {
  const own = wrapper === null ? null : withoutSipHeaders(wrapper);
  if (headers.length === 0) return own;
  const { namespaces, headers: others, ...rest } = own ?? emptyCpim;
  return {
    ...rest,
    namespaces: new Map([...namespaces, [PREFIX, NAMESPACE]]),
    headers: [...others, ...headers.map(({ name, value }) => ({ name: `${PREFIX}.${name}`, value }))],
  };
}

/** Those kept with a text, as far as they are among `names` still. */
export function sipHeadersOf(wrapper: Buffer | null, names: readonly string[]): SipHeader[] {
  if (wrapper === null || names.length === 0) return [];
  const { namespaces, headers } = readWrapper(wrapper);
  if (namespaces.get(PREFIX) !== NAMESPACE) return [];
  const wanted = new Map(names.map((name) => [`${PREFIX}.${name}`.toLowerCase(), name]));
  return headers.flatMap(({ name, value }) => {
    const known = wanted.get(name.toLowerCase());
    return known === undefined ? [] : [{ name: known, value }];
  });
}

/** Names are read in any case, and without NS too: whoever writes our prefix is believed nothing of it. */
function withoutSipHeaders(wrapper: CpimMessage): CpimMessage {
  const prefixes = new Set([PREFIX]);
  for (const [prefix, uri] of wrapper.namespaces) {
    if (uri.toLowerCase() === NAMESPACE) prefixes.add(prefix.toLowerCase());
  }
  const isOurs = (name: string): boolean =>
    [...prefixes].some((prefix) => name.toLowerCase().startsWith(`${prefix}.`));
  return {
    ...wrapper,
    namespaces: new Map([...wrapper.namespaces].filter(([prefix]) => !prefixes.has(prefix.toLowerCase()))),
    headers: wrapper.headers.filter(({ name }) => !isOurs(name)),
    require: wrapper.require.filter((name) => !isOurs(name)),
  };
}
