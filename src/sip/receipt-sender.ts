import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { ReceiptMessage, ReceiptSender } from '../mailbox/receipts/receipts.ts';
import type { ReceiptAnswer } from '../mailbox/receipts/receipt-verdict.ts';
import { OWN_MESSAGE_HEADER } from './loop.ts';
import type { RequestSender } from './request-sender.ts';

export interface SipReceiptSenderOptions {
  readonly requests: RequestSender;
  /** SIP URI of the operator's proxy; undefined: the one the text came from, else the author's own domain. */
  readonly proxy: string | undefined;
  readonly logger: Logger;
}

/**
 * Sends receipts as MESSAGEs (RFC 5438 §12.1). From is the owner, as in the message/cpim inside: Linphone takes it no other
 * way.
 */
export class SipReceiptSender implements ReceiptSender {
  readonly #options: SipReceiptSenderOptions;

  constructor(options: SipReceiptSenderOptions) {
    this.#options = options;
  }

  async send({ from, to, returnHop, contentType, content }: ReceiptMessage): Promise<ReceiptAnswer> {
    const { requests, logger } = this.#options;
    const proxy = this.#options.proxy ?? returnHop;
    try {
      const { status, reason } = await requests.request(to.toString(), {
        method: 'MESSAGE',
        ...(proxy === null ? {} : { proxy }),
        headers: {
          From: `<${from.toString()}>`,
          To: `<${to.toString()}>`,
          'Content-Type': contentType,
          // No phone need wake for it (RFC 3261 §20.26).
          Priority: 'non-urgent',
          ...OWN_MESSAGE_HEADER,
        },
        body: content.toString('utf8'),
      });
      return { status, reason };
    } catch (error) {
      logger.debug({ author: to.toString(), error: describeError(error) }, 'receipt not answered');
      return { status: 0, reason: 'no answer' };
    }
  }
}
