import { sourceKey } from '../admission/source-key.ts';
import { splitList } from '../message/split-list.ts';
import type { SipHeaders, SipRequest } from '../message/sip-message.ts';
import type { Via } from '../message/via.ts';
import { parseVia } from '../message/via.ts';

/** Begins every branch made after RFC 3261 (§8.1.1.7). */
export const MAGIC_COOKIE = 'z9hG4bK';

/** What of a request names its transaction. */
export interface TransactionKey {
  /** Of the transaction itself; an ACK has that of its INVITE. */
  readonly key: string;
  /** Of the INVITE a CANCEL is for; '' for any other method. */
  readonly cancelledKey: string;
}

/** Methods but INVITE a CANCEL may name by mistake; it has no effect on them (RFC 3261 §9.2). */
const WITHOUT_CANCELLATION = [
  ...['OPTIONS', 'MESSAGE', 'SUBSCRIBE', 'NOTIFY', 'PUBLISH', 'REGISTER', 'INFO', 'UPDATE', 'REFER', 'BYE'],
];

/** Keys of the transactions, other than of an INVITE, that the CANCEL with this key for its INVITE may be meant for. */
export function otherCancelledKeys(cancelledKey: string): string[] {
  return WITHOUT_CANCELLATION.map((method) => `${method}${cancelledKey.slice('INVITE'.length)}`);
}

/*
 * RFC 3261 §17.2.3: a request belongs to a server transaction when the branch of its top Via, the sent-by beside it and
 * the method agree; ACK counts as INVITE. Without the magic cookie the branch proves nothing (RFC 2543): then
 * Request-URI, From tag, Call-ID, CSeq number and the whole top Via must agree. The To tag, which an ACK takes from
 * the response and an INVITE lacks, is left out.
 *
 * Threat: a stranger who guesses branch and sent-by cancels the call of another, or sends first what another is about to,
 * which would then pass for a copy. So the source, as `received` has it by then (§18.2.1), has to agree as well.
 */
export function transactionKey(request: SipRequest, via: Via): TransactionKey {
  const method = request.method === 'ACK' ? 'INVITE' : request.method;
  const identity = identityOf(request, via);
  return {
    key: flat(method, identity),
    cancelledKey: method === 'CANCEL' ? flat('INVITE', identity) : '',
  };
}

function identityOf({ headers, uri }: SipRequest, via: Via): string {
  const branch = via.params.get('branch') ?? '';
  const source = sourceKey(via.params.get('received') ?? via.host);
  const sentBy = `${via.host.toLowerCase()}:${via.port ?? ''}:${source}`;
  if (branch.length > MAGIC_COOKIE.length && branch.startsWith(MAGIC_COOKIE)) return flat(branch, sentBy);
  const from = tagOf(headers.get('From'));
  const sequence = sequenceText(headers.get('CSeq'));
  return flat('2543', uri, from, headers.get('Call-ID') ?? '', sequence, via.transport, sentBy, branch);
}

/** The first Via. @throws MalformedVia */
export function topVia(headers: SipHeaders): Via {
  const first = headers.get('Via') ?? '';
  return parseVia(first.includes(',') ? (splitList(first)[0] ?? '') : first);
}

/**
 * RFC 3261 §8.2.2.2: two requests outside of a dialog with this in common and different transactions are one request
 * that came twice, by two ways. Undefined within a dialog.
 */
export function mergeKey({ headers }: SipRequest): string | undefined {
  if (tagOf(headers.get('To')) !== '') return undefined;
  return flat(headers.get('Call-ID') ?? '', tagOf(headers.get('From')), headers.get('CSeq') ?? '');
}

/** The tag of a From or To value, '' when it has none: among the parameters after the URI's bracket, if it has one. */
export function tagOf(value: string | undefined): string {
  if (value === undefined) return '';
  const params = value.slice(value.lastIndexOf('>') + 1);
  const start = TAG.exec(params);
  return start?.[1] ?? '';
}

const TAG = /;\s*tag\s*=\s*([^\s;,>]+)/i;

/** The number in a CSeq value, as it is written. */
export function sequenceText(value: string | undefined): string {
  const text = (value ?? '').trim();
  const end = text.search(/\s/);
  return end < 0 ? text : text.slice(0, end);
}

/**
 * What is kept for long has characters of its own: to a string put together by `+` or a template belong all those it is
 * made of, and to these the text of the whole message, as long as it lives.
 */
function flat(...parts: readonly string[]): string {
  return parts.join(' ');
}
