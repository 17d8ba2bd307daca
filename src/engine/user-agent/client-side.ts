import { describeError } from '../../core/errors.ts';
import type { Application, SipCommand } from '../control/application.ts';
import type { ApplicationMessage } from '../control/application-message.ts';
import { UnusableMessage } from '../control/application-message.ts';
import { requestSentLine, unsolicitedLine } from '../control/notice.ts';
import { afterResponse, dialogOfClient, nextRequest } from '../dialog/dialog-state.ts';
import type { DialogState } from '../dialog/dialog-state.ts';
import type { Dialog } from '../dialog/dialog.ts';
import { DIALOG_LIMITS } from '../dialog/limits.ts';
import { endsSubscription, subscriptionLifetime } from '../dialog/subscription.ts';
import { serializeMessage } from '../message/serialize-message.ts';
import type { SipResponse } from '../message/sip-message.ts';
import type { Flow } from '../transport/transport.ts';
import { applicationFields } from './application-fields.ts';
import type { ApplicationFields } from './application-fields.ts';
import { composeRequest } from './compose-request.ts';
import { DIALOG_CREATING } from './compose-response.ts';
import type { Journey } from './departures.ts';
import type { HeldNotifies } from './held-notifies.ts';
import {
  awaitAcknowledgement,
  journeyInDialog,
  repeatAcknowledgement,
  sendAcknowledgement,
  withCredentials,
} from './in-dialog.ts';
import { OutgoingRequest } from './outgoing-request.ts';
import type { ResponseJudge } from './outgoing-request.ts';
import type { Surroundings } from './surroundings.ts';

/** Our side as the one who asks (UAC): sends what applications and the engine itself want sent. */
export class ClientSide implements ResponseJudge {
  readonly #surroundings: Surroundings;
  readonly #held: HeldNotifies;
  /** Requests that wait for their final response, by the id the application cancels them by. */
  readonly #waiting = new Map<string, OutgoingRequest>();

  constructor(surroundings: Surroundings, held: HeldNotifies) {
    this.#surroundings = surroundings;
    this.#held = held;
  }

  /** Does what an application asks. @throws UnusableMessage */
  send(application: Application, command: SipCommand, message: ApplicationMessage): void {
    if (message.start.kind !== 'request') throw new UnusableMessage('unknown transaction');
    const { method, uri } = message.start;
    // RFC 3262 is not spoken: no early dialog is kept that a PRACK could be sent in.
    if (method === 'PRACK') throw new UnusableMessage('reliable provisional responses are not supported');
    if (method === 'CANCEL') this.#cancel(application, command);
    else if (method === 'ACK') this.#acknowledge(application, command, message);
    else if (command.dialogId !== '') this.#sendInDialog(application, command, method, message);
    else this.#sendOutOfDialog(application, command, { method, uri }, message);
  }

  /** Ends a call of itself: no ACK came, or nothing for very long. Tells the application. */
  hangUp(dialog: Dialog, reason: string): void {
    const next = nextRequest(dialog.state, 'BYE');
    this.#surroundings.dialogs.close(dialog);
    const { addresses, clock, identifiers } = this.#surroundings;
    const cause = `SIP;cause=200;text="${reason}"`;
    const fields: ApplicationFields = { settable: new Map(), others: [['Reason', cause]] };
    const journey = journeyInDialog({ method: 'BYE', next, fallback: dialog.flow, fields });
    this.#launch(dialog.owner, 'BYE', journey);
    const way = addresses.way(dialog.flow.local, dialog.flow.remote, identifiers.branch());
    const bytes = serializeMessage(journey.compose(way));
    const passage = { bytes: bytes.length, peer: dialog.flow.remote, at: clock.now() };
    dialog.owner.notify(unsolicitedLine(identifiers.next(), passage, dialog.id), bytes);
  }

  /** The application is gone: what it is calling is called off. */
  applicationGone(application: Application): void {
    for (const outgoing of [...this.#waiting.values()]) {
      if (outgoing.order.application === application) outgoing.cancel();
    }
  }

  close(): void {
    for (const outgoing of this.#waiting.values()) outgoing.abandon();
    this.#waiting.clear();
  }

  judge(outgoing: OutgoingRequest, response: SipResponse): Dialog | 'silent' | undefined {
    const { dialog, method } = outgoing.order;
    if (dialog !== undefined) return this.#judgeInDialog(outgoing, dialog, response);
    if (response.status < 200 || response.status >= 300 || !DIALOG_CREATING.has(method)) return undefined;
    return this.#judgeDialogCreating(outgoing, response);
  }

  finished(outgoing: OutgoingRequest, response: SipResponse): void {
    const { dialog, method } = outgoing.order;
    this.#waiting.delete(outgoing.id);
    if (method === 'SUBSCRIBE' && dialog === undefined) this.#held.settle(outgoing, response.status);
    if (dialog === undefined) return;
    if (method === 'INVITE') dialog.inviting = false;
    // A challenged request is sent again, in the same dialog.
    if (response.status === 401 || response.status === 407) return;
    if (method === 'BYE' || endsSubscription(dialog, outgoing.request))
      this.#surroundings.dialogs.close(dialog);
  }

  #sendOutOfDialog(
    application: Application,
    command: SipCommand,
    { method, uri }: { readonly method: string; readonly uri: string },
    message: ApplicationMessage,
  ): void {
    const { identifiers, transactions } = this.#surroundings;
    if (transactions.clientsFull) throw new UnusableMessage('too many requests in progress');
    const draft = {
      method,
      uri,
      fields: applicationFields(message),
      body: message.body,
      localTag: identifiers.tag(),
      callId: identifiers.callId(),
    };
    const journey: Journey = {
      nextHop: command.proxy === '' ? uri : sipUri(command.proxy),
      compose: (way) => composeRequest(draft, way),
    };
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
    // RFC 3261 §14.1: one INVITE at a time.
    if (method === 'INVITE' && dialog.inviting) throw new UnusableMessage('an INVITE is in progress');
    const fields = applicationFields(message);
    const next = nextRequest(dialog.state, method);
    dialog.state = next.state;
    if (method === 'INVITE') dialog.inviting = true;
    const journey = journeyInDialog({ method, next, fallback: dialog.flow, fields, body: message.body });
    this.#launch(application, method, journey, command, dialog);
  }

  #launch(
    application: Application,
    method: string,
    journey: Journey,
    command?: SipCommand,
    dialog?: Dialog,
  ): void {
    const order = { method, journey, application, command, ...(dialog === undefined ? {} : { dialog }) };
    const outgoing = new OutgoingRequest(order, this.#surroundings, this);
    this.#waiting.set(outgoing.id, outgoing);
    outgoing.start().then(
      () => {
        if (method === 'SUBSCRIBE' && dialog === undefined && !outgoing.settled) this.#held.expect(outgoing);
      },
      (reason: unknown) => {
        this.#waiting.delete(outgoing.id);
        if (command !== undefined) application.fail(command, describeError(reason));
      },
    );
  }

  #cancel(application: Application, command: SipCommand): void {
    const outgoing = this.#waiting.get(command.transactionId);
    const cancellation = outgoing?.order.application === application ? outgoing.cancel() : undefined;
    if (cancellation === undefined) throw new UnusableMessage('no INVITE in progress to cancel');
    const { clock, identifiers } = this.#surroundings;
    const bytes = serializeMessage(cancellation);
    const passage = {
      bytes: bytes.length,
      peer: outgoing?.departure?.flow.remote,
      at: clock.now(),
      transactionId: identifiers.next(),
    };
    application.notify(requestSentLine(identifiers.next(), command.id, passage), bytes);
  }

  /*
   * RFC 3261 §13.2.2.4: the ACK to a 2xx is a request of its own within the dialog, with the CSeq number and the
   * credentials of the INVITE; it is sent again each time the 2xx comes again.
   */
  #acknowledge(application: Application, command: SipCommand, message: ApplicationMessage): void {
    const dialog =
      command.dialogId === ''
        ? undefined
        : this.#surroundings.dialogs.findOwned(command.dialogId, application);
    if (dialog === undefined && command.dialogId !== '') throw new UnusableMessage('unable to find dialog');
    if (dialog?.unacknowledged === undefined) {
      throw new UnusableMessage('ACK for non-success final response is automatically generated by server');
    }
    const { sequence, credentials } = dialog.unacknowledged;
    dialog.unacknowledged = undefined;
    const more = {
      fallback: dialog.flow,
      fields: withCredentials(applicationFields(message), credentials),
      body: message.body,
    };
    void sendAcknowledgement(this.#surroundings, dialog.state, sequence, more).then((departure) => {
      if (departure === undefined) {
        application.fail(command, 'the ACK could not be sent');
        return;
      }
      const { clock, identifiers } = this.#surroundings;
      const { bytes, flow } = departure;
      dialog.acknowledgement = { sequence, repeat: () => void flow.send(bytes).catch(() => undefined) };
      const passage = {
        bytes: bytes.length,
        peer: flow.remote,
        at: clock.now(),
        transactionId: identifiers.next(),
      };
      application.notify(requestSentLine(identifiers.next(), command.id, passage), bytes);
    });
  }

  #judgeDialogCreating(outgoing: OutgoingRequest, response: SipResponse): Dialog | 'silent' | undefined {
    const { request, departure } = outgoing;
    if (request === undefined || departure === undefined) return undefined;
    const { method, application, command } = outgoing.order;
    const { dialogs } = this.#surroundings;
    const state = dialogOfClient(request, response);
    const known = dialogs.find(state.callId, state.localTag, state.remoteTag);
    if (known !== undefined && outgoing.settled) {
      repeatAcknowledgement(known, request);
      return 'silent';
    }
    if (outgoing.settled || !application.open || command === undefined) {
      // A second callee of a fork, or nobody here to talk to any more: the call is taken and put down at once.
      if (method === 'INVITE') void this.#putDown(state, departure.flow, application);
      return 'silent';
    }
    const dialog = dialogs.open({
      kind: method === 'INVITE' ? 'INVITE' : 'SUBSCRIBE',
      fromTag: state.localTag,
      owner: application,
      flow: departure.flow,
      state,
      idle: method === 'INVITE' ? DIALOG_LIMITS.inviteIdle : subscriptionLifetime(request, response),
    });
    if (method === 'INVITE') awaitAcknowledgement(dialog, request);
    return dialog;
  }

  #judgeInDialog(outgoing: OutgoingRequest, dialog: Dialog, response: SipResponse): Dialog | 'silent' {
    const { method } = outgoing.order;
    const { dialogs, timers } = this.#surroundings;
    const { request } = outgoing;
    const { status } = response;
    if (status >= 200 && status < 300 && request !== undefined) {
      if (method === 'INVITE' && outgoing.settled) {
        repeatAcknowledgement(dialog, request);
        return 'silent';
      }
      dialog.state = afterResponse(dialog.state, method, response);
      if (method === 'INVITE') awaitAcknowledgement(dialog, request);
      if (dialogs.has(dialog)) {
        if (dialog.kind === 'INVITE') dialogs.keep(dialog, DIALOG_LIMITS.inviteIdle);
        else if (method === 'SUBSCRIBE') dialogs.keep(dialog, subscriptionLifetime(request, response));
        else dialogs.spare(dialog);
      }
    } else if (status === 481 || status === 408) {
      dialogs.doom(dialog, 64 * timers.t1);
    }
    return dialog;
  }

  async #putDown(state: DialogState, flow: Flow, application: Application): Promise<void> {
    await sendAcknowledgement(this.#surroundings, state, state.localSequence, { fallback: flow });
    const next = nextRequest(state, 'BYE');
    this.#launch(application, 'BYE', journeyInDialog({ method: 'BYE', next, fallback: flow }));
  }
}

/** A next hop as applications write it: a SIP URI, or `address[:port]`. */
function sipUri(text: string): string {
  return /^sips?:/i.test(text) ? text : `sip:${text}`;
}
