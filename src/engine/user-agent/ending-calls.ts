import type { Application } from '../control/application.ts';
import { unsolicitedLine } from '../control/notice.ts';
import { nextRequest } from '../dialog/dialog-state.ts';
import type { DialogState } from '../dialog/dialog-state.ts';
import type { Dialog } from '../dialog/dialog.ts';
import { DIALOG_LIMITS } from '../dialog/limits.ts';
import { serializeMessage } from '../message/serialize-message.ts';
import type { Flow } from '../transport/transport.ts';
import type { ApplicationFields } from './application-fields.ts';
import type { Journey } from './departures.ts';
import type { Farewells } from './farewells.ts';
import { dueAcknowledgement, journeyInDialog, sendAcknowledgement } from './in-dialog.ts';
import type { OutgoingRequest } from './outgoing-request.ts';
import type { Surroundings } from './surroundings.ts';

/** Calls the engine ends of itself. */
export class EndingCalls {
  readonly #surroundings: Surroundings;
  readonly #farewells: Farewells;
  readonly #sendBye: (application: Application, journey: Journey) => unknown;

  constructor(
    surroundings: Surroundings,
    farewells: Farewells,
    sendBye: (application: Application, journey: Journey) => unknown,
  ) {
    this.#surroundings = surroundings;
    this.#farewells = farewells;
    this.#sendBye = sendBye;
  }

  /** Ends a call: no ACK came, or nothing for very long. Tells the application. */
  hangUp(dialog: Dialog, reason: string): void {
    const next = nextRequest(dialog.state, 'BYE');
    this.#surroundings.dialogs.close(dialog);
    const { addresses, clock, identifiers } = this.#surroundings;
    const cause = `SIP;cause=200;text="${reason}"`;
    const fields: ApplicationFields = { settable: new Map(), others: [['Reason', cause]] };
    const journey = journeyInDialog({ method: 'BYE', next, fallback: dialog.flow, fields });
    this.#sendBye(dialog.owner, journey);
    const way = addresses.way(dialog.flow.local, dialog.flow.remote, identifiers.branch());
    const bytes = serializeMessage(journey.compose(way));
    const passage = { bytes: bytes.length, peer: dialog.flow.remote, at: clock.now() };
    dialog.owner.notify(unsolicitedLine(identifiers.next(), passage, dialog.id), bytes);
  }

  /** Ends a call whose application is gone, in its turn. */
  abandon(dialog: Dialog): void {
    const { dialogs } = this.#surroundings;
    // §15: not before the ACK to our 2xx; until then the dialog is known to the engine alone.
    if (dialog.accepted !== undefined) {
      dialog.invited = undefined;
      dialog.postponed = undefined;
      const go = (): void => {
        dialogs.close(dialog);
        this.#farewells.say(() => void this.#sayBye(dialog));
      };
      dialog.parting = { go, drop: () => undefined };
      return;
    }
    const { unacknowledged } = dialog;
    dialogs.close(dialog);
    this.#farewells.say(() => void this.#sayBye(dialog, unacknowledged));
  }

  /** @param unacknowledged of the INVITE whose 2xx nobody acknowledged yet */
  async #sayBye({ state, flow, owner }: Dialog, unacknowledged?: Dialog['unacknowledged']): Promise<void> {
    if (unacknowledged !== undefined) {
      const { sequence, credentials } = unacknowledged;
      const fields: ApplicationFields = { settable: new Map(), others: credentials };
      await sendAcknowledgement(this.#surroundings, state, sequence, { fallback: flow, fields });
    }
    const next = nextRequest(state, 'BYE');
    const fields: ApplicationFields = { settable: new Map(), others: GONE };
    this.#sendBye(owner, journeyInDialog({ method: 'BYE', next, fallback: flow, fields }));
  }

  /** A callee nobody waits for took the call: it is acknowledged, and gets one BYE. */
  putDown(outgoing: OutgoingRequest, state: DialogState, fallback: Flow): void {
    this.acknowledge(outgoing, state, fallback, () => {
      const next = nextRequest(state, 'BYE');
      this.#sendBye(outgoing.order.application, journeyInDialog({ method: 'BYE', next, fallback }));
    });
  }

  /**
   * RFC 3261 §13.2.2.4: every 2xx is acknowledged each time it comes, also that to an INVITE in a call that is over.
   * @param once what is done besides, the first time
   */
  acknowledge(outgoing: OutgoingRequest, state: DialogState, fallback: Flow, once?: () => void): void {
    const { forks, request } = outgoing;
    const again = forks.get(state.remoteTag);
    if (again !== undefined) {
      again();
      return;
    }
    if (request === undefined || forks.size >= DIALOG_LIMITS.forks) return;
    forks.set(state.remoteTag, () => undefined);
    const { sequence, credentials } = dueAcknowledgement(request);
    const fields: ApplicationFields = { settable: new Map(), others: credentials };
    const acknowledged = sendAcknowledgement(this.#surroundings, state, sequence, { fallback, fields });
    void acknowledged.then((departure) => {
      if (departure !== undefined) {
        const { bytes, flow } = departure;
        forks.set(state.remoteTag, () => void flow.send(bytes).catch(() => undefined));
      }
      once?.();
    });
  }
}

/** Why calls of an application that is gone end (RFC 3326). */
export const GONE: readonly (readonly [string, string])[] = [
  ['Reason', 'SIP;cause=503;text="application gone"'],
];
