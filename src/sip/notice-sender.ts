import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { NoticeSender, SenderNotice } from '../mailbox/sender-notice.ts';
import { OWN_MESSAGE_HEADER } from './loop.ts';
import type { RequestSender } from './request-sender.ts';

export interface SipNoticeSenderOptions {
  readonly requests: RequestSender;
  /** SIP URI of the operator's proxy; undefined: the one the text came from. */
  readonly proxy: string | undefined;
  readonly logger: Logger;
}

/**
 * Sends notices as MESSAGEs. They say that a program wrote them (RFC 3834 §3.1.7), so that no other one answers, and bear our
 * mark, so that no mailbox keeps one whose addressee is offline.
 */
export class SipNoticeSender implements NoticeSender {
  readonly #options: SipNoticeSenderOptions;

  constructor(options: SipNoticeSenderOptions) {
    this.#options = options;
  }

  async send({ owner, author, returnHop, text }: SenderNotice): Promise<number> {
    const { requests, proxy = returnHop, logger } = this.#options;
    try {
      const { status } = await requests.request(author.toString(), {
        method: 'MESSAGE',
        proxy,
        headers: {
          From: `<${owner.toString()}>`,
          To: `<${author.toString()}>`,
          'Content-Type': 'text/plain;charset=utf-8',
          'Auto-Submitted': 'auto-replied',
          // No phone need wake for it (RFC 3261 §20.26).
          Priority: 'non-urgent',
          ...OWN_MESSAGE_HEADER,
        },
        body: text,
      });
      return status;
    } catch (error) {
      logger.debug({ author: author.toString(), error: describeError(error) }, 'notice not answered');
      return 0;
    }
  }
}
