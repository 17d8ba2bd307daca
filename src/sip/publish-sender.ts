import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { MESSAGE_SUMMARY_TYPE } from '../im/message-summary.ts';
import type { PublishRequest, PublishResponse, PublishSender } from '../mwi/ports.ts';
import { deltaSeconds } from './delta-seconds.ts';
import type { DrachtioResponse, HeaderMap } from './drachtio.ts';
import { rejectionOf } from './rejection.ts';
import type { RequestSender } from './request-sender.ts';

/** Sends PUBLISH to the presence server (RFC 3903 §4). The Request-URI is the presentity; the server is the next hop. */
export class SipPublishSender implements PublishSender {
  readonly #requests: RequestSender;
  readonly #presenceServer: string;
  readonly #logger: Logger;

  /** @param presenceServer SIP URI of the next hop */
  constructor(requests: RequestSender, presenceServer: string, logger: Logger) {
    this.#requests = requests;
    this.#presenceServer = presenceServer;
    this.#logger = logger;
  }

  async publish(request: PublishRequest): Promise<PublishResponse> {
    const uri = request.target.toString();
    const headers: HeaderMap = {
      From: `<${uri}>`,
      To: `<${uri}>`,
      Event: 'message-summary',
      Expires: String(request.expires),
      ...(request.body === null ? {} : { 'Content-Type': MESSAGE_SUMMARY_TYPE }),
      ...(request.entityTag === null ? {} : { 'SIP-If-Match': request.entityTag }),
    };
    try {
      const options = { method: 'PUBLISH', proxy: this.#presenceServer, headers };
      const sent = request.body === null ? options : { ...options, body: request.body };
      return readAnswer(await this.#requests.request(uri, sent), request.expires);
    } catch (cause) {
      this.#logger.debug({ mailbox: uri, error: describeError(cause) }, 'PUBLISH not answered');
      return { kind: 'unanswered', cause };
    }
  }
}

function readAnswer(response: DrachtioResponse, asked: number): PublishResponse {
  if (response.status < 300) {
    const entityTag = response.get('SIP-ETag');
    if (entityTag === undefined || entityTag === '') {
      return { kind: 'rejected', status: 500, reason: 'a 2xx to PUBLISH without SIP-ETag' };
    }
    return { kind: 'accepted', entityTag, expires: deltaSeconds(response.get('Expires')) ?? asked };
  }
  // The engine makes up a 408 or a 503 itself when no answer came; either way nothing is known of the request's fate.
  return rejectionOf(response);
}
