import { VOICEMAIL_LIMITS } from './voicemail-limits.ts';
import type { SummaryNotification } from './voicemail-ports.ts';

/**
 * How long what a NOTIFY says stands, epoch ms: until the subscription ends (`endsAt`), and a grace to find the voicemail again.
 */
export function standsUntil(endsAt: number, now: number): number {
  return Math.max(endsAt, now) + VOICEMAIL_LIMITS.grace;
}

/** The notifier says that there is no mailbox of this user any more: what it said of it is void (RFC 6665 §4.1.3). */
export function isWithdrawn({ state, reason }: SummaryNotification): boolean {
  return state === 'terminated' && reason === 'noresource';
}
