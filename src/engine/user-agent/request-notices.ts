import { messageLine, requestSentLine } from '../control/notice.ts';
import { serializeMessage } from '../message/serialize-message.ts';
import type { SipResponse } from '../message/sip-message.ts';
import type { Endpoint } from '../transport/transport.ts';
import type { Departure } from './departures.ts';
import { undeliverable } from './departures.ts';
import type { Order } from './order.ts';
import type { Surroundings } from './surroundings.ts';
import { shownToApplication } from './binary-bodies.ts';

/** What an application is told of its request: that it was sent, once, and its responses. Of others nobody is told. */
export class RequestNotices {
  readonly #id: string;
  readonly #order: Order;
  readonly #surroundings: Surroundings;
  #announced = false;

  /** @param id what a CANCEL of the application names the request by */
  constructor(id: string, order: Order, surroundings: Surroundings) {
    this.#id = id;
    this.#order = order;
    this.#surroundings = surroundings;
  }

  /** Whether it waits to be told how its request was sent. */
  get due(): boolean {
    return !this.#announced && this.#order.command !== undefined;
  }

  /** @param departure undefined for a request that goes nowhere: it is shown as it would have gone */
  sent(departure: Departure | undefined): void {
    const { command, application, journey } = this.#order;
    if (this.#announced || command === undefined) return;
    this.#announced = true;
    const { clock, identifiers } = this.#surroundings;
    const bytes = departure?.bytes ?? serializeMessage(undeliverable(this.#surroundings, journey.compose));
    const passage = {
      bytes: bytes.length,
      peer: departure?.flow.remote,
      at: clock.now(),
      transactionId: this.#id,
    };
    application.answer(command, requestSentLine(identifiers.next(), command.id, passage), bytes);
  }

  /**
   * @param peer who sent the response; undefined for one made here
   * @param dialogId of the dialog the response belongs to; '' for none
   */
  answered(response: SipResponse, peer: Endpoint | undefined, dialogId: string): void {
    const { command, application } = this.#order;
    if (command === undefined) return;
    const { clock, identifiers, binaryBodies } = this.#surroundings;
    const bytes = shownToApplication(response, binaryBodies);
    const passage = {
      bytes: peer === undefined ? 0 : bytes.length,
      peer,
      at: clock.now(),
      transactionId: this.#id,
    };
    application.notify(messageLine(identifiers.next(), passage, dialogId), bytes);
  }
}
