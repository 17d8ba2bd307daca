import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import type { Dialog } from './dialog.ts';
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

/** RFC 6665 §4.4.1: a NOTIFY that says so ends the subscription, and the dialog that was made for it. */
export function endsSubscription(dialog: Dialog, request: SipRequest | undefined): boolean {
  if (dialog.kind !== 'SUBSCRIBE' || request?.method !== 'NOTIFY') return false;
  return /^\s*terminated\b/i.test(request.headers.get('Subscription-State') ?? '');
}
