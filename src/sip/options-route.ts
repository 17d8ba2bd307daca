import type { Route } from './agent.ts';

/** The methods we take. */
export const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE';

/** Answers OPTIONS: we are alive, and this is what we take (RFC 3261 §11.2). */
export function optionsRoute(accept: string, presence: boolean): Route {
  const headers = {
    Allow: presence ? `${ALLOW}, PUBLISH, SUBSCRIBE` : ALLOW,
    Accept: `application/sdp, ${accept}`,
    ...(presence ? { 'Allow-Events': 'message-summary' } : {}),
  };
  return ({ response }) => {
    response.send(200, 'OK', { headers: { ...headers } });
    return Promise.resolve();
  };
}
