import { backoff } from '../../core/backoff.ts';
import { refusesThisText } from '../ports.ts';
import { PUSH_LIMITS } from './limits.ts';
import type { Push } from './ports.ts';

/** How a text is brought. */
export type PushWay = 'chat' | 'message';

/**
 * The ways to a phone, the best first: a chat keeps author and time of each text beside its words. A phone that does not say what
 * it takes is tried with both.
 */
export function waysTo(methods: readonly string[] | null, canChat: boolean): readonly PushWay[] {
  const takes = (method: string): boolean => methods === null || methods.includes(method);
  const ways: PushWay[] = [];
  if (canChat && takes('INVITE')) ways.push('chat');
  if (takes('MESSAGE')) ways.push('message');
  return ways;
}

/**
 * What a call that came to no chat tells.
 *   `no chat`     this phone takes none: a MESSAGE goes at once
 *   `unanswered`  she did not look at it: the next attempt goes by MESSAGE, which waits on the phone until she does
 *   `later`       she is busy, does not want it now, or is not there: the same again later
 */
export type CallVerdict = 'no chat' | 'unanswered' | 'later';

/** RFC 3261 §21.4 to §21.6: answers that speak of the offer, the method or the extensions, not of the user. */
const NO_CHAT: ReadonlySet<number> = new Set([400, 405, 406, 415, 416, 420, 421, 488, 501, 505, 513, 606]);

/** It rang until somebody gave up. */
const UNANSWERED: ReadonlySet<number> = new Set([408, 487]);

export function verdictOnCall(status: number): CallVerdict {
  if (NO_CHAT.has(status)) return 'no chat';
  return UNANSWERED.has(status) ? 'unanswered' : 'later';
}

/**
 * What a phone that did not take a MESSAGE tells.
 *   `not this text`  others may fare better
 *   `no MESSAGE`     this phone takes none at all
 *   `later`          she is not there, or does not want it now: the rest is not tried
 */
export type MessageVerdict = 'not this text' | 'no MESSAGE' | 'later';

const NO_MESSAGE: ReadonlySet<number> = new Set([405, 501]);

export function verdictOnMessage(status: number): MessageVerdict {
  if (refusesThisText(status)) return 'not this text';
  return NO_MESSAGE.has(status) ? 'no MESSAGE' : 'later';
}

/** When a push that failed once more is tried again, epoch ms; null: not before she registers anew or a text comes. */
export function nextAttempt(
  { attempts }: Pick<Push, 'attempts'>,
  most: number,
  now: number,
  fraction: number,
): number | null {
  const tried = attempts + 1;
  if (tried >= most) return null;
  return now + backoff(PUSH_LIMITS.backoff, 2 * tried - 1, fraction);
}
