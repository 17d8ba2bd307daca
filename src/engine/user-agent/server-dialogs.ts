import { dialogOfServer, refusedRefresh } from '../dialog/dialog-state.ts';
import type { Dialog } from '../dialog/dialog.ts';
import { DIALOG_LIMITS } from '../dialog/limits.ts';
import { endsSubscription, subscriptionLifetime } from '../dialog/subscription.ts';
import type { SipResponse } from '../message/sip-message.ts';
import type { AcceptedCalls } from './accepted-calls.ts';
import type { IncomingRequest } from './incoming-request.ts';
import type { Surroundings } from './surroundings.ts';

/** What the answers to the peers' requests make of dialogs (RFC 3261 §12.1.1, §12.2.2, §15.1.2). */
export class ServerDialogs {
  readonly #surroundings: Surroundings;
  readonly #accepted: AcceptedCalls;

  constructor(surroundings: Surroundings, accepted: AcceptedCalls) {
    this.#surroundings = surroundings;
    this.#accepted = accepted;
  }

  /** A 2xx that creates a dialog is about to be sent. */
  begin({ arrival, application }: IncomingRequest, response: SipResponse): Dialog {
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

  /** A 2xx was sent in a dialog, or began one. */
  succeeded({ arrival }: IncomingRequest, dialog: Dialog, response: SipResponse, bytes: Buffer): void {
    const { request } = arrival;
    // It may have ended while the request waited.
    if (!this.#surroundings.dialogs.has(dialog)) return;
    if (request.method === 'SUBSCRIBE' && dialog.kind === 'SUBSCRIBE') {
      this.#surroundings.dialogs.keep(dialog, subscriptionLifetime(request, response));
    } else if (request.method === 'INVITE') {
      this.#accepted.answered(arrival, dialog, response, bytes);
    }
  }

  /** A request in `dialog` got its final response (its status), or none ever will be sent (0). */
  finished(incoming: IncomingRequest, dialog: Dialog, status: number): void {
    const { formerTarget } = incoming;
    const { request } = incoming.arrival;
    if (request.method === 'INVITE') dialog.invited = undefined;
    if (dialog.updated === incoming) dialog.updated = undefined;
    if ((status === 0 || status >= 300) && formerTarget !== undefined) {
      dialog.state = refusedRefresh(dialog.state, request, formerTarget);
    }
    if (status === 401 || status === 407) return;
    if (request.method === 'BYE' || endsSubscription(dialog, request)) {
      this.#surroundings.dialogs.close(dialog);
    }
  }
}
