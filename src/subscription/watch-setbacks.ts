import { backoff } from '../core/backoff.ts';
import { SUBSCRIPTION_LIMITS } from './limits.ts';
import type { SubscribeRejection, SubscriptionNotice } from './ports.ts';
import type { Standing, WatchSurroundings, WatchTurn } from './watch.ts';
import { NEW_WATCH } from './watch.ts';

/* What follows when a subscription is refused, fails or ends: whether and when it is tried again. */

/** RFC 6665 §4.1.3: what each reason asks of us. */
export function terminated(
  watch: Standing,
  { reason, retryAfter }: SubscriptionNotice,
  surroundings: WatchSurroundings,
): WatchTurn {
  const { now, fraction } = surroundings;
  switch (reason) {
    case 'noresource':
    case 'rejected':
    case 'invariant':
      return { ...refused(surroundings), drop: true };
    case 'probation':
    case 'giveup': {
      const pause =
        retryPause(retryAfter ?? undefined) ?? SUBSCRIPTION_LIMITS.probation * (1 + fraction() / 2);
      return { watch: { phase: 'unasked', failures: watch.failures }, dueAt: now + pause, drop: true };
    }
    default: {
      const turn = lost(watch, surroundings);
      const pause = retryPause(retryAfter ?? undefined) ?? 0;
      return { ...turn, dueAt: Math.max(turn.dueAt ?? now, now + pause) };
    }
  }
}

/** The subscription is gone: anew at once, unless it was gone as soon as it stood, again and again. */
export function lost({ since, failures }: Standing, surroundings: WatchSurroundings): WatchTurn {
  const { now, fraction } = surroundings;
  const wasQuick = now - since < SUBSCRIPTION_LIMITS.quickEnd;
  const count = wasQuick ? failures + 1 : 0;
  const pause = count <= 1 ? 0 : backoff(SUBSCRIPTION_LIMITS.backoff, count - 1, fraction());
  return { watch: { phase: 'unasked', failures: count }, dueAt: now + pause, drop: true };
}

type Advice = Pick<SubscribeRejection, 'retryAfter'>;

/** Retry-After as a pause, ms. */
function retryPause(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.min(seconds * 1000, SUBSCRIPTION_LIMITS.retryAfterCeiling);
}

/** After a pause that grows from failure to failure. */
export function failedAgain(
  failures: number,
  { retryAfter }: Advice,
  { now, fraction }: WatchSurroundings,
): WatchTurn {
  const count = failures + 1;
  const pause = Math.max(
    backoff(SUBSCRIPTION_LIMITS.backoff, count, fraction()),
    retryPause(retryAfter) ?? 0,
  );
  return { watch: { phase: 'unasked', failures: count }, dueAt: now + pause };
}

/** Nothing changes by itself: after a long while, by whoever takes the watch then. */
function refused(
  { now, fraction }: WatchSurroundings,
  retry: number = SUBSCRIPTION_LIMITS.refusedRetry,
): WatchTurn {
  const pause = retry * (1 + fraction() / 2);
  return { watch: NEW_WATCH, dueAt: now + pause, letGo: true };
}

/** What an answer to the SUBSCRIBE that begins a subscription asks of us. */
export function rejected(
  failures: number,
  response: SubscribeRejection,
  surroundings: WatchSurroundings,
): WatchTurn {
  const { status } = response;
  const longer = longerLife(response, surroundings);
  if (longer !== undefined) {
    return { watch: { phase: 'unasked', failures }, dueAt: surroundings.now, minExpires: longer };
  }
  if (mayPass(status)) return failedAgain(failures, response, surroundings);
  const { refusedRetry, unservedRetry } = SUBSCRIPTION_LIMITS;
  const retry = UNSERVED.has(status) ? unservedRetry : refusedRetry;
  return { ...refused(surroundings, retry), refusedWith: status };
}

/** Method not allowed, bad event, not implemented: so it is for every user. */
const UNSERVED: ReadonlySet<number> = new Set([405, 489, 501]);

/** RFC 3261 §21.4.17: what 423 asks for, when it can help. */
function longerLife(
  { status, minExpires }: SubscribeRejection,
  { expires }: WatchSurroundings,
): number | undefined {
  if (status !== 423 || minExpires === undefined) return undefined;
  return minExpires > expires && minExpires <= SUBSCRIPTION_LIMITS.longestExpires ? minExpires : undefined;
}

/** What says more of the moment than of the request. */
function mayPass(status: number): boolean {
  return [408, 429, 480, 481, 486, 491].includes(status) || (status >= 500 && status < 600 && status !== 501);
}

/** RFC 5057 §5.1: answers to a request in a dialog after which the subscription is gone, apart from 408 (§5.2 leaves a choice). */
const ENDS_SUBSCRIPTION: ReadonlySet<number> = new Set([
  404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604,
]);

/** The same of a refresh. */
export function refreshRejected(
  watch: Standing,
  response: SubscribeRejection,
  surroundings: WatchSurroundings,
): WatchTurn {
  const { status } = response;
  if (status === 481) return lost(watch, surroundings);
  if (ENDS_SUBSCRIPTION.has(status)) {
    return { ...rejected(watch.failures, response, surroundings), drop: true };
  }
  const longer = longerLife(response, surroundings);
  if (longer !== undefined) {
    const again: Standing = { ...watch, phase: 'subscribed', heard: true };
    return { watch: again, dueAt: surroundings.now, minExpires: longer };
  }
  return refreshLater(watch, response, surroundings);
}

/** RFC 6665 §4.1.2.2: a failed refresh leaves the subscription as it was until its end. */
export function refreshLater(watch: Standing, advice: Advice, surroundings: WatchSurroundings): WatchTurn {
  const { dueAt, watch: failed } = failedAgain(watch.failures, advice, surroundings);
  if (dueAt === null || dueAt >= watch.endsAt) return { watch: failed, dueAt, drop: true };
  const { failures } = failed;
  return { watch: { ...watch, phase: 'subscribed', failures, heard: true }, dueAt };
}
