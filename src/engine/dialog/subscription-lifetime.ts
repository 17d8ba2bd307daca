import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import { DIALOG_LIMITS } from './limits.ts';

/**
 * How long the dialog of a subscription is kept after this SUBSCRIBE and its 2xx, ms. The response's Expires is what
 * was granted (RFC 6665 §4.1.2.1).
 */
export function subscriptionLifetime(request: SipRequest, response: SipResponse): number {
  const text = response.headers.get('Expires') ?? request.headers.get('Expires') ?? '';
  const granted = /^\d{1,10}$/.test(text) ? Number(text) : DIALOG_LIMITS.subscriptionExpires;
  const seconds = Math.min(granted, DIALOG_LIMITS.subscriptionMaxExpires);
  return seconds * 1000 + DIALOG_LIMITS.subscriptionGrace;
}
