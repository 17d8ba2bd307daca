import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { PagerSender } from '../mailbox/ports.ts';
import { PagerDeliveryFailed } from '../mailbox/ports.ts';
import type { DrachtioResponse } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';
import { OWN_MESSAGE_HEADER } from './loop.ts';
import type { RequestSender } from './request-sender.ts';

/** Sends MESSAGEs in the mailbox's name through a proxy. From is the Message-Account: phones refuse borrowed names. */
export class SipPagerSender implements PagerSender {
  readonly maxBytes = SIP_LIMITS.pagerBody;
  readonly #requests: RequestSender;
  readonly #messageAccount: AddressOfRecord;
  readonly #proxy: string;

  /** @param proxy SIP URI of the next hop */
  constructor(requests: RequestSender, messageAccount: AddressOfRecord, proxy: string) {
    this.#requests = requests;
    this.#messageAccount = messageAccount;
    this.#proxy = proxy;
  }

  async send(to: AddressOfRecord, text: string): Promise<void> {
    const answer = await this.#send(to, text);
    if (answer.status >= 300) throw new PagerDeliveryFailed(answer.status, answer.reason);
  }

  async #send(to: AddressOfRecord, text: string): Promise<DrachtioResponse> {
    try {
      return await this.#requests.request(to.toString(), {
        method: 'MESSAGE',
        proxy: this.#proxy,
        headers: {
          From: `<${this.#messageAccount.toString()}>`,
          To: `<${to.toString()}>`,
          'Content-Type': 'text/plain;charset=utf-8',
          ...OWN_MESSAGE_HEADER,
        },
        body: text,
      });
    } catch (cause) {
      throw new PagerDeliveryFailed(0, 'no answer', { cause });
    }
  }
}
