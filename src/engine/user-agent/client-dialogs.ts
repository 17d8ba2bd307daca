import { afterResponse, dialogOfClient } from '../dialog/dialog-state.ts';
import type { Dialog } from '../dialog/dialog.ts';
import { DIALOG_LIMITS } from '../dialog/limits.ts';
import { endsSubscription, subscriptionLifetime } from '../dialog/subscription.ts';
import type { SipResponse } from '../message/sip-message.ts';
import { DIALOG_CREATING } from './compose-response.ts';
import type { EndingCalls } from './ending-calls.ts';
import { dueAcknowledgement, repeatAcknowledgement } from './in-dialog.ts';
import type { OutgoingRequest } from './outgoing-request.ts';
import type { Surroundings } from './surroundings.ts';

/** What the responses to our requests make of dialogs (RFC 3261 §12.1.2, §12.2.1.2, §13.2.2.4). */
export class ClientDialogs {
  readonly #surroundings: Surroundings;
  readonly #ending: EndingCalls;

  constructor(surroundings: Surroundings, ending: EndingCalls) {
    this.#surroundings = surroundings;
    this.#ending = ending;
  }

  /** The dialog a response belongs to, if any; 'silent' for one the application is not to see. */
  judge(outgoing: OutgoingRequest, response: SipResponse): Dialog | 'silent' | undefined {
    const { dialog, method } = outgoing.order;
    if (dialog !== undefined) return this.#judgeInDialog(outgoing, dialog, response);
    if (response.status < 200 || response.status >= 300 || !DIALOG_CREATING.has(method)) return undefined;
    return this.#judgeDialogCreating(outgoing, response);
  }

  /** A request in `dialog` got its final response. */
  finished(outgoing: OutgoingRequest, dialog: Dialog, status: number): void {
    this.left(outgoing, dialog);
    // A challenged request is sent again, in the same dialog.
    if (status === 401 || status === 407) return;
    if (outgoing.order.method === 'BYE' || endsSubscription(dialog, outgoing.request)) {
      this.#surroundings.dialogs.close(dialog);
    }
  }

  /** It is not under way in its dialog any more. */
  left(outgoing: OutgoingRequest, dialog: Dialog): void {
    if (outgoing.order.method === 'INVITE') dialog.inviting = false;
    if (dialog.offering === outgoing) dialog.offering = undefined;
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
      if (method === 'INVITE') this.#ending.putDown(outgoing, state, departure.flow);
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
    if (method === 'INVITE') dialog.unacknowledged = dueAcknowledgement(request);
    return dialog;
  }

  #judgeInDialog(outgoing: OutgoingRequest, dialog: Dialog, response: SipResponse): Dialog | 'silent' {
    const { method } = outgoing.order;
    const { dialogs, timers } = this.#surroundings;
    const { request } = outgoing;
    const { status } = response;
    if (status >= 200 && status < 300 && request !== undefined) {
      if (method === 'INVITE' && !dialogs.has(dialog)) {
        this.#ending.acknowledge(outgoing, dialog.state, dialog.flow);
        return outgoing.settled ? 'silent' : dialog;
      }
      if (method === 'INVITE' && outgoing.settled) {
        repeatAcknowledgement(dialog, request);
        return 'silent';
      }
      dialog.state = afterResponse(dialog.state, method, response);
      if (method === 'INVITE') dialog.unacknowledged = dueAcknowledgement(request);
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
}
