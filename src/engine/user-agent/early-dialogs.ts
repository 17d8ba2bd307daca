import { tagOf } from '../transaction/match.ts';
import type { IncomingRequest } from './incoming-request.ts';

/** Dialogs an unanswered INVITE of the peer may have begun by our provisional responses (RFC 3261 §12.1). */
export class EarlyDialogs {
  readonly #invites = new Map<string, IncomingRequest>();

  /** An INVITE outside of a dialog came. */
  begin(invite: IncomingRequest): void {
    this.#invites.set(keyOf(invite), invite);
  }

  /** It has its final response. */
  end(invite: IncomingRequest): void {
    const key = keyOf(invite);
    if (this.#invites.get(key) === invite) this.#invites.delete(key);
  }

  find(callId: string, remoteTag: string, localTag: string): IncomingRequest | undefined {
    const invite = this.#invites.get(`${callId} ${remoteTag}`);
    return invite?.localTag === localTag ? invite : undefined;
  }
}

function keyOf({ arrival }: IncomingRequest): string {
  const { headers } = arrival.request;
  return `${headers.get('Call-ID') ?? ''} ${tagOf(headers.get('From'))}`;
}
