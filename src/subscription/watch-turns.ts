import { SUBSCRIPTION_LIMITS } from './limits.ts';
import type { RefreshResponse, SubscribeResponse, SubscriptionNotice } from './ports.ts';
import type { Standing, Watch, WatchStep, WatchSurroundings, WatchTurn } from './watch.ts';
import { failedAgain, lost, refreshLater, refreshRejected, rejected, terminated } from './watch-setbacks.ts';

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
