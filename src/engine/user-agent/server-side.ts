import type { Counter, Metrics } from '../../core/metrics.ts';
import type { SourceRate } from '../admission/source-limits.ts';
import type { Application, SipCommand } from '../control/application.ts';
import type { ApplicationMessage } from '../control/application-message.ts';
import { UnusableMessage } from '../control/application-message.ts';
import { afterRequest, contactUri } from '../dialog/dialog-state.ts';
import type { Dialog } from '../dialog/dialog.ts';
import { DIALOG_LIMITS } from '../dialog/limits.ts';
import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import { tagOf, topVia, transactionKey } from '../transaction/match.ts';
import type { Endpoint, Flow, ReceivedMessage } from '../transport/transport.ts';
import { isWebSocket } from '../transport/transport.ts';
import { Admittance } from './admittance.ts';
import type { AskingSide } from './asking-side.ts';
import { AcceptedCalls, partNow } from './accepted-calls.ts';
import type { Arrival } from './arrival.ts';
import { Cancels } from './cancels.ts';
import { DIALOG_CREATING } from './compose-response.ts';
import { crossing } from './crossing.ts';
import { EarlyDialogs } from './early-dialogs.ts';
import type { Farewells } from './farewells.ts';
import type { HeldNotifies } from './held-notifies.ts';
import { IncomingRequest } from './incoming-request.ts';
import type { AnswerJudge } from './incoming-request.ts';
import { extensionObjection, inspect } from './inspection.ts';
import { RETRY_AFTER, Refusals } from './refusals.ts';
import { responsePath } from './response-path.ts';
import { firstBranch } from './returned.ts';
import { ServerDialogs } from './server-dialogs.ts';
import type { Surroundings } from './surroundings.ts';

/** Our side as the one who is asked (UAS): judges requests, and lets applications answer those that are theirs. */
export class ServerSide implements AnswerJudge {
  readonly #surroundings: Surroundings;
  readonly #held: HeldNotifies;
  readonly #asking: AskingSide;
  readonly #farewells: Farewells;
  readonly #requests: Counter;
  readonly #refusals: Refusals;
  readonly #admittance: Admittance;
  /** Requests that wait for an application's answer. */
  readonly #waiting = new Map<string, IncomingRequest>();
  readonly #early: EarlyDialogs;
  readonly #cancels: Cancels;
  readonly #dialogs: ServerDialogs;
  readonly #accepted: AcceptedCalls;

  constructor(
    surroundings: Surroundings,
    parts: {
      readonly held: HeldNotifies;
      readonly asking: AskingSide;
      readonly farewells: Farewells;
      readonly metrics: Metrics;
      readonly sourceRate?: SourceRate | undefined;
    },
  ) {
    const { held, asking, farewells, metrics, sourceRate } = parts;
    this.#surroundings = surroundings;
    this.#held = held;
    this.#asking = asking;
    this.#farewells = farewells;
    this.#requests = metrics.counter('engine_requests_total', 'SIP requests handed to applications');
    this.#refusals = new Refusals(surroundings, metrics);
    this.#early = new EarlyDialogs(this.#refusals, asking);
    this.#accepted = new AcceptedCalls(surroundings, asking);
    this.#dialogs = new ServerDialogs(surroundings, this.#accepted);
    this.#admittance = new Admittance({ ...surroundings, metrics, sourceRate, refusals: this.#refusals });
    this.#cancels = new Cancels(surroundings.transactions, this.#refusals, this.#admittance);
  }

  /** Asked of each datagram before it is read; false: it has been dealt with. */
  screen(datagram: Buffer, flow: Flow): boolean {
    return this.#admittance.screen(datagram, flow);
  }

  /** Whether who sent what cannot be read is told so. */
  mayTell(source: Endpoint): boolean {
    return this.#admittance.mayTell(source);
  }

  /** A request came. @throws MalformedVia and other errors of grammar, before anything was done */
  take(request: SipRequest, received: ReceivedMessage): void {
    const { transactions } = this.#surroundings;
    const via = topVia(request.headers);
    const { key, cancelledKey } = transactionKey(request, via);
    const transaction = transactions.findServer(key);
    if (request.method === 'ACK') {
      if (transaction === undefined) this.#acknowledge(request, received);
      else transaction.acknowledge(received);
      return;
    }
    if (transaction !== undefined) {
      transaction.repeated();
      return;
    }
    const arrival = { request, received, via, key };
    if (request.method === 'CANCEL') this.#cancels.take(arrival, cancelledKey);
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

  close(): void {
    for (const incoming of this.#waiting.values()) incoming.abandon();
    this.#waiting.clear();
  }

  /** Requests that wait for an answer. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** The application is gone: what it has not answered is answered for it, and may be tried again elsewhere. */
  applicationGone(application: Application): void {
    for (const incoming of this.#waiting.values()) {
      if (incoming.application === application) this.#farewells.say(() => incoming.refuse(503));
    }
  }

  dialogBegins(incoming: IncomingRequest, response: SipResponse): Dialog {
    return this.#dialogs.begin(incoming, response);
  }

  succeeded(incoming: IncomingRequest, dialog: Dialog, response: SipResponse, bytes: Buffer): void {
    this.#dialogs.succeeded(incoming, dialog, response, bytes);
  }

  acknowledged(received: ReceivedMessage): void {
    if (received.message.kind === 'request') this.#acknowledge(received.message, received);
  }

  finished(incoming: IncomingRequest, status: number): void {
    const { dialog } = incoming;
    this.#waiting.delete(incoming.id);
    if (incoming.arrival.request.method === 'INVITE') {
      this.#cancels.end(incoming);
      this.#early.end(incoming);
    }
    if (dialog !== undefined) this.#dialogs.finished(incoming, dialog, status);
  }

  #takeNew(arrival: Arrival): void {
    const { transactions } = this.#surroundings;
    const { request } = arrival;
    const tagged = tagOf(request.headers.get('To')) !== '';
    const inDialog = tagged && this.#dialogOf(request) !== undefined;
    if (!inDialog && !this.#admittance.admits(arrival)) return;
    if (transactions.serversFull) {
      this.#refusals.refuse(arrival, 503, RETRY_AFTER);
    } else if (transactions.merges(request)) {
      this.#refusals.refuseFor(arrival, 482);
    } else if (tagged) {
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
    const { control, dialogs, extensions } = this.#surroundings;
    const { request } = arrival;
    const { method } = request;
    const verb = method.toLowerCase();
    const objection = control.wants(verb) ? inspect(request, extensions) : undefined;
    if (objection !== undefined) {
      this.#refusals.refuse(arrival, objection.status, objection.headers);
      return;
    }
    const sender = this.#senderOf(request);
    const application = control.next(verb, sender);
    if (application === undefined) {
      // RFC 3261 §16.3 step 4: it has come round to where it began.
      if (sender !== undefined && control.next(verb) === sender) this.#refusals.refuseFor(arrival, 482);
      else this.#refusals.refuseUnwanted(arrival, control);
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

  /** The application that sent a request that came back, if it is not to have it again. */
  #senderOf(request: SipRequest): Application | undefined {
    const branch = this.#surroundings.returned === 'hand-up' ? undefined : firstBranch(request);
    return branch === undefined ? undefined : this.#asking.senderOf(request, branch);
  }

  /** RFC 3261 §12.2.2. */
  #takeInDialog(arrival: Arrival): void {
    const { request, received } = arrival;
    const { dialogs, extensions } = this.#surroundings;
    const dialog = this.#dialogOf(request);
    if (dialog?.owner.open !== true) {
      this.#takeUnknownDialog(arrival);
      return;
    }
    const { method } = request;
    const state = afterRequest(dialog.state, request);
    if (state === 'out-of-order') {
      this.#refusals.refuse(arrival, 500, [], 'CSeq out of order');
      return;
    }
    const objection = extensionObjection(request, extensions);
    if (objection !== undefined) {
      this.#refusals.refuse(arrival, objection.status, objection.headers);
      return;
    }
    const crossed = crossing(dialog, request);
    if (crossed !== undefined) {
      const headers = crossed === 500 ? this.#refusals.retrySoon(arrival) : [];
      this.#refusals.refuseFor(arrival, crossed, headers);
      return;
    }
    const formerTarget = dialog.state.remoteTarget;
    dialog.state = state;
    if (isWebSocket(received.source)) dialog.flow = received.flow;
    if (dialog.kind === 'INVITE') dialogs.keep(dialog, DIALOG_LIMITS.inviteIdle);
    else dialogs.spare(dialog);
    // A peer that hangs up is owed no ACK any more: the BYE of ours that waits for one crosses it.
    if (method === 'BYE') partNow(dialog);
    this.#handOver(arrival, dialog.owner, { dialog, formerTarget });
  }

  /**
   * RFC 3261 §12.2.2: a request of no dialog known here gets 481. An application may go on with a subscription from before
   * this engine began, so it is asked about SUBSCRIBE; while it cannot be asked nobody knows that the dialog is gone.
   */
  #takeUnknownDialog(arrival: Arrival): void {
    const { control } = this.#surroundings;
    if (this.#early.take(arrival)) return;
    const subscribes = arrival.request.method === 'SUBSCRIBE';
    const application = subscribes ? control.next('subscribe') : undefined;
    if (application !== undefined) this.#handOver(arrival, application);
    else if (subscribes && (control.verbs.size === 0 || control.wants('subscribe'))) {
      this.#refusals.refuseUnwanted(arrival, control);
    } else this.#refusals.refuse(arrival, 481);
  }

  #handOver(
    arrival: Arrival,
    application: Application,
    within?: { readonly dialog: Dialog; readonly formerTarget: string },
  ): void {
    const { transactions, transport, identifiers } = this.#surroundings;
    const { request, received, via, key } = arrival;
    const path = responsePath(via, received, transport);
    const transaction = transactions.openServer(request, path, key, identifiers.tag());
    const { dialog, formerTarget } = within ?? {};
    const from = { arrival, application, dialog, formerTarget, transaction };
    const incoming = new IncomingRequest(from, this.#surroundings, this);
    this.#waiting.set(incoming.id, incoming);
    if (request.method === 'INVITE') {
      this.#cancels.begin(incoming);
      if (dialog === undefined) this.#early.begin(incoming);
      else dialog.invited = incoming;
    }
    if (request.method === 'UPDATE' && dialog !== undefined) dialog.updated = incoming;
    this.#requests.add();
    transaction.start();
    incoming.show();
  }

  #acknowledge(request: SipRequest, received: ReceivedMessage): void {
    this.#accepted.acknowledge(this.#dialogOf(request), request, received);
  }

  #dialogOf({ headers }: SipRequest): Dialog | undefined {
    return this.#surroundings.dialogs.find(
      headers.get('Call-ID') ?? '',
      tagOf(headers.get('To')),
      tagOf(headers.get('From')),
    );
  }
}
