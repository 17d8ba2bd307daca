import type { AddressOfRecord } from '../core/address-of-record.ts';
import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import type {
  Notification,
  RefreshResponse,
  SubscribeRejection,
  SubscribeResponse,
  Subscriber,
  Subscription,
  SubscriptionNotice,
} from '../subscription/ports.ts';
import type { Incoming, OwnDialog, SipAgent } from './agent.ts';
import { NoSuchDialog } from './server-errors.ts';
import { deltaSeconds } from './delta-seconds.ts';
import type { DrachtioRequest, DrachtioResponse, HeaderMap } from './drachtio.ts';
import { rejectionOf } from './rejection.ts';
import type { RequestSender } from './request-sender.ts';
import { SipRefusal, sendRefusal } from './refusal.ts';
import { tagOf } from './tag.ts';

export interface EventSubscriberOptions {
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

/** What is subscribed to, and how its NOTIFYs are read. */
export interface EventPackageReader<Body> {
  /** Name of the package: `message-summary`. */
  readonly event: string;
  /** MIME type of its bodies. */
  readonly accept: string;
  /** Who subscribes, a SIP URI. */
  readonly from: (target: AddressOfRecord) => string;
  /** The body of a NOTIFY; null when it has none. @throws SipRefusal: the answer to a body that cannot be read */
  readonly read: (request: DrachtioRequest) => Body | null;
}

/** One subscription of ours, by its Call-ID. */
interface Listening<Body> {
  /** The notifier's tag: of the first that answers or notifies. A SUBSCRIBE that forked has others too (RFC 6665 §4.3). */
  notifierTag: string;
  readonly onNotify: (notification: Notification<Body>) => void;
}

/**
 * Subscribes to an event package over SIP (RFC 6665 §4.1). The client library's own subscription dialogs are not used: one may
 * never come up, a NOTIFY that overtakes the 2xx passes them by, and each keeps two whole messages in memory. A NOTIFY is told
 * by its Call-ID, a random one of ours.
 */
export class EventSubscriber<Body> implements Subscriber<Body> {
  readonly #options: EventSubscriberOptions;
  readonly #reader: EventPackageReader<Body>;
  readonly #listening = new Map<string, Listening<Body>>();

  constructor(options: EventSubscriberOptions, reader: EventPackageReader<Body>) {
    this.#options = options;
    this.#reader = reader;
  }

  /** Subscriptions that NOTIFYs are taken for. */
  get size(): number {
    return this.#listening.size;
  }

  async subscribe(
    target: AddressOfRecord,
    expires: number,
    onNotify: (notification: Notification<Body>) => void,
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
   * Asks once what the state is (RFC 6665 §4.4.3): the body of the NOTIFY, null when it has none.
   * @param nextHop SIP URI
   * @param deadline ms
   * @throws DeadlineExceeded, NoSipServer
   */
  async ask(
    target: AddressOfRecord,
    nextHop: string,
    deadline: number,
  ): Promise<{ readonly kind: 'told'; readonly body: Body | null } | SubscribeRejection> {
    let callId = '';
    const told = new Promise<Body | null>((resolve) => {
      callId = this.#listen(({ body }) => resolve(body));
    });
    const asked = async (): ReturnType<EventSubscriber<Body>['ask']> => {
      const response = await this.#send(target, nextHop, callId, 0);
      return response.status >= 300 ? rejectionOf(response) : { kind: 'told', body: await told };
    };
    try {
      return await withDeadline(this.#options.clock, deadline, `asking for ${this.#reader.event}`, asked());
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
    const { event: ours } = this.#reader;
    const event = (request.get('Event') ?? '').split(';')[0]?.trim() ?? '';
    if (event !== ours) throw new SipRefusal(489, 'Bad Event', { 'Allow-Events': ours });
    const notification = { ...readNotice(request), body: this.#answer(request, response) };
    if (notification.state === 'terminated') this.#listening.delete(callId);
    listening.onNotify(notification);
    return true;
  }

  /** A body that cannot be read is refused; what its headers say of the subscription holds all the same. */
  #answer(request: DrachtioRequest, response: DrachtioResponse): Body | null {
    try {
      const body = this.#reader.read(request);
      response.send(200, 'OK', {});
      return body;
    } catch (error) {
      if (!(error instanceof SipRefusal)) throw error;
      const { event } = this.#reader;
      this.#options.logger.warn(
        { event, error: describeError(error.cause ?? error) },
        'NOTIFY not understood',
      );
      sendRefusal(response, error);
      return null;
    }
  }

  #listen(onNotify: (notification: Notification<Body>) => void): string {
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
      From: `<${this.#reader.from(target)}>`,
      To: `<${uri}>`,
      'Call-ID': callId,
      ...this.#subscribeHeaders(expires),
    };
    return await this.#options.requests.request(uri, { method: 'SUBSCRIBE', proxy: nextHop, headers });
  }

  #subscribeHeaders(expires: number): HeaderMap {
    const { event, accept } = this.#reader;
    return { Event: event, Accept: accept, Expires: String(expires) };
  }

  #subscription(callId: string, dialog: OwnDialog): Subscription {
    return {
      refresh: (expires) => this.#refresh(dialog, expires),
      forget: () => void this.#listening.delete(callId),
    };
  }

  async #refresh(dialog: OwnDialog, expires: number): Promise<RefreshResponse> {
    try {
      const headers = this.#subscribeHeaders(expires);
      const response = await dialog.request({ method: 'SUBSCRIBE', headers });
      if (response.status >= 300) return rejectionOf(response);
      return { kind: 'accepted', expires: deltaSeconds(response.get('Expires')) ?? expires };
    } catch (cause) {
      this.#options.logger.debug({ error: describeError(cause) }, 'refresh not answered');
      return cause instanceof NoSuchDialog ? { kind: 'gone' } : { kind: 'unanswered', cause };
    }
  }
}

/*
 * RFC 6665 §8.4: Subscription-State = substate-value *( SEMI subexp-params ). A NOTIFY without the header, as of RFC 3265's
 * time, is one of a subscription that lives.
 */
function readNotice(request: DrachtioRequest): SubscriptionNotice {
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
  };
}
