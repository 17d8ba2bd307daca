import type { Incoming, Route } from './agent.ts';
import { SipRefusal } from './refusal.ts';

/** Takes the NOTIFYs of its own subscriptions. */
export interface NotifyTaker {
  /** Answers the NOTIFY when it is one of those; else false. @throws SipRefusal */
  take(incoming: Pick<Incoming, 'request' | 'response'>): boolean;
}

/**
 * Offers each NOTIFY to whoever subscribes, one after the other. One that nobody takes goes on to `otherwise`; without that it
 * is of a subscription we have given up, or never had (RFC 6665 §4.1.3).
 */
export function notifyRoute(takers: readonly NotifyTaker[], otherwise?: Route): Route {
  return async (incoming) => {
    if (takers.some((taker) => taker.take(incoming))) return;
    if (otherwise === undefined) throw new SipRefusal(481, 'Subscription Does Not Exist');
    await otherwise(incoming);
  };
}
