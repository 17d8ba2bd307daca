import type { RequestHead } from './frame.ts';
import type { HeaderLines } from './serializer.ts';
import { serializeRequest, serializeResponse } from './serializer.ts';
import { pathParts } from './uri.ts';

/**
 * The response a request wants; undefined when it wants none, or says no way back.
 *
 * RFC 4975 §7.2: to the first URI of From-Path alone, from the last of To-Path, which is we. `Failure-Report: no` wants no
 * response at all, `partial` none that says 200; a REPORT never gets one (§7.1.2).
 */
export function responseTo(head: RequestHead, status: number, comment: string): Buffer | undefined {
  if (head.method === 'REPORT') return undefined;
  const wanted = head.headers.get('failure-report')?.toLowerCase() ?? 'yes';
  if (wanted === 'no' || (wanted === 'partial' && status === 200)) return undefined;
  const [back = ''] = pathParts(head.headers.get('from-path') ?? '');
  const own = pathParts(head.headers.get('to-path') ?? '').at(-1) ?? '';
  if (back === '') return undefined;
  const headers: HeaderLines = [['To-Path', back], ...(own === '' ? [] : ([['From-Path', own]] as const))];
  return serializeResponse({ transactId: head.transactId, status, comment, headers });
}

/**
 * The report that a whole message was taken (RFC 4975 §7.1.2), along the whole path the message came by. A widespread server
 * crashes on one that lacks any of these headers.
 */
export function successReport(
  head: RequestHead,
  transactId: string,
  report: { readonly messageId: string; readonly byteRange: string },
): Buffer {
  const own = pathParts(head.headers.get('to-path') ?? '').at(-1) ?? '';
  return serializeRequest({
    transactId,
    method: 'REPORT',
    headers: [
      ['To-Path', pathParts(head.headers.get('from-path') ?? '').join(' ')],
      ['From-Path', own],
      ['Message-ID', report.messageId],
      ['Byte-Range', report.byteRange],
      ['Status', '000 200 OK'],
    ],
  });
}
