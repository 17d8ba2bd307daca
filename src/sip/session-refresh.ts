import { DeadlineExceeded } from '../core/deadline.ts';
import { NoSuchDialog } from './server-errors.ts';
import type { CallDialog, DrachtioResponse, HeaderMap } from './drachtio.ts';
import { SUPPORTED, optionTags } from './extensions.ts';
import { SIP_LIMITS } from './limits.ts';
import { ALLOW } from './options-route.ts';
import type { OwnDescription } from './own-description.ts';
import { agreedInterval, askInterval, longerInterval } from './session-interval.ts';
import type { Refreshed } from './session-timer.ts';
import { glarePause } from './session-timer.ts';

export type RefreshMethod = 'INVITE' | 'UPDATE';

/** A refresh of ours. An UPDATE needs no offer (RFC 4028 §7.4); an INVITE carries our SDP as it was. */
export function refreshRequest(
  method: RefreshMethod,
  seconds: number,
  { dialog, own }: { readonly dialog: Pick<CallDialog, 'local'>; readonly own: OwnDescription },
): { method: string; headers: HeaderMap; body?: string } {
  const headers = {
    Contact: dialog.local.contact,
    Allow: ALLOW,
    Supported: SUPPORTED,
    ...askInterval(seconds),
  };
  if (method === 'UPDATE') return { method, headers };
  return { method, headers: { ...headers, 'Content-Type': 'application/sdp' }, body: own.current };
}

/** RFC 3311 §5.1. A peer that does not say what it takes is not tried. */
export function takesUpdate(peer: Pick<DrachtioResponse, 'get'>): boolean {
  return optionTags(peer.get('Allow')).includes('update');
}

/** Whether the peer does not know UPDATE after all. */
export function refusesUpdate(method: RefreshMethod, { status }: DrachtioResponse): boolean {
  return method === 'UPDATE' && (status === 405 || status === 501);
}

/**
 * What the answer to a refresh means (RFC 4028 §10).
 * @param fraction random, in [0, 1): how long to wait after a request that crossed one of the peer's
 */
export function refreshed(
  response: DrachtioResponse,
  method: RefreshMethod,
  seconds: number,
  fraction: number,
): Refreshed {
  const { status } = response;
  if (status < 300) return { kind: 'agreed', interval: agreedInterval(response, seconds) };
  if (status === 408 || status === 481) return { kind: 'gone' };
  if (status === 491) return crossed(fraction);
  if (refusesUpdate(method, response)) return { kind: 'later', after: 0 };
  const longer = status === 422 ? longerInterval(response, seconds) : undefined;
  if (longer !== undefined) return { kind: 'later', after: 0, seconds: longer };
  return { kind: 'later', after: SIP_LIMITS.refreshRetry };
}

/** A request of the peer is on its way or being answered. */
export function crossed(fraction: number): Refreshed {
  return { kind: 'later', after: glarePause(fraction) };
}

/** No answer came: the session is gone (RFC 4028 §10), unless it is our own SIP server that is. */
export function unanswered(error: unknown): Refreshed {
  const gone = error instanceof DeadlineExceeded || error instanceof NoSuchDialog;
  return gone ? { kind: 'gone' } : { kind: 'later', after: SIP_LIMITS.refreshRetry };
}
