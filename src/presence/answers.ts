import type { EventPackage } from './event-package.ts';
import type { LifetimeBounds } from './limits.ts';
import type { Answer } from './ports.ts';

export function ok(headers: Answer['headers']): Answer {
  return { status: 200, reason: 'OK', headers };
}

export function refusal(status: number, reason: string, headers: Answer['headers'] = {}): Answer {
  return { status, reason, headers };
}

/** RFC 6665 §4.2.1.1, RFC 3903 §6: an event nobody here knows is refused with the events that are known. */
export function badEvent(packages: ReadonlyMap<string, EventPackage>): Answer {
  return refusal(489, 'Bad Event', { 'Allow-Events': [...packages.keys()].join(', ') });
}

/** RFC 3261 §21.4.17: the answer to a lifetime shorter than `bounds` allow. */
export function intervalTooBrief(bounds: LifetimeBounds): Answer {
  return refusal(423, 'Interval Too Brief', { 'Min-Expires': String(bounds.min) });
}

/** RFC 3261 §21.5.4: a bound is reached. */
export function unavailable(reason: string, retryAfter: number): Answer {
  return refusal(503, reason, { 'Retry-After': String(retryAfter) });
}

/** RFC 6665 §4.2.1.4: a SUBSCRIBE in a dialog whose subscription ended. */
export function noSuchSubscription(): Answer {
  return refusal(481, 'Subscription Does Not Exist');
}

/**
 * The lifetime to grant, seconds; undefined when the one asked for is too brief. 0 ends what it is asked for and is
 * always granted (RFC 3903 §4.5, RFC 6665 §4.1.2.3).
 */
export function grantLifetime(
  asked: number | undefined,
  byDefault: number,
  bounds: LifetimeBounds,
): number | undefined {
  const wanted = asked ?? byDefault;
  if (wanted !== 0 && wanted < bounds.min) return undefined;
  return Math.min(wanted, bounds.max);
}
