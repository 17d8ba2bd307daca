import { describeError } from '../core/errors.ts';
import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Logger } from '../core/logger.ts';
import { MESSAGE_SUMMARY_TYPE } from '../im/message-summary.ts';
import type { PublishRequest, PublishResponse, PublishSender } from '../mwi/ports.ts';
import type { RequestSender } from './request-sender.ts';

/** Answers by which a proxy or registrar says that no phone of the user is there. */
const NOBODY_THERE: ReadonlySet<number> = new Set([404, 410, 480]);

export interface UnsolicitedNotifyOptions {
  readonly requests: RequestSender;
  /** SIP URI of the proxy that knows where phones are. */
  readonly proxy: string;
  /** In whose name phones are told. */
  readonly messageAccount: AddressOfRecord;
  readonly logger: Logger;
}

/**
 * Tells phones without a presence server: a NOTIFY nobody subscribed to, sent to the user's address through the proxy. RFC
 * 6665 has no such request; phones and PBXs have had it since before. It stands in the place of a PUBLISH: what phones
 * confirmed is "published", and told again when its life ends, for phones that were switched off and on meanwhile.
 */
export class UnsolicitedNotifySender implements PublishSender {
  readonly #options: UnsolicitedNotifyOptions;

  constructor(options: UnsolicitedNotifyOptions) {
    this.#options = options;
  }

  async publish({ target, expires, body }: PublishRequest): Promise<PublishResponse> {
    const { requests, proxy, messageAccount, logger } = this.#options;
    const uri = target.toString();
    // There is no state to refresh at a phone: it is told everything, each time.
    if (body === null) return { kind: 'unanswered', cause: new Error('nothing to tell') };
    try {
      const { status, reason } = await requests.request(uri, {
        method: 'NOTIFY',
        proxy,
        headers: {
          From: `<${messageAccount.toString()}>`,
          To: `<${uri}>`,
          Contact: `<${messageAccount.toString()}>`,
          Event: 'message-summary',
          // No subscription stands behind it, and none goes on after it.
          'Subscription-State': 'terminated',
          'Content-Type': MESSAGE_SUMMARY_TYPE,
        },
        body,
      });
      if (status < 300) return { kind: 'accepted', entityTag: 'told', expires };
      return NOBODY_THERE.has(status) ? { kind: 'absent' } : { kind: 'rejected', status, reason };
    } catch (cause) {
      logger.debug({ mailbox: uri, error: describeError(cause) }, 'NOTIFY not answered');
      return { kind: 'unanswered', cause };
    }
  }
}
