import type { Protocol } from '../transport/transport.ts';
import type { PointerRecord } from './host-resolver.ts';

/** What a NAPTR record leads to: the name whose SRV records (`s`) or addresses (`a`) are looked up next. */
export interface Pointer {
  readonly protocol: Protocol;
  readonly kind: 's' | 'a';
  readonly name: string;
}

/** RFC 3263 §4.1; SIP+D2W of RFC 7118 is left out: nobody is connected to by WebSocket. */
const SERVICES: ReadonlyMap<string, Protocol> = new Map([
  ['SIP+D2U', 'udp'],
  ['SIP+D2T', 'tcp'],
  ['SIPS+D2T', 'tls'],
]);

/**
 * RFC 3263 §4.1: the records that name a transport of `spoken`, by order, then by preference. Of one that is rewritten by a
 * regular expression, or that leads to yet another NAPTR, nothing can be made. RFC 3403 has a client never look beyond the
 * lowest order that serves; here those beyond it come after all of those, where a request would fail otherwise.
 */
export function orderPointers(
  records: readonly PointerRecord[],
  spoken: ReadonlySet<Protocol>,
): readonly Pointer[] {
  const pointers: Pointer[] = [];
  const sorted = [...records].sort((a, b) => a.order - b.order || a.preference - b.preference);
  for (const { service, flags, regexp, replacement } of sorted) {
    const protocol = SERVICES.get(service.toUpperCase());
    const kind = flags.toLowerCase();
    if (protocol === undefined || !spoken.has(protocol) || regexp !== '') continue;
    if ((kind !== 's' && kind !== 'a') || replacement === '' || replacement === '.') continue;
    pointers.push({ protocol, kind, name: replacement.replace(/\.$/, '') });
  }
  return pointers;
}
