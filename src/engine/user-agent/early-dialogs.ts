import type { SipRequest } from '../message/sip-message.ts';
import { cancellationOf } from '../transaction/client-transaction.ts';
import { tagOf } from '../transaction/match.ts';
import type { Arrival } from './arrival.ts';
import type { AskingSide } from './asking-side.ts';
import type { IncomingRequest } from './incoming-request.ts';
import type { Refusals } from './refusals.ts';

/** Methods no dialog of a mere INVITE can be meant by: nobody was asked for a PRACK (RFC 3262 §3) or subscribed. */
const FOREIGN: ReadonlySet<string> = new Set(['PRACK', 'NOTIFY', 'SUBSCRIBE']);

/**
 * Dialogs that a provisional response may have begun (RFC 3261 §12.1): with an INVITE of the peer that we have not
 * answered, or with one of ours. Applications know dialogs by their 2xx only; so the caller's BYE is told them as the
 * CANCEL it comes to, and everything else is put off.
 */
export class EarlyDialogs {
  readonly #refusals: Refusals;
  readonly #asking: AskingSide;
  /** The peer's, by Call-ID and From tag. */
  readonly #invites = new Map<string, IncomingRequest>();

  constructor(refusals: Refusals, asking: AskingSide) {
    this.#refusals = refusals;
    this.#asking = asking;
  }

  /** An INVITE outside of a dialog came. */
  begin(invite: IncomingRequest): void {
    this.#invites.set(keyOf(invite.arrival.request), invite);
  }

  /** It has its final response. */
  end(invite: IncomingRequest): void {
    const key = keyOf(invite.arrival.request);
    if (this.#invites.get(key) === invite) this.#invites.delete(key);
  }

  /** Answers a request in an early dialog. False: there is none, or none it can be meant for. */
  take(arrival: Arrival): boolean {
    const { request } = arrival;
    if (FOREIGN.has(request.method)) return false;
    const localTag = tagOf(request.headers.get('To'));
    const incoming = this.#invites.get(keyOf(request));
    if (incoming?.localTag === localTag) {
      this.#takeOfCaller(arrival, incoming);
      return true;
    }
    // §15: a callee has nothing to hang up before its 2xx.
    if (request.method === 'BYE') return false;
    if (!this.#asking.isCalling(request.headers.get('Call-ID') ?? '', localTag)) return false;
    this.#takeOfCallee(arrival, localTag);
    return true;
  }

  #takeOfCaller(arrival: Arrival, invite: IncomingRequest): void {
    const { request } = arrival;
    const { localTag } = invite;
    if (request.method !== 'BYE') {
      // §14.2 of a second INVITE, RFC 3311 §5.2 of UPDATE; the application could do nothing with any other yet.
      this.#refusals.refuseFor(arrival, 500, this.#refusals.retrySoon(arrival), { localTag });
      return;
    }
    this.#refusals.refuseFor(arrival, 200, [], { localTag });
    invite.show(cancellationOf(invite.arrival.request, reasonsOf(request)));
    invite.refuse(487);
  }

  #takeOfCallee(arrival: Arrival, localTag: string): void {
    const { method } = arrival.request;
    // §14.2 and RFC 3311 §5.2: our own offer is still to be answered.
    if (method === 'INVITE' || method === 'UPDATE') this.#refusals.refuseFor(arrival, 491, [], { localTag });
    else this.#refusals.refuseFor(arrival, 500, this.#refusals.retrySoon(arrival), { localTag });
  }
}

function keyOf({ headers }: SipRequest): string {
  return `${headers.get('Call-ID') ?? ''} ${tagOf(headers.get('From'))}`;
}

function reasonsOf({ headers }: SipRequest): (readonly [string, string])[] {
  return headers.all('Reason').map((reason) => ['Reason', reason] as const);
}
