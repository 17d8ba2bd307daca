import { describeError } from '../../core/errors.ts';
import type { Application, SipCommand } from '../control/application.ts';
import type { ApplicationMessage } from '../control/application-message.ts';
import { UnusableMessage } from '../control/application-message.ts';
import { requestSentLine } from '../control/notice.ts';
import { nextRequest } from '../dialog/dialog-state.ts';
import type { Dialog } from '../dialog/dialog.ts';
import { serializeMessage } from '../message/serialize-message.ts';
import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import { tagOf } from '../transaction/match.ts';
import { acknowledge } from './acknowledge.ts';
import { applicationFields } from './application-fields.ts';
import type { AskingSide } from './asking-side.ts';
import { ClientDialogs } from './client-dialogs.ts';
import { composeRequest } from './compose-request.ts';
import { DIALOG_CREATING } from './compose-response.ts';
import type { Journey } from './departures.ts';
import { EndingCalls, GONE } from './ending-calls.ts';
import type { Farewells } from './farewells.ts';
import type { HeldNotifies } from './held-notifies.ts';
import { journeyInDialog } from './in-dialog.ts';
import { OutgoingRequest } from './outgoing-request.ts';
import type { ResponseJudge } from './outgoing-request.ts';
import { routeOutOfDialog } from './out-of-dialog.ts';
import type { Surroundings } from './surroundings.ts';

/** Our side as the one who asks (UAC): sends what applications and the engine itself want sent. */
export class ClientSide implements ResponseJudge, AskingSide {
  readonly #surroundings: Surroundings;
  readonly #held: HeldNotifies;
  readonly #farewells: Farewells;
  readonly #ending: EndingCalls;
  readonly #dialogs: ClientDialogs;
  /** Requests that wait for their final response, by the id the application cancels them by. */
  readonly #waiting = new Map<string, OutgoingRequest>();
  /** Of these, the ones outside of dialogs, by Call-ID and From tag: what an early dialog of theirs is known by. */
  readonly #outside = new Map<string, OutgoingRequest>();

  constructor(surroundings: Surroundings, held: HeldNotifies, farewells: Farewells) {
    this.#surroundings = surroundings;
    this.#held = held;
    this.#farewells = farewells;
    this.#ending = new EndingCalls(surroundings, farewells, (application, journey) =>
      this.#launch(application, 'BYE', journey),
    );
    this.#dialogs = new ClientDialogs(surroundings, this.#ending);
  }

  /** Requests that wait for a final response. */
  get waiting(): number {
    return this.#waiting.size;
  }

  isCalling(callId: string, localTag: string): boolean {
    return this.#outside.get(`${callId} ${localTag}`)?.order.method === 'INVITE';
  }

  senderOf(request: SipRequest, branch: string): Application | undefined {
    if (this.#surroundings.transactions.clientOf(branch, request.method) === undefined) return undefined;
    return this.#outside.get(callKey(request))?.order.application;
  }

  /** Does what an application asks. @throws UnusableMessage */
  send(application: Application, command: SipCommand, message: ApplicationMessage): void {
    if (message.start.kind !== 'request') throw new UnusableMessage('unknown transaction');
    const { method, uri } = message.start;
    // RFC 3262 is not spoken: no early dialog is kept that a PRACK could be sent in.
    if (method === 'PRACK' || requires100rel(message)) {
      throw new UnusableMessage('reliable provisional responses are not supported');
    }
    if (method === 'CANCEL') this.#cancel(application, command, message);
    else if (method === 'ACK') acknowledge(this.#surroundings, application, command, message);
    else if (command.dialogId !== '') this.#sendInDialog(application, command, method, message);
    else this.#sendOutOfDialog(application, command, { method, uri }, message);
  }

  hangUp(dialog: Dialog, reason: string): void {
    this.#ending.hangUp(dialog, reason);
  }

  /**
   * The application is gone: what it is calling is called off, its calls are ended, and nothing else is known of its dialogs
   * any more. Its subscriptions are left to lapse, or to be refreshed with an application that knows of them.
   */
  applicationGone(application: Application): void {
    const { dialogs } = this.#surroundings;
    for (const outgoing of this.#waiting.values()) {
      if (outgoing.order.application === application) this.#farewells.say(() => void outgoing.cancel(GONE));
    }
    for (const dialog of dialogs.ownedBy(application)) {
      if (dialog.kind === 'SUBSCRIBE') dialogs.close(dialog);
      else this.#ending.abandon(dialog);
    }
  }

  close(): void {
    for (const outgoing of this.#waiting.values()) outgoing.abandon();
    this.#waiting.clear();
    this.#outside.clear();
  }

  judge(outgoing: OutgoingRequest, response: SipResponse): Dialog | 'silent' | undefined {
    return this.#dialogs.judge(outgoing, response);
  }

  finished(outgoing: OutgoingRequest, response: SipResponse): void {
    const { dialog, method } = outgoing.order;
    this.#waiting.delete(outgoing.id);
    if (dialog === undefined) {
      if (method === 'SUBSCRIBE') this.#held.settle(outgoing, response.status);
      this.#forgetOutside(outgoing);
      return;
    }
    this.#dialogs.finished(outgoing, dialog, response.status);
  }

  #sendOutOfDialog(
    application: Application,
    command: SipCommand,
    { method, uri }: { readonly method: string; readonly uri: string },
    message: ApplicationMessage,
  ): void {
    const { dialogs, identifiers, transactions } = this.#surroundings;
    if (transactions.clientsFull) throw new UnusableMessage('too many requests in progress');
    if (DIALOG_CREATING.has(method) && dialogs.full) throw new UnusableMessage('too many dialogs');
    const fields = applicationFields(message);
    const plan = routeOutOfDialog(uri, command.proxy, fields, this.#surroundings.outboundProxy);
    const draft = {
      method,
      uri: plan.uri,
      target: uri,
      routes: plan.routes,
      fields,
      body: message.body,
      localTag: identifiers.tag(),
      callId: identifiers.callId(),
    };
    const continues = tagOf(fields.settable.get('to')) !== '';
    const compose: Journey['compose'] = (way) => composeRequest(draft, way);
    const journey: Journey = { nextHop: plan.nextHop, compose, continues };
    this.#launch(application, method, journey, command);
  }

  #sendInDialog(
    application: Application,
    command: SipCommand,
    method: string,
    message: ApplicationMessage,
  ): void {
    const { dialogs, transactions } = this.#surroundings;
    const dialog = dialogs.findOwned(command.dialogId, application);
    if (dialog === undefined) throw new UnusableMessage('unable to find dialog');
    if (transactions.clientsFull) throw new UnusableMessage('too many requests in progress');
    // RFC 3261 §14.1: one INVITE at a time, whoever sent it.
    const busy = (): boolean => dialog.inviting || dialog.invited !== undefined;
    if (method === 'INVITE' && (busy() || dialog.postponed !== undefined)) {
      throw new UnusableMessage('an INVITE is in progress');
    }
    const fields = applicationFields(message);
    const go = (): void => {
      const next = nextRequest(dialog.state, method);
      dialog.state = next.state;
      if (method === 'INVITE') dialog.inviting = true;
      const journey = journeyInDialog({ method, next, fallback: dialog.flow, fields, body: message.body });
      const outgoing = this.#launch(application, method, journey, command, dialog);
      if (method === 'UPDATE' && message.body.length > 0) dialog.offering = outgoing;
    };
    const drop = (): void => application.fail(command, 'unable to find dialog');
    if (dialog.accepted === undefined || (method !== 'BYE' && method !== 'INVITE')) {
      go();
    } else if (method === 'INVITE') {
      // §14.1: not before the ACK to the one before.
      const fail = (): void => application.fail(command, 'an INVITE is in progress');
      dialog.postponed = { go: () => (busy() ? fail() : go()), drop };
    } else {
      // §15: who answered a call does not hang up before the ACK came, or is given up.
      if (dialog.parting !== undefined) throw new UnusableMessage('a BYE is in progress');
      dialog.parting = { go, drop };
    }
  }

  #launch(
    application: Application,
    method: string,
    journey: Journey,
    command?: SipCommand,
    dialog?: Dialog,
  ): OutgoingRequest {
    const order = { method, journey, application, command, ...(dialog === undefined ? {} : { dialog }) };
    const outgoing = new OutgoingRequest(order, this.#surroundings, this);
    this.#waiting.set(outgoing.id, outgoing);
    outgoing.start().then(
      () => {
        const { request } = outgoing;
        if (dialog !== undefined || outgoing.settled || request === undefined) return;
        if (method === 'SUBSCRIBE') this.#held.expect(outgoing);
        this.#outside.set(callKey(request), outgoing);
      },
      (reason: unknown) => {
        this.#waiting.delete(outgoing.id);
        if (dialog !== undefined) this.#dialogs.left(outgoing, dialog);
        if (command !== undefined) application.fail(command, describeError(reason));
      },
    );
    return outgoing;
  }

  #forgetOutside(outgoing: OutgoingRequest): void {
    const { request } = outgoing;
    if (request === undefined) return;
    const key = callKey(request);
    if (this.#outside.get(key) === outgoing) this.#outside.delete(key);
  }

  #cancel(application: Application, command: SipCommand, message: ApplicationMessage): void {
    const outgoing = this.#waiting.get(command.transactionId);
    const { others } = applicationFields(message);
    const cancellation = outgoing?.order.application === application ? outgoing.cancel(others) : undefined;
    if (cancellation === undefined) throw new UnusableMessage('no INVITE in progress to cancel');
    const { clock, identifiers } = this.#surroundings;
    const bytes = serializeMessage(cancellation);
    const passage = {
      bytes: bytes.length,
      peer: outgoing?.departure?.flow.remote,
      at: clock.now(),
      transactionId: identifiers.next(),
    };
    application.answer(command, requestSentLine(identifiers.next(), command.id, passage), bytes);
  }
}

function callKey({ headers }: SipRequest): string {
  return `${headers.get('Call-ID') ?? ''} ${tagOf(headers.get('From'))}`;
}

/** What an application insists on and the engine does not speak. */
function requires100rel({ fields }: ApplicationMessage): boolean {
  return fields.some(
    ([name, value]) => /^require$/i.test(name) && /(?:^|[\s,])100rel(?:[\s,]|$)/i.test(value),
  );
}
