import { messageLine } from '../control/notice.ts';
import { repeatUntilAcknowledged } from '../dialog/accepted-invite.ts';
import type { Dialog } from '../dialog/dialog.ts';
import { parseCSeq } from '../message/cseq.ts';
import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import type { ReceivedMessage } from '../transport/transport.ts';
import type { Arrival } from './arrival.ts';
import type { AskingSide } from './asking-side.ts';
import { hasDescription } from './crossing.ts';
import { responsePath } from './response-path.ts';
import type { Surroundings } from './surroundings.ts';
import { shownToApplication } from './binary-bodies.ts';

/** The 2xx of ours to INVITEs, until their ACKs come (RFC 3261 §13.3.1.4). */
export class AcceptedCalls {
  readonly #surroundings: Surroundings;
  readonly #asking: AskingSide;

  constructor(surroundings: Surroundings, asking: AskingSide) {
    this.#surroundings = surroundings;
    this.#asking = asking;
  }

  /** A 2xx was sent: it is from now on. */
  answered({ request, received, via }: Arrival, dialog: Dialog, response: SipResponse, bytes: Buffer): void {
    const { clock, timers, transport } = this.#surroundings;
    const path = responsePath(via, received, transport);
    dialog.accepted?.stop();
    dialog.accepted = {
      sequence: parseCSeq(request.headers.get('CSeq') ?? '').sequence,
      answers: hasDescription(response) && !hasDescription(request),
      stop: repeatUntilAcknowledged({
        clock,
        timers,
        repeat: () => void path.send(bytes).catch(() => undefined),
        unacknowledged: () => {
          dialog.accepted = undefined;
          if (!partNow(dialog)) this.#asking.hangUp(dialog, 'ACK timeout');
        },
      }),
    };
  }

  /**
   * An ACK that is not of an INVITE's transaction, or of one that was accepted, is for a 2xx: it has a branch of its own,
   * the tags of the dialog and the number of the INVITE. One that comes again, or for nothing, is dropped.
   */
  acknowledge(dialog: Dialog | undefined, request: SipRequest, received: ReceivedMessage): void {
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
    const { postponed } = dialog;
    if (partNow(dialog)) return;
    dialog.postponed = undefined;
    postponed?.go();
  }
}

/** Sends the BYE that waited for the peer's ACK, if one does (RFC 3261 §15). */
export function partNow(dialog: Dialog): boolean {
  const { parting } = dialog;
  dialog.parting = undefined;
  parting?.go();
  return parting !== undefined;
}
