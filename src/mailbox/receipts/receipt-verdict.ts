import { backoff } from '../../core/backoff.ts';
import type { Receipt } from '../ports.ts';
import { RECEIPT_LIMITS } from './receipt-limits.ts';

/** What the way to the author answered to a receipt. Status 0: nobody answered. */
export interface ReceiptAnswer {
  readonly status: number;
  readonly reason: string;
}

/** What a final answer means for a receipt. `absent`: the author, or the way to her, may be there later. */
export type ReceiptVerdict = 'sent' | 'absent' | 'refused';

/**
 * Answers of proxies and phones that may be another one later, beside 5xx. 404 is one: Kamailio's default script gives it for
 * a user who is not registered now.
 */
const ABSENT: ReadonlySet<number> = new Set([0, 404, 408, 480, 486, 487, 600]);

/** RFC 3261 §21.5: server errors that are none of the moment's. */
const LASTING: ReadonlySet<number> = new Set([501, 505, 513]);

/** Judges a final SIP status. A redirection is not followed: nothing of it is vouched for. */
export function verdictOn({ status }: ReceiptAnswer): ReceiptVerdict {
  if (status >= 200 && status < 300) return 'sent';
  const passes = ABSENT.has(status) || (status >= 500 && status < 600 && !LASTING.has(status));
  return passes ? 'absent' : 'refused';
}

/** When a receipt that was tried in vain once more is due again, epoch ms; null when it has been tried for long enough. */
export function nextTry(
  { attempts, createdAt }: Pick<Receipt, 'attempts' | 'createdAt'>,
  now: number,
  fraction: number,
): number | null {
  const tried = attempts + 1;
  const at = now + backoff(RECEIPT_LIMITS.backoff, tried, fraction);
  return tried >= RECEIPT_LIMITS.attempts || at - createdAt > RECEIPT_LIMITS.age ? null : at;
}
