import type { MalformedMessage } from '../message/malformed-message.ts';
import { serializeMessage } from '../message/serialize-message.ts';
import { topVia } from '../transaction/match.ts';
import { responseTo } from '../transaction/response-to.ts';
import type { Flow } from '../transport/transport.ts';
import type { Identifiers } from './identifiers.ts';

/**
 * Answers a request that cannot be read, where enough of it can to answer it (RFC 3261 §8.2.7, §16.3). It goes straight
 * back to where it came from: what such a request says of itself is not to be relied on.
 */
export function answerMalformed(error: MalformedMessage, flow: Flow, identifiers: Identifiers): void {
  const { request, status, reason } = error;
  if (request === undefined || request.method === 'ACK') return;
  const callId = request.headers.get('Call-ID') ?? '';
  const branch = branchOf(request);
  const response = responseTo(request, status, identifiers.statelessTag(`${branch} ${callId}`), reason);
  flow.send(serializeMessage(response)).catch(() => undefined);
}

function branchOf({ headers }: NonNullable<MalformedMessage['request']>): string {
  try {
    return topVia(headers).params.get('branch') ?? '';
  } catch {
    return '';
  }
}
