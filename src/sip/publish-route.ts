import { AddressOfRecord } from '../core/address-of-record.ts';
import type { Answer, PublishCommand } from '../presence/ports.ts';
import type { Route } from './agent.ts';
import type { DrachtioRequest } from './drachtio.ts';
import { deltaSeconds } from './delta-seconds.ts';
import { SipRefusal } from './refusal.ts';
import type { TrustedProxies } from './trust.ts';

/** Where publications go. */
export interface EventState {
  publish(command: PublishCommand): Promise<Answer>;
}

/** Takes a PUBLISH for the built-in presence server (RFC 3903 §6) from ourselves and from trusted proxies. */
export function publishRoute(
  presence: EventState,
  domains: ReadonlySet<string>,
  publishers: Pick<TrustedProxies, 'trusts'>,
): Route {
  return async ({ request, response }) => {
    if (!publishers.trusts(request.source_address)) {
      throw new SipRefusal(403, 'Not a trusted publisher');
    }
    const answer = await presence.publish(readPublish(request, domains));
    response.send(answer.status, answer.reason, { headers: { ...answer.headers } });
  };
}

function readPublish(request: DrachtioRequest, domains: ReadonlySet<string>): PublishCommand {
  const presentity = AddressOfRecord.tryParse(request.uri);
  if (presentity === undefined || !domains.has(presentity.host)) {
    throw new SipRefusal(404, 'No user of a domain served here');
  }
  const entityTag = request.get('SIP-If-Match')?.trim();
  const expires = deltaSeconds(request.get('Expires'));
  const contentType = request.get('Content-Type');
  return {
    presentity,
    event: request.get('Event') ?? '',
    ...(entityTag === undefined ? {} : { entityTag }),
    ...(expires === undefined ? {} : { expires }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(request.body === undefined || request.body === '' ? {} : { body: request.body }),
  };
}
