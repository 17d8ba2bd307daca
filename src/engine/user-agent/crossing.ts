import type { Dialog } from '../dialog/dialog.ts';
import type { SipMessage, SipRequest } from '../message/sip-message.ts';

/**
 * What a request of the peer within a dialog is refused with because another one is under way there: one INVITE at a time
 * (RFC 3261 §14.2), one UPDATE, and one offer (RFC 3311 §5.2). Undefined: nothing is in its way.
 *
 * - 491: it crosses one of ours; both are put off. Ours may also be an offer in a 2xx, whose answer comes in the ACK; where
 *   nothing but the ACK is awaited it may have been lost or overtaken, and is not waited for (RFC 5407 §3.1.4, §3.1.5).
 * - 500: it came before the peer's own one was answered, and is told when to come again.
 */
export function crossing(dialog: Dialog, request: SipRequest): 491 | 500 | undefined {
  const { method } = request;
  if (method !== 'INVITE' && method !== 'UPDATE') return undefined;
  const isPlain = method === 'UPDATE' && !hasDescription(request);
  const offered = dialog.inviting || dialog.offering !== undefined || dialog.accepted?.answers === true;
  if (!isPlain && offered) return 491;
  if (dialog.updated !== undefined || (!isPlain && dialog.invited !== undefined)) return 500;
  return undefined;
}

/** A session description, alone or among other things. */
export function hasDescription({ headers, body }: SipMessage): boolean {
  return body.length > 0 && /^\s*(?:application\/sdp|multipart\/)/i.test(headers.get('Content-Type') ?? '');
}
