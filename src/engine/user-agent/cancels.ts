import { otherCancelledKeys } from '../transaction/match.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { TransactionTable } from '../transaction/transaction-table.ts';
import type { Admittance } from './admittance.ts';
import type { Arrival } from './arrival.ts';
import type { IncomingRequest } from './incoming-request.ts';
import type { Refusals } from './refusals.ts';

/** The CANCELs of the peers, and the INVITEs they may end (RFC 3261 §9.2). */
export class Cancels {
  readonly #transactions: TransactionTable;
  readonly #refusals: Refusals;
  readonly #admittance: Admittance;
  /** INVITEs without a final response, by their transaction. */
  readonly #invites = new Map<string, IncomingRequest>();

  constructor(transactions: TransactionTable, refusals: Refusals, admittance: Admittance) {
    this.#transactions = transactions;
    this.#refusals = refusals;
    this.#admittance = admittance;
  }

  /** An INVITE was handed to its application. */
  begin(invite: IncomingRequest): void {
    this.#invites.set(invite.arrival.key, invite);
  }

  /** It has its final response. */
  end(invite: IncomingRequest): void {
    this.#invites.delete(invite.arrival.key);
  }

  /**
   * A CANCEL is always answered 200 when its request is known, with the To tag of that one, and ends an INVITE that has no final
   * response yet. It is told the application as it came, Reason and all.
   */
  take(arrival: Arrival, inviteKey: string): void {
    const { request } = arrival;
    const cancelled = this.#cancelledBy(inviteKey);
    if (cancelled === undefined) {
      if (this.#admittance.mayTell(arrival.received.source)) this.#refusals.refuse(arrival, 481);
      return;
    }
    this.#refusals.refuseFor(arrival, 200, [], { localTag: cancelled.localTag });
    const incoming = this.#invites.get(inviteKey);
    if (incoming === undefined) return;
    incoming.show(request);
    incoming.refuse(487);
  }

  #cancelledBy(inviteKey: string): ServerTransaction | undefined {
    for (const key of [inviteKey, ...otherCancelledKeys(inviteKey)]) {
      const found = this.#transactions.findServer(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
