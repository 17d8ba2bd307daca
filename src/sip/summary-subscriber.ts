import type { AddressOfRecord } from '../core/address-of-record.ts';
import { MailboxError } from '../core/errors.ts';
import { parseContentType } from '../im/content-type.ts';
import { MESSAGE_SUMMARY_TYPE } from '../im/message-summary.ts';
import type { DrachtioRequest } from './drachtio.ts';
import type { EventPackageReader, EventSubscriberOptions } from './event-subscriber.ts';
import { EventSubscriber } from './event-subscriber.ts';

/** A SUBSCRIBE that asks once what the state is was refused. */
export class SummaryRefused extends MailboxError {
  readonly status: number;

  constructor(status: number, reason: string) {
    super('SUMMARY_REFUSED', `the SUBSCRIBE was answered ${status} ${reason}`);
    this.status = status;
  }
}

/** Message summaries, as they came (RFC 3842 §3). */
const MESSAGE_SUMMARY: EventPackageReader<string> = {
  event: 'message-summary',
  accept: MESSAGE_SUMMARY_TYPE,
  // The user asks for herself: nobody else may see what waits for her (RFC 3842 §6).
  from: (target) => target.toString(),
  read: summaryIn,
};

/** Subscribes to message-summary. */
export class SipSummarySubscriber extends EventSubscriber<string> {
  constructor(options: EventSubscriberOptions) {
    super(options, MESSAGE_SUMMARY);
  }

  /**
   * Asks once what a phone that subscribes is told: the body of the NOTIFY, null when it has none.
   * @param nextHop SIP URI
   * @param deadline ms
   * @throws SummaryRefused, DeadlineExceeded, NoSipServer
   */
  async fetch(target: AddressOfRecord, nextHop: string, deadline: number): Promise<string | null> {
    const answer = await this.ask(target, nextHop, deadline);
    if (answer.kind === 'rejected') throw new SummaryRefused(answer.status, answer.reason);
    return answer.body;
  }
}

/** The body of a request when it is a message summary; a body of no stated type counts as one. */
function summaryIn(request: DrachtioRequest): string | null {
  const { body } = request;
  if (body === undefined || body.trim() === '') return null;
  const type = request.get('Content-Type');
  return type === undefined || parseContentType(type)?.mime === MESSAGE_SUMMARY_TYPE ? body : null;
}
