import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import type { Reply, ReplyAnswer, ReplySender } from '../mailbox/desk/reply.ts';
import { SIP_LIMITS } from './limits.ts';
import { formatNameAddress } from './name-address.ts';
import type { RequestSender } from './request-sender.ts';
import { transportId } from './transport-id.ts';

export interface SipReplySenderOptions {
  readonly requests: RequestSender;
  /** SIP URI of the operator's proxy; undefined: the one the owner's request came from, else the recipient's own domain. */
  readonly proxy: string | undefined;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Sends an owner's replies as MESSAGEs in her name. They are texts as any other: they have no mark of ours, so that one that a
 * proxy brings back, because its recipient is offline, is kept.
 */
export class SipReplySender implements ReplySender {
  readonly maxBytes = SIP_LIMITS.pagerBody;
  readonly #options: SipReplySenderOptions;

  constructor(options: SipReplySenderOptions) {
    this.#options = options;
  }

  async send({ from, fromName, to, text, hop }: Reply): Promise<ReplyAnswer> {
    const { requests, random, logger } = this.#options;
    const proxy = this.#options.proxy ?? hop;
    const callId = hexToken(random, 128);
    const identity = formatNameAddress({ displayName: fromName, uri: from.toString() });
    try {
      const response = await requests.request(to.toString(), {
        method: 'MESSAGE',
        ...(proxy === null ? {} : { proxy }),
        headers: {
          From: identity,
          To: `<${to.toString()}>`,
          'Call-ID': callId,
          CSeq: FIRST,
          // RFC 3325 §9.1: the proxy that takes us for a part of its network asks nobody who she is. Her name is
          // what she calls herself, and nobody asserts it.
          'P-Asserted-Identity': `<${from.toString()}>`,
          'Content-Type': 'text/plain;charset=utf-8',
        },
        body: text,
      });
      const { status, reason } = response;
      // One that was sent again for a challenge has another CSeq.
      return { status, reason, transportId: transportId(callId, response.get('CSeq') ?? FIRST) };
    } catch (error) {
      logger.debug({ to: to.toString(), error: describeError(error) }, 'reply not answered');
      return { status: 0, reason: 'no answer', transportId: transportId(callId, FIRST) };
    }
  }
}

const FIRST = '1 MESSAGE';
