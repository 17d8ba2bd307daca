import { backoff } from '../core/backoff.ts';
import { SUBSCRIPTION_LIMITS } from './limits.ts';
import type { RefreshResponse, SubscribeRejection, SubscribeResponse, SubscriptionNotice } from './ports.ts';

/*
 * A subscription of ours to what a notifier says of one user (RFC 6665 §4.1).
 *
 *               due: SUBSCRIBE                 2xx                      NOTIFY
 *   ┌─────────┐ ─────────────> ┌────────┐ ───────────> ┌──────────┐ ───────────> ┌──────────┐
 *   │ Unasked │                │ Asking │              │ Unheard  │              │ Standing │
 *   └─────────┘ <───────────── └────────┘              └──────────┘              └──────────┘
 *     │  ^  ^      refused,                               │   ^     2xx, NOTIFY      │   ^
 *     │  │  │      unanswered        no NOTIFY in time    │   │     yet to come      │   │ 2xx and NOTIFY;
 *     │  │  └─────────────────────────────────────────────┘   └──────────────┐       │   │ 5xx, 408, unanswered:
 *     │  │                                                               ┌───┴───────v───┴─┐ again after back-off
 *     │  └── terminated; 481 and other ends of the dialog; its life ended ─┤   Refreshing    │
 *     │      (from each state on the right)                              └─────────────────┘
 *     v
 *   Let go: refused for good (403, 404, 489, …), noresource, rejected: left for a long while to whoever takes it then
 *
 *   terminated with deactivated, timeout or no reason: the next SUBSCRIBE at once; probation, giveup: after retry-after.
 *   A NOTIFY may come before the 2xx: it is believed, and the state is still Asking.
 */

/** How far we are with one user. Instants in epoch ms. */
export type Watch =
  | { readonly phase: 'unasked'; readonly failures: number }
  | {
      readonly phase: 'asking';
      readonly failures: number;
      readonly sentAt: number;
      /** When the subscription ends if it is granted as asked. */
      readonly endsAt: number;
      readonly heard: boolean;
      /** The NOTIFY that ended the subscription before its 2xx came. */
      readonly ended: SubscriptionNotice | null;
    }
  | {
      readonly phase: 'subscribed' | 'refreshing';
      readonly failures: number;
      /** When it began. */
      readonly since: number;
      readonly endsAt: number;
      /** When the last SUBSCRIBE left. */
      readonly sentAt: number;
      /** Whether a NOTIFY came since then. */
      readonly heard: boolean;
    };

type Standing = Extract<Watch, { readonly phase: 'subscribed' | 'refreshing' }>;

/** Nothing was asked yet. */
export const NEW_WATCH: Watch = { phase: 'unasked', failures: 0 };

/** What the machine draws on beside the watch. */
export interface WatchSurroundings {
  /** Epoch ms. */
  readonly now: number;
  /** Seconds to ask for. */
  readonly expires: number;
  /** A number in [0, 1), for jitter. */
  readonly fraction: () => number;
}

/** What follows from something that happened. */
export interface WatchTurn {
  readonly watch: Watch;
  /** When the next step is due, epoch ms; null: an answer is awaited. */
  readonly dueAt: number | null;
  /** The subscription there was is no more. */
  readonly drop?: true;
  /** Nothing is to be expected before `dueAt`: any node may take the watch then. */
  readonly letGo?: true;
  /** Seconds the notifier wants at least, for every subscription to come. */
  readonly minExpires?: number;
  /** The status of a refusal that somebody has to look at. */
  readonly refusedWith?: number;
}

/** What to do when a step is due. */
export type WatchStep =
  | { readonly kind: 'subscribe' | 'refresh'; readonly watch: Watch; readonly drop: boolean }
  /** No NOTIFY came in time, or nothing is to be done. */
  | { readonly kind: 'none'; readonly turn: WatchTurn };

/** What is due: the SUBSCRIBE that begins a subscription, or one that prolongs it. */
export function dueStep(watch: Watch, surroundings: WatchSurroundings): WatchStep {
  const { now, expires } = surroundings;
  if (watch.phase === 'asking' || watch.phase === 'refreshing') {
    return { kind: 'none', turn: { watch, dueAt: null } };
  }
  if (watch.phase === 'subscribed' && !watch.heard && now < watch.endsAt) {
    return { kind: 'none', turn: { ...failedAgain(watch.failures, {}, surroundings), drop: true } };
  }
  if (watch.phase === 'subscribed' && now < watch.endsAt) {
    const refreshing: Watch = { ...watch, phase: 'refreshing', sentAt: now, heard: false };
    return { kind: 'refresh', watch: refreshing, drop: false };
  }
  const asking: Watch = {
    phase: 'asking',
    failures: watch.failures,
    sentAt: now,
    endsAt: now + expires * 1000,
    heard: false,
    ended: null,
  };
  return { kind: 'subscribe', watch: asking, drop: watch.phase === 'subscribed' };
}

/** What follows from the answer to the SUBSCRIBE that begins a subscription. */
export function afterSubscribe(
  watch: Watch,
  response: SubscribeResponse,
  surroundings: WatchSurroundings,
): WatchTurn {
  if (watch.phase !== 'asking') return { watch, dueAt: null };
  switch (response.kind) {
    case 'accepted': {
      const { failures, sentAt, heard, ended } = watch;
      const endsAt = sentAt + boundedLife(response.expires);
      const standing: Standing = { phase: 'subscribed', failures, since: sentAt, endsAt, sentAt, heard };
      return ended === null ? granted(standing, surroundings) : terminated(standing, ended, surroundings);
    }
    case 'unanswered':
      return failedAgain(watch.failures, {}, surroundings);
    case 'rejected':
      return rejected(watch.failures, response, surroundings);
  }
}

/** What follows from the answer to a refresh. */
export function afterRefresh(
  watch: Watch,
  response: RefreshResponse,
  surroundings: WatchSurroundings,
): WatchTurn {
  // A NOTIFY ended it meanwhile.
  if (watch.phase !== 'refreshing') return { watch, dueAt: null };
  switch (response.kind) {
    case 'accepted': {
      const endsAt = watch.sentAt + boundedLife(response.expires);
      return granted({ ...watch, phase: 'subscribed', failures: 0, endsAt }, surroundings);
    }
    case 'gone':
      return lost(watch, surroundings);
    case 'unanswered':
      return refreshLater(watch, {}, surroundings);
    case 'rejected':
      return refreshRejected(watch, response, surroundings);
  }
}

/** What follows from a NOTIFY; what its body says is not looked at here. */
export function afterNotify(
  watch: Watch,
  notification: SubscriptionNotice,
  surroundings: WatchSurroundings,
): WatchTurn {
  const { now } = surroundings;
  if (watch.phase === 'unasked') return { watch, dueAt: null };
  if (watch.phase === 'asking') {
    const ended = notification.state === 'terminated' ? notification : null;
    return { watch: { ...watch, heard: true, ended }, dueAt: null };
  }
  if (notification.state === 'terminated') return terminated(watch, notification, surroundings);
  const { expires } = notification;
  // RFC 6665 §4.1.3: the notifier's word on what is left counts.
  const endsAt = expires === null ? watch.endsAt : now + boundedLife(expires);
  const heard: Standing = { ...watch, endsAt, heard: true };
  return watch.phase === 'refreshing' ? { watch: heard, dueAt: null } : granted(heard, surroundings);
}

function granted(watch: Standing, { fraction }: WatchSurroundings): WatchTurn {
  const { notifyDeadline } = SUBSCRIPTION_LIMITS;
  if (!watch.heard) return { watch, dueAt: watch.sentAt + notifyDeadline };
  return { watch, dueAt: refreshAt(watch, fraction()) };
}

/** Spread over the end of the life, yet early enough that a lost answer is noticed before it is over. */
function refreshAt({ sentAt, endsAt }: Standing, fraction: number): number {
  const { refreshWindow, refreshLead, minRefresh } = SUBSCRIPTION_LIMITS;
  const life = endsAt - sentAt;
  const spread = refreshWindow.from + (refreshWindow.to - refreshWindow.from) * fraction;
  return sentAt + Math.max(Math.min(life * spread, Math.max(life - refreshLead, life / 2)), minRefresh);
}

/** When the subscription a NOTIFY came of ends, epoch ms, as far as that is known: of one that is over, when it would have. */
export function endOf(watch: Watch, { state, expires }: SubscriptionNotice, now: number): number {
  const known = watch.phase === 'unasked' ? now : watch.endsAt;
  return state === 'terminated' || expires === null ? known : now + boundedLife(expires);
}

function boundedLife(seconds: number): number {
  return Math.min(Math.max(seconds, 0), SUBSCRIPTION_LIMITS.longestExpires) * 1000;
}

/** RFC 6665 §4.1.3: what each reason asks of us. */
function terminated(
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
function lost({ since, failures }: Standing, surroundings: WatchSurroundings): WatchTurn {
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

function failedAgain(
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

function rejected(
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

function refreshRejected(
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
function refreshLater(watch: Standing, advice: Advice, surroundings: WatchSurroundings): WatchTurn {
  const { dueAt, watch: failed } = failedAgain(watch.failures, advice, surroundings);
  if (dueAt === null || dueAt >= watch.endsAt) return { watch: failed, dueAt, drop: true };
  const { failures } = failed;
  return { watch: { ...watch, phase: 'subscribed', failures, heard: true }, dueAt };
}
