import type { SipResponse } from '../message/sip-message.ts';
import { serializeMessage } from '../message/serialize-message.ts';
import type { ClientTransaction, ClientTransactionUser } from '../transaction/client-transaction.ts';
import { cancellationOf } from '../transaction/client-transaction.ts';
import type { TransactionTable } from '../transaction/transaction-table.ts';
import type { Endpoint, Flow } from '../transport/transport.ts';
import type { Departure } from './departures.ts';

/** What becomes of a try; told as its transaction tells it. */
export interface AttemptJudge {
  responded(attempt: Attempt, response: SipResponse): void;
  timedOut(attempt: Attempt): void;
  failed(attempt: Attempt): void;
}

/** One try of a request: the way it went, and the transaction that waits for its responses. */
export class Attempt implements ClientTransactionUser {
  readonly departure: Departure;
  /** A response came, if only a provisional one. */
  answered = false;
  /** Nothing more is to come, but for repeated 2xx. */
  over = false;
  readonly #judge: AttemptJudge;
  readonly #transactions: TransactionTable;
  readonly #transaction: ClientTransaction;
  readonly #flow: MutableFlow | undefined;
  #cancelled = false;

  constructor(departure: Departure, transactions: TransactionTable, judge: AttemptJudge) {
    const { request, bytes, branch, flow } = departure;
    this.departure = departure;
    this.#judge = judge;
    this.#transactions = transactions;
    // What repeats its requests and is none of the calls, which are ended by CANCEL.
    if (flow.remote.protocol === 'udp' && request.method !== 'INVITE') this.#flow = new MutableFlow(flow);
    this.#transaction = transactions.openClient(request, bytes, branch, this.#flow ?? flow, this);
  }

  start(): void {
    this.#transaction.start();
  }

  /** A call that has begun to ring, or the like. */
  get proceeding(): boolean {
    return this.#transaction.state === 'proceeding';
  }

  /**
   * RFC 3261 §9.1: a CANCEL goes where its INVITE went, under the same branch; once.
   * @param fields what it says beside, such as Reason
   */
  cancel(fields: readonly (readonly [name: string, value: string])[] = []): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    const { request, branch, flow } = this.departure;
    const cancellation = cancellationOf(request, fields);
    const bytes = serializeMessage(cancellation);
    this.#transactions.openClient(cancellation, bytes, branch, flow, NOBODY).start();
    this.#transaction.cancelled();
  }

  /** Whether it only listens: nothing is repeated. */
  mute(muted: boolean): void {
    if (this.#flow !== undefined) this.#flow.muted = muted;
  }

  /** Neither says nor hears anything any more. */
  abandon(): void {
    this.over = true;
    this.#transaction.abandon();
  }

  responded(response: SipResponse): void {
    this.answered = true;
    if (response.status >= 200) this.over = true;
    this.#judge.responded(this, response);
  }

  timedOut(): void {
    this.over = true;
    this.#judge.timedOut(this);
  }

  failed(): void {
    this.over = true;
    this.#judge.failed(this);
  }
}

/** A flow that can be silenced. */
class MutableFlow implements Flow {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  muted = false;
  readonly #flow: Flow;

  constructor(flow: Flow) {
    this.local = flow.local;
    this.remote = flow.remote;
    this.#flow = flow;
  }

  send(bytes: Buffer): Promise<void> {
    return this.muted ? Promise.resolve() : this.#flow.send(bytes);
  }
}

const NOBODY: ClientTransactionUser = {
  responded: () => undefined,
  timedOut: () => undefined,
  failed: () => undefined,
};
