import type { Timer } from '../../core/clock.ts';
import type { Application, SipCommand } from '../control/application.ts';
import { messageLine, requestSentLine } from '../control/notice.ts';
import type { Dialog } from '../dialog/dialog.ts';
import { serializeMessage } from '../message/serialize-message.ts';
import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import type { ClientTransaction, ClientTransactionUser } from '../transaction/client-transaction.ts';
import { cancellationOf } from '../transaction/client-transaction.ts';
import { responseTo } from '../transaction/response-to.ts';
import type { Departure, Journey } from './departures.ts';
import { departures, undeliverable } from './departures.ts';
import { SENDING_LIMITS } from './limits.ts';
import type { Surroundings } from './surroundings.ts';
import { shownToApplication } from './upward.ts';

/** What becomes of responses, apart from being shown to the application. */
export interface ResponseJudge {
  /**
   * A response to `outgoing`. Returns the dialog it belongs to, or 'silent' for one the application is not to see.
   */
  judge(outgoing: OutgoingRequest, response: SipResponse): Dialog | 'silent' | undefined;
  /** The final response was shown; told of every request, once. */
  finished(outgoing: OutgoingRequest, response: SipResponse): void;
}

/** A request an application wants sent. */
export interface Order {
  readonly method: string;
  readonly journey: Journey;
  readonly application: Application;
  /** Undefined for a request the engine sends of itself: nobody is told of it. */
  readonly command: SipCommand | undefined;
  /** The dialog it is sent in. */
  readonly dialog?: Dialog;
}

/** One request on its way out, over as many ways as it takes, until its final response is shown. */
export class OutgoingRequest implements ClientTransactionUser {
  readonly id: string;
  readonly order: Order;
  readonly #surroundings: Surroundings;
  readonly #judge: ResponseJudge;
  readonly #ways: AsyncGenerator<Departure, void, undefined>;
  #current: { readonly transaction: ClientTransaction; readonly departure: Departure } | undefined;
  #pause: Timer | undefined;
  #announced = false;
  #answered = false;
  #final = false;
  #cancel: 'none' | 'wanted' | 'sent' = 'none';

  constructor(order: Order, surroundings: Surroundings, judge: ResponseJudge) {
    this.id = surroundings.identifiers.next();
    this.order = order;
    this.#surroundings = surroundings;
    this.#judge = judge;
    this.#ways = departures(surroundings, order.journey);
  }

  /** Its final response was shown. */
  get settled(): boolean {
    return this.#final;
  }

  /** The request as it was sent last. */
  get request(): SipRequest | undefined {
    return this.#current?.departure.request;
  }

  get departure(): Departure | undefined {
    return this.#current?.departure;
  }

  /** Sends it the first way that can be taken, or else answers it 503. */
  async start(): Promise<void> {
    await this.#next();
  }

  /** The engine closes: no response made here is shown any more. */
  abandon(): void {
    this.#pause?.cancel();
  }

  /** RFC 3261 §9.1. Returns the CANCEL, which waits for a provisional response; undefined when it comes too late. */
  cancel(): SipRequest | undefined {
    const current = this.#current;
    if (current === undefined || this.#final || this.order.method !== 'INVITE') return undefined;
    if (this.#cancel === 'none') {
      this.#cancel = 'wanted';
      if (current.transaction.state === 'proceeding') this.#sendCancel();
    }
    return cancellationOf(current.departure.request);
  }

  responded(response: SipResponse): void {
    this.#answered = true;
    if (this.#cancel === 'wanted' && response.status < 200) this.#sendCancel();
    this.#show(response, true);
  }

  timedOut(): void {
    // A call that was cancelled and never answered is over all the same (RFC 3261 §9.1).
    const status = this.#cancel === 'sent' ? 487 : 408;
    // A callee that rings for ever is told that nobody waits any more (§16.8).
    if (this.#answered && this.#cancel === 'none' && this.order.method === 'INVITE') this.#sendCancel();
    this.#answerLocally(status);
  }

  failed(): void {
    if (this.#answered || this.#cancel !== 'none') {
      this.#answerLocally(503);
    } else {
      this.#next().catch(() => this.#answerLocally(503));
    }
  }

  async #next(): Promise<void> {
    const { value: departure } = await this.#ways.next();
    if (departure === undefined) {
      this.#announce(undefined);
      const { clock } = this.#surroundings;
      this.#pause = clock.after(SENDING_LIMITS.localResponsePause, () => this.#answerLocally(503));
      return;
    }
    const { transactions } = this.#surroundings;
    const { request, bytes, branch, flow } = departure;
    const transaction = transactions.openClient(request, bytes, branch, flow, this);
    this.#current = { transaction, departure };
    this.#announce(departure);
    transaction.start();
  }

  /** Tells the application what was sent, once. */
  #announce(departure: Departure | undefined): void {
    const { command, application, journey } = this.order;
    if (this.#announced || command === undefined) return;
    this.#announced = true;
    const { clock, identifiers } = this.#surroundings;
    const bytes = departure?.bytes ?? serializeMessage(undeliverable(this.#surroundings, journey.compose));
    const passage = {
      bytes: bytes.length,
      peer: departure?.flow.remote,
      at: clock.now(),
      transactionId: this.id,
    };
    application.notify(requestSentLine(identifiers.next(), command.id, passage), bytes);
  }

  #sendCancel(): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#cancel = 'sent';
    const cancellation = cancellationOf(current.departure.request);
    const { branch, flow } = current.departure;
    const silent: ClientTransactionUser = {
      responded: () => undefined,
      timedOut: () => undefined,
      failed: () => undefined,
    };
    const bytes = serializeMessage(cancellation);
    this.#surroundings.transactions.openClient(cancellation, bytes, branch, flow, silent).start();
    current.transaction.cancelled();
  }

  #answerLocally(status: number): void {
    if (this.#final) return;
    const request = this.request ?? undeliverable(this.#surroundings, this.order.journey.compose);
    this.#show(responseTo(request, status, ''), false);
  }

  #show(response: SipResponse, received: boolean): void {
    const verdict = this.#judge.judge(this, response);
    if (verdict === 'silent' || this.#final) return;
    this.#final = response.status >= 200;
    const { command, application } = this.order;
    if (command !== undefined) {
      const { clock, identifiers, binaryBodies } = this.#surroundings;
      const bytes = shownToApplication(response, binaryBodies);
      const passage = {
        bytes: received ? bytes.length : 0,
        peer: received ? this.#current?.departure.flow.remote : undefined,
        at: clock.now(),
        transactionId: this.id,
      };
      application.notify(messageLine(identifiers.next(), passage, verdict?.id ?? ''), bytes);
    }
    if (this.#final) this.#judge.finished(this, response);
  }
}
