import type { SipRequest } from '../message/sip-message.ts';
import { formatVia, parseVia } from '../message/via.ts';
import { splitList } from '../message/split-list.ts';
import type { Endpoint } from './transport.ts';

/**
 * RFC 3261 §18.2.1 and RFC 3581 §4: the top Via of a request is given `received` when it does not name the source itself,
 * and the source port in an `rport` that the client left empty.
 * @throws MalformedVia
 */
export function stampTopVia(request: SipRequest, source: Endpoint): void {
  const field = request.headers.get('Via') ?? '';
  const [top = '', ...rest] = splitList(field);
  const via = parseVia(top);
  const wantsPort = via.params.has('rport');
  if (!wantsPort && via.host === source.address) return;
  const params = new Map(via.params);
  if (wantsPort) params.set('rport', String(source.port));
  // RFC 3581 §4: with rport, `received` is there even when it says the same as sent-by.
  params.set('received', source.address);
  replaceFirst(request, [formatVia({ ...via, params }), ...rest].join(', '));
}

/** The first Via field alone changes; those of later hops stay as they are. */
function replaceFirst(request: SipRequest, value: string): void {
  const fields = [...request.headers.entries()].filter(([name]) => name === 'Via').slice(1);
  request.headers.set('Via', value);
  if (fields.length === 0) return;
  request.headers.delete('Via');
  for (const [name, later] of fields.reverse()) request.headers.prepend(name, later);
  request.headers.prepend('Via', value);
}
