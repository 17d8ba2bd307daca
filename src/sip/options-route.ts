import type { Route } from './agent.ts';
import { SUPPORTED } from './extensions.ts';

/** The methods we take. */
export const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, MESSAGE';

/**
 * Answers OPTIONS: we are alive, and this is what we take (RFC 3261 §11.2).
 * @param events event types of the built-in presence server; none where there is another
 * @param more methods we take besides
 */
export function optionsRoute(accept: string, events: readonly string[], more: readonly string[] = []): Route {
  const presence = events.length > 0;
  const headers = {
    Allow: [ALLOW, ...more, ...(presence ? ['PUBLISH', 'SUBSCRIBE'] : [])].join(', '),
    Accept: `application/sdp, ${accept}`,
    Supported: SUPPORTED,
    ...(presence ? { 'Allow-Events': events.join(', ') } : {}),
  };
  return ({ response }) => {
    response.send(200, 'OK', { headers: { ...headers } });
    return Promise.resolve();
  };
}
