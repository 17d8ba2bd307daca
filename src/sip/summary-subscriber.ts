import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { MailboxError, describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { parseContentType } from '../im/content-type.ts';
import { MESSAGE_SUMMARY_TYPE } from '../im/message-summary.ts';
import type {
  RefreshResponse,
  SubscribeResponse,
  SummaryNotification,
  SummarySubscriber,
  SummarySubscription,
} from '../mwi/voicemail-ports.ts';
import type { Incoming, OwnDialog, SipAgent } from './agent.ts';
import { NoSuchDialog } from './server-errors.ts';
import { deltaSeconds } from './delta-seconds.ts';
import type { DrachtioRequest, DrachtioResponse, HeaderMap } from './drachtio.ts';
import { rejectionOf } from './rejection.ts';
import type { RequestSender } from './request-sender.ts';
import { SipRefusal } from './refusal.ts';
import { tagOf } from './tag.ts';

/** A SUBSCRIBE that asks once what the state is was refused. */
export class SummaryRefused extends MailboxError {
  readonly status: number;

  constructor(status: number, reason: string) {
    super('SUMMARY_REFUSED', `the SUBSCRIBE was answered ${status} ${reason}`);
    this.status = status;
  }
}

export interface SipSummarySubscriberOptions {
  /** Sends what begins a subscription: the agent, or what meets challenges on its way there. */
  readonly requests: RequestSender;
  /** Knows the dialogs that come of it. */
  readonly agent: Pick<SipAgent, 'dialogOf'>;
  /** SIP URI of the next hop. */
  readonly nextHop: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** One subscription of ours, by its Call-ID. */
interface Listening {
  /** The notifier's tag: of the first that answers or notifies. A SUBSCRIBE that forked has others too (RFC 6665 §4.3). */
  notifierTag: string;
  readonly onNotify: (notification: SummaryNotification) => void;
}

const EVENT = 'message-summary';

/**
 * Subscribes to message-summary over SIP (RFC 6665 §4.1, RFC 3842 §3). The client library's own subscription dialogs are not
 * used: one may never come up, a NOTIFY that overtakes the 2xx passes them by, and each keeps two whole messages in memory.
 * A NOTIFY is told by its Call-ID, a random one of ours.
 */
export class SipSummarySubscriber implements SummarySubscriber {
  readonly #options: SipSummarySubscriberOptions;
  readonly #listening = new Map<string, Listening>();

  constructor(options: SipSummarySubscriberOptions) {
    this.#options = options;
  }

  /** Subscriptions that NOTIFYs are taken for. */
  get size(): number {
    return this.#listening.size;
  }

  async subscribe(
    target: AddressOfRecord,
    expires: number,
    onNotify: (notification: SummaryNotification) => void,
  ): Promise<SubscribeResponse> {
    const { agent, nextHop, logger } = this.#options;
    const callId = this.#listen(onNotify);
    try {
      const response = await this.#send(target, nextHop, callId, expires);
      if (response.status >= 300) {
        this.#listening.delete(callId);
        return rejectionOf(response);
      }
      const dialog = agent.dialogOf(response);
      if (dialog === undefined) {
        this.#listening.delete(callId);
        return { kind: 'unanswered', cause: new Error('a 2xx to SUBSCRIBE that opened no dialog') };
      }
      this.#hear(callId, tagOf(response.get('To')));
      const granted = deltaSeconds(response.get('Expires')) ?? expires;
      return { kind: 'accepted', subscription: this.#subscription(callId, dialog), expires: granted };
    } catch (cause) {
      this.#listening.delete(callId);
      logger.debug({ user: target.toString(), error: describeError(cause) }, 'SUBSCRIBE not answered');
      return { kind: 'unanswered', cause };
    }
  }

  /**
   * Asks once what a phone that subscribes is told (RFC 6665 §4.4.3): the body of the NOTIFY, null when it has none.
   * @param nextHop SIP URI
   * @param deadline ms
   * @throws SummaryRefused, DeadlineExceeded, NoSipServer
   */
  async fetch(target: AddressOfRecord, nextHop: string, deadline: number): Promise<string | null> {
    let callId = '';
    const told = new Promise<string | null>((resolve) => {
      callId = this.#listen(({ body }) => resolve(body));
    });
    const fetched = async (): Promise<string | null> => {
      const response = await this.#send(target, nextHop, callId, 0);
      if (response.status >= 300) throw new SummaryRefused(response.status, response.reason);
      return await told;
    };
    try {
      return await withDeadline(this.#options.clock, deadline, 'asking for a summary', fetched());
    } finally {
      this.#listening.delete(callId);
    }
  }

  /** Takes a NOTIFY that belongs to a subscription of ours, and answers it; false when it does not. */
  take({ request, response }: Pick<Incoming, 'request' | 'response'>): boolean {
    const callId = request.get('Call-ID')?.trim() ?? '';
    const listening = this.#listening.get(callId);
    if (listening === undefined) return false;
    if (!this.#hear(callId, tagOf(request.get('From')))) {
      throw new SipRefusal(481, 'Subscription Does Not Exist');
    }
    const event = (request.get('Event') ?? '').split(';')[0]?.trim() ?? '';
    if (event !== EVENT) throw new SipRefusal(489, 'Bad Event', { 'Allow-Events': EVENT });
    response.send(200, 'OK', {});
    const notification = readNotification(request);
    if (notification.state === 'terminated') this.#listening.delete(callId);
    listening.onNotify(notification);
    return true;
  }

  #listen(onNotify: (notification: SummaryNotification) => void): string {
    const callId = hexToken(this.#options.random, 128);
    this.#listening.set(callId, { notifierTag: '', onNotify });
    return callId;
  }

  /** Whether this notifier is the one we listen to; the first becomes it. */
  #hear(callId: string, notifierTag: string): boolean {
    const listening = this.#listening.get(callId);
    if (listening === undefined) return false;
    if (listening.notifierTag === '') listening.notifierTag = notifierTag;
    return listening.notifierTag === notifierTag;
  }

  async #send(
    target: AddressOfRecord,
    nextHop: string,
    callId: string,
    expires: number,
  ): Promise<DrachtioResponse> {
    const uri = target.toString();
    const headers: HeaderMap = {
      // The user asks for herself: nobody else may see what waits for her (RFC 3842 §6).
      From: `<${uri}>`,
      To: `<${uri}>`,
      'Call-ID': callId,
      ...subscribeHeaders(expires),
    };
    return await this.#options.requests.request(uri, { method: 'SUBSCRIBE', proxy: nextHop, headers });
  }

  #subscription(callId: string, dialog: OwnDialog): SummarySubscription {
    return {
      refresh: (expires) => this.#refresh(dialog, expires),
      forget: () => void this.#listening.delete(callId),
    };
  }

  async #refresh(dialog: OwnDialog, expires: number): Promise<RefreshResponse> {
    try {
      const response = await dialog.request({ method: 'SUBSCRIBE', headers: subscribeHeaders(expires) });
      if (response.status >= 300) return rejectionOf(response);
      return { kind: 'accepted', expires: deltaSeconds(response.get('Expires')) ?? expires };
    } catch (cause) {
      this.#options.logger.debug({ error: describeError(cause) }, 'refresh not answered');
      return cause instanceof NoSuchDialog ? { kind: 'gone' } : { kind: 'unanswered', cause };
    }
  }
}

function subscribeHeaders(expires: number): HeaderMap {
  return { Event: EVENT, Accept: MESSAGE_SUMMARY_TYPE, Expires: String(expires) };
}

/*
 * RFC 6665 §8.4: Subscription-State = substate-value *( SEMI subexp-params ). A NOTIFY without the header, as of RFC 3265's
 * time, is one of a subscription that lives.
 */
function readNotification(request: DrachtioRequest): SummaryNotification {
  const [state = '', ...rest] = (request.get('Subscription-State') ?? 'active')
    .split(';')
    .map((part) => part.trim().toLowerCase());
  const parameters = new Map(
    rest.map((part) => {
      const [name = '', value = ''] = part.split('=').map((side) => side.trim());
      return [name, value];
    }),
  );
  return {
    state: state === 'terminated' || state === 'pending' ? state : 'active',
    expires: deltaSeconds(parameters.get('expires')) ?? null,
    reason: parameters.get('reason') ?? '',
    retryAfter: deltaSeconds(parameters.get('retry-after')) ?? null,
    body: summaryIn(request),
  };
}

/** The body of a request when it is a message summary; a body of no stated type counts as one. */
function summaryIn(request: DrachtioRequest): string | null {
  const { body } = request;
  if (body === undefined || body.trim() === '') return null;
  const type = request.get('Content-Type');
  return type === undefined || parseContentType(type)?.mime === MESSAGE_SUMMARY_TYPE ? body : null;
}
