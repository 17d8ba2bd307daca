import { deltaSeconds } from './delta-seconds.ts';
import type { DrachtioRequest, DrachtioResponse, HeaderMap } from './drachtio.ts';
import { optionTags } from './extensions.ts';
import { SESSION_MAX_INTERVAL, SESSION_MIN_SE } from './limits.ts';
import { SipRefusal } from './refusal.ts';

/** What was agreed: how long the session lasts without a refresh, and whose task that is. */
export interface SessionInterval {
  /** Seconds. */
  readonly seconds: number;
  readonly refresher: 'us' | 'peer';
}

/** Our word on session timers in the 2xx to a request; no interval: the session lasts as long as it lasts. */
export interface IntervalAnswer {
  readonly interval: SessionInterval | undefined;
  readonly headers: HeaderMap;
}

type Message = Pick<DrachtioRequest, 'get'>;

/**
 * Answers INVITE and UPDATE (RFC 4028 §9). We ask for no timer of our own: a chat has a connection whose end is seen, and ends
 * itself when it is silent.
 * @throws SipRefusal 422
 */
export function answerInterval(request: Message): IntervalAnswer {
  const none = { interval: undefined, headers: {} };
  const asked = field(request, 'Session-Expires', 'x');
  const wanted = deltaSeconds(asked);
  if (wanted === undefined) return none;
  const knowsTimers = optionTags(request.get('Supported') ?? request.get('k')).includes('timer');
  if (wanted < SESSION_MIN_SE) {
    if (knowsTimers) {
      throw new SipRefusal(422, 'Session Interval Too Small', { 'Min-SE': String(SESSION_MIN_SE) });
    }
    // A proxy asked for it, and a 422 would mean nothing to the caller.
    return none;
  }
  // §9: it may be shortened, down to what the caller or a proxy calls the least.
  const least = deltaSeconds(request.get('Min-SE')) ?? SESSION_MIN_SE;
  const seconds = Math.max(Math.min(wanted, SESSION_MAX_INTERVAL), Math.min(least, wanted));
  // Table 2 there: only a caller that knows timers can refresh, and does unless it wants us to.
  const refresher = knowsTimers && refresherIn(asked) !== 'uas' ? 'peer' : 'us';
  return {
    interval: { seconds, refresher },
    headers:
      refresher === 'us'
        ? { 'Session-Expires': `${seconds};refresher=uas` }
        : { 'Session-Expires': `${seconds};refresher=uac`, Require: 'timer' },
  };
}

/** What a refresh of ours asks for (RFC 4028 §7.4). */
export function askInterval(seconds: number): HeaderMap {
  return { 'Session-Expires': `${seconds};refresher=uac`, 'Min-SE': String(SESSION_MIN_SE) };
}

/** What the 2xx to a refresh of ours says (RFC 4028 §7.2); one that says nothing leaves it to us. */
export function agreedInterval(response: Message, asked: number): SessionInterval {
  const answer = field(response, 'Session-Expires', 'x');
  const seconds = Math.max(deltaSeconds(answer) ?? asked, SESSION_MIN_SE);
  return {
    seconds: Math.min(seconds, asked),
    refresher: refresherIn(answer) === 'uas' ? 'peer' : 'us',
  };
}

/** What the 2xx to our INVITE says: we asked for no timer, and go along with the one the peer or a proxy wants (RFC 4028 §7.2). */
export function answeredInterval(response: Message): SessionInterval | undefined {
  const isWanted = field(response, 'Session-Expires', 'x') !== undefined;
  return isWanted ? agreedInterval(response, SESSION_MAX_INTERVAL) : undefined;
}

/** What a 422 asks for (RFC 4028 §7.3); undefined when it is no more than was asked. */
export function longerInterval(response: Pick<DrachtioResponse, 'get'>, asked: number): number | undefined {
  const least = deltaSeconds(response.get('Min-SE')) ?? 0;
  return least > asked && least <= SESSION_MAX_INTERVAL ? least : undefined;
}

function refresherIn(value: string | undefined): string | undefined {
  return /;\s*refresher\s*=\s*(ua[cs])\b/i.exec(value ?? '')?.[1]?.toLowerCase();
}

function field(message: Message, name: string, compact: string): string | undefined {
  return message.get(name) ?? message.get(compact);
}
