import type { SipHeaders } from '../message/sip-message.ts';
import { splitList } from '../message/split-list.ts';
import { formatVia, parseVia } from '../message/via.ts';
import { withoutZone } from './addresses.ts';
import type { Endpoint } from './transport.ts';

/**
 * RFC 3261 §18.2.1 and RFC 3581 §4: the top Via of a request is given `received` when its sent-by does not name the
 * source itself, and the source port in an `rport`. What the client put there of its own is not believed: answers would
 * go wherever it says.
 * @throws MalformedVia
 */
export function stampTopVia(headers: SipHeaders, source: Endpoint): void {
  const address = withoutZone(source.address);
  const [top = '', ...rest] = splitList(headers.get('Via') ?? '');
  const via = parseVia(top);
  const wantsPort = via.params.has('rport');
  const named = via.host === address;
  if (named && !wantsPort && !via.params.has('received')) return;
  const params = new Map(via.params);
  if (wantsPort) params.set('rport', String(source.port));
  // RFC 3581 §4: with rport, `received` is there even when it says the same as sent-by.
  if (wantsPort || !named) params.set('received', address);
  else params.delete('received');
  headers.replaceFirst('Via', [formatVia({ ...via, params }), ...rest].join(', '));
}
