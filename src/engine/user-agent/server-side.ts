import type { Counter, Metrics } from '../../core/metrics.ts';
import type { Application, SipCommand } from '../control/application.ts';
import type { ApplicationMessage } from '../control/application-message.ts';
import { UnusableMessage } from '../control/application-message.ts';
import { messageLine } from '../control/notice.ts';
import { repeatUntilAcknowledged } from '../dialog/accepted-invite.ts';
import { afterRequest, contactUri, dialogOfServer } from '../dialog/dialog-state.ts';
import type { Dialog } from '../dialog/dialog.ts';
import { DIALOG_LIMITS } from '../dialog/limits.ts';
import { endsSubscription, subscriptionLifetime } from '../dialog/subscription.ts';
import { parseCSeq } from '../message/cseq.ts';
import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import { tagOf, topVia, transactionKey } from '../transaction/match.ts';
import { responseTo } from '../transaction/response-to.ts';
import type { ReceivedMessage } from '../transport/transport.ts';
import { isWebSocket } from '../transport/transport.ts';
import type { Arrival } from './arrival.ts';
import { DIALOG_CREATING } from './compose-response.ts';
import type { HeldNotifies } from './held-notifies.ts';
import { IncomingRequest } from './incoming-request.ts';
import type { AnswerJudge } from './incoming-request.ts';
import { RETRY_AFTER, Refusals } from './refusals.ts';
import { responsePath } from './response-path.ts';
import type { Surroundings } from './surroundings.ts';
import { shownToApplication } from './upward.ts';

/** Our side as the one who is asked (UAS): judges requests, and lets applications answer those that are theirs. */
export class ServerSide implements AnswerJudge {
  readonly #surroundings: Surroundings;
  readonly #held: HeldNotifies;
  readonly #hangUp: (dialog: Dialog, reason: string) => void;
  readonly #requests: Counter;
  readonly #refusals: Refusals;
  /** Requests that wait for an application's answer. */
  readonly #waiting = new Map<string, IncomingRequest>();
  /** Of these, the INVITEs: CANCEL finds them by their transaction. */
  readonly #invites = new Map<string, IncomingRequest>();

  /** @param hangUp ends a call that nobody acknowledged */
  constructor(
    surroundings: Surroundings,
    held: HeldNotifies,
    metrics: Metrics,
    hangUp: (dialog: Dialog, reason: string) => void,
  ) {
    this.#surroundings = surroundings;
    this.#held = held;
    this.#hangUp = hangUp;
    this.#requests = metrics.counter('engine_requests_total', 'SIP requests handed to applications');
    this.#refusals = new Refusals(surroundings, metrics);
  }

  /** A request came. @throws MalformedVia and other errors of grammar, before anything was done */
  take(request: SipRequest, received: ReceivedMessage): void {
    const { transactions } = this.#surroundings;
    const via = topVia(request.headers);
    const { key, cancelledKey } = transactionKey(request, via);
    const transaction = transactions.findServer(key);
    if (request.method === 'ACK') {
      if (transaction === undefined) this.#takeAck(request, received);
      else transaction.acknowledge(received);
      return;
    }
    if (transaction !== undefined) {
      transaction.repeated();
      return;
    }
    const arrival = { request, received, via, key };
    if (request.method === 'CANCEL') this.#takeCancel(arrival, cancelledKey);
    else this.#takeNew(arrival);
  }

  /** A NOTIFY that waited is judged like any other. */
  takeEarlyNotify(arrival: Arrival): void {
    if (this.#surroundings.transactions.findServer(arrival.key) === undefined) this.#takeInDialog(arrival);
  }

  /** Sends an application's answer. @throws UnusableMessage */
  answer(application: Application, command: SipCommand, message: ApplicationMessage): void {
    const incoming = this.#waiting.get(command.transactionId);
    if (incoming?.application !== application) throw new UnusableMessage('unknown transaction');
    incoming.answer(command, message);
  }

  /** The application is gone: what it has not answered is answered for it. */
  applicationGone(application: Application): void {
    for (const incoming of [...this.#waiting.values()]) {
      if (incoming.application === application) incoming.refuse(503);
    }
  }

  dialogBegins({ arrival, application }: IncomingRequest, response: SipResponse): Dialog {
    const { request, received } = arrival;
    const state = dialogOfServer(request, response);
    return this.#surroundings.dialogs.open({
      kind: request.method === 'INVITE' ? 'INVITE' : 'SUBSCRIBE',
      fromTag: state.remoteTag,
      owner: application,
      flow: received.flow,
      state,
      idle: request.method === 'INVITE' ? DIALOG_LIMITS.inviteIdle : subscriptionLifetime(request, response),
    });
  }

  succeeded({ arrival }: IncomingRequest, dialog: Dialog, response: SipResponse, bytes: Buffer): void {
    const { request } = arrival;
    // It may have ended while the request waited.
    if (!this.#surroundings.dialogs.has(dialog)) return;
    if (request.method === 'SUBSCRIBE' && dialog.kind === 'SUBSCRIBE') {
      this.#surroundings.dialogs.keep(dialog, subscriptionLifetime(request, response));
    } else if (request.method === 'INVITE') {
      this.#repeatUntilAcknowledged(arrival, dialog, bytes);
    }
  }

  acknowledged(received: ReceivedMessage): void {
    if (received.message.kind === 'request') this.#takeAck(received.message, received);
  }

  finished(incoming: IncomingRequest, status: number): void {
    const { dialogs } = this.#surroundings;
    const { dialog } = incoming;
    const { request, key } = incoming.arrival;
    this.#waiting.delete(incoming.id);
    if (request.method === 'INVITE') this.#invites.delete(key);
    if (dialog === undefined) return;
    if (request.method === 'INVITE') dialog.invited = false;
    if (status === 401 || status === 407) return;
    if (request.method === 'BYE' || endsSubscription(dialog, request)) dialogs.close(dialog);
  }

  #repeatUntilAcknowledged({ request, received, via }: Arrival, dialog: Dialog, bytes: Buffer): void {
    const { clock, timers, transport } = this.#surroundings;
    const path = responsePath(via, received, transport);
    dialog.accepted?.stop();
    dialog.accepted = {
      sequence: parseCSeq(request.headers.get('CSeq') ?? '').sequence,
      stop: repeatUntilAcknowledged({
        clock,
        timers,
        repeat: () => void path.send(bytes).catch(() => undefined),
        unacknowledged: () => {
          dialog.accepted = undefined;
          this.#hangUp(dialog, 'ACK timeout');
        },
      }),
    };
  }

  #takeNew(arrival: Arrival): void {
    const { transactions } = this.#surroundings;
    const { request } = arrival;
    if (transactions.serversFull) {
      this.#refusals.refuse(arrival, 503, RETRY_AFTER);
    } else if (request.headers.get('Max-Forwards')?.trim() === '0') {
      this.#refusals.refuse(arrival, 483);
    } else if (transactions.merges(request)) {
      this.#refusals.refuse(arrival, 482);
    } else if (tagOf(request.headers.get('To')) !== '') {
      this.#takeTagged(arrival);
    } else {
      this.#takeOutOfDialog(arrival);
    }
  }

  #takeTagged(arrival: Arrival): void {
    const early = arrival.request.method === 'NOTIFY' ? this.#held.hold(arrival) : 'not-early';
    if (early === 'full') this.#refusals.refuse(arrival, 503, RETRY_AFTER);
    else if (early === 'not-early') this.#takeInDialog(arrival);
  }

  #takeOutOfDialog(arrival: Arrival): void {
    const { control, dialogs } = this.#surroundings;
    const { request } = arrival;
    const { method } = request;
    const verb = method.toLowerCase();
    const application = control.next(verb);
    if (application === undefined) {
      this.#refusals.refuseUnwanted(arrival, control);
      return;
    }
    if (DIALOG_CREATING.has(method)) {
      if (dialogs.full) {
        this.#refusals.refuse(arrival, 503, RETRY_AFTER);
        return;
      }
      // RFC 3261 §8.1.1.8: without a Contact there is nobody to talk to in the dialog.
      if (contactUri(request) === undefined) {
        this.#refusals.refuse(arrival, 400, [], 'Missing Contact');
        return;
      }
    }
    this.#handOver(arrival, application);
  }

  /** RFC 3261 §12.2.2. */
  #takeInDialog(arrival: Arrival): void {
    const { request } = arrival;
    const { dialogs } = this.#surroundings;
    const dialog = this.#dialogOf(request);
    if (dialog === undefined) {
      this.#takeUnknownDialog(arrival);
      return;
    }
    const state = afterRequest(dialog.state, request);
    if (state === 'out-of-order') {
      this.#refusals.refuse(arrival, 500, [['Retry-After', '1']], 'CSeq out of order');
      return;
    }
    if (request.method === 'INVITE' && (dialog.inviting || dialog.invited)) {
      // RFC 3261 §14.2: one INVITE at a time; crossing ones are both put off.
      if (dialog.inviting) this.#refusals.refuse(arrival, 491);
      else this.#refusals.refuse(arrival, 500, [['Retry-After', '1']]);
      return;
    }
    dialog.state = state;
    if (isWebSocket(arrival.received.source)) dialog.flow = arrival.received.flow;
    if (request.method === 'INVITE') dialog.invited = true;
    if (dialog.kind === 'INVITE') dialogs.keep(dialog, DIALOG_LIMITS.inviteIdle);
    else dialogs.spare(dialog);
    this.#handOver(arrival, dialog.owner, dialog);
  }

  /**
   * RFC 3261 §12.2.2: a request of no dialog known here gets 481. An application may go on with a subscription from before
   * this engine began, so it is asked about SUBSCRIBE; while it cannot be asked nobody knows that the dialog is gone.
   */
  #takeUnknownDialog(arrival: Arrival): void {
    const { control } = this.#surroundings;
    const subscribes = arrival.request.method === 'SUBSCRIBE';
    const application = subscribes ? control.next('subscribe') : undefined;
    if (application !== undefined) this.#handOver(arrival, application);
    else if (subscribes && (control.verbs.size === 0 || control.wants('subscribe'))) {
      this.#refusals.refuseUnwanted(arrival, control);
    } else this.#refusals.refuse(arrival, 481);
  }

  #handOver(arrival: Arrival, application: Application, dialog?: Dialog): void {
    const { transactions, transport, identifiers } = this.#surroundings;
    const { request, received, via, key } = arrival;
    const path = responsePath(via, received, transport);
    const transaction = transactions.openServer(request, path, key, identifiers.tag());
    const from = { arrival, application, dialog, transaction };
    const incoming = new IncomingRequest(from, this.#surroundings, this);
    this.#waiting.set(incoming.id, incoming);
    if (request.method === 'INVITE') this.#invites.set(key, incoming);
    this.#requests.add();
    transaction.start();
    incoming.show();
  }

  /** RFC 3261 §9.2: a CANCEL is always answered 200 when its INVITE is known, and ends it when it can. */
  #takeCancel(arrival: Arrival, inviteKey: string): void {
    const { transactions, transport } = this.#surroundings;
    const { request, received, via, key } = arrival;
    const invite = transactions.findServer(inviteKey);
    if (invite === undefined) {
      this.#refusals.refuse(arrival, 481);
      return;
    }
    const path = responsePath(via, received, transport);
    const transaction = transactions.openServer(request, path, key, invite.localTag);
    transaction.start();
    transaction.respond(responseTo(request, 200, invite.localTag));
    const incoming = this.#invites.get(inviteKey);
    if (incoming === undefined) return;
    incoming.show(request);
    incoming.refuse(487);
  }

  /** An ACK outside of its INVITE's transaction is for a 2xx (RFC 3261 §13.3.1.4); any other is dropped. */
  #takeAck(request: SipRequest, received: ReceivedMessage): void {
    const dialog = this.#dialogOf(request);
    const { accepted } = dialog ?? {};
    if (dialog === undefined || accepted === undefined) return;
    if (parseCSeq(request.headers.get('CSeq') ?? '').sequence !== accepted.sequence) return;
    accepted.stop();
    dialog.accepted = undefined;
    const { clock, identifiers, binaryBodies } = this.#surroundings;
    const bytes = shownToApplication(request, binaryBodies);
    const passage = {
      bytes: bytes.length,
      peer: received.source,
      at: clock.now(),
      transactionId: identifiers.next(),
    };
    dialog.owner.notify(messageLine(identifiers.next(), passage, dialog.id), bytes);
  }

  #dialogOf({ headers }: SipRequest): Dialog | undefined {
    return this.#surroundings.dialogs.find(
      headers.get('Call-ID') ?? '',
      tagOf(headers.get('To')),
      tagOf(headers.get('From')),
    );
  }
}
