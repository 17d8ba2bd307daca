import type { Application, SipCommand } from '../control/application.ts';
import type { ApplicationMessage } from '../control/application-message.ts';
import { UnusableMessage } from '../control/application-message.ts';
import { messageLine, requestLine, responseSentLine } from '../control/notice.ts';
import type { Dialog } from '../dialog/dialog.ts';
import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import { cancellationOf } from '../transaction/client-transaction.ts';
import { responseTo } from '../transaction/response-to.ts';
import type { ServerTransaction, ServerTransactionUser } from '../transaction/server-transaction.ts';
import { tagOf } from '../transaction/match.ts';
import type { ReceivedMessage } from '../transport/transport.ts';
import type { Arrival } from './arrival.ts';
import { applicationFields } from './application-fields.ts';
import { DIALOG_CREATING, composeResponse } from './compose-response.ts';
import type { Surroundings } from './surroundings.ts';
import { UnansweredInvite } from './unanswered-invite.ts';
import { shownToApplication } from './binary-bodies.ts';

/** What becomes of the answers to requests, apart from being sent. */
export interface AnswerJudge {
  /** A 2xx that creates a dialog is about to be sent. */
  dialogBegins(incoming: IncomingRequest, response: SipResponse): Dialog;
  /** A 2xx was sent in a dialog, or began one. */
  succeeded(incoming: IncomingRequest, dialog: Dialog, response: SipResponse, bytes: Buffer): void;
  /** An ACK to that 2xx came with the branch of the INVITE. */
  acknowledged(received: ReceivedMessage): void;
  /** A final response was sent (its status), or none ever will be (0). Told of every request, once. */
  finished(incoming: IncomingRequest, status: number): void;
}

/** One request an application is to answer. */
export class IncomingRequest implements ServerTransactionUser {
  /** What the application answers by. */
  readonly id: string;
  readonly arrival: Arrival;
  readonly application: Application;
  /** The dialog it came in. */
  readonly dialog: Dialog | undefined;
  /** Where the peer was reached in that dialog before this request said otherwise. */
  readonly formerTarget: string | undefined;
  readonly #transaction: ServerTransaction;
  readonly #surroundings: Surroundings;
  readonly #judge: AnswerJudge;
  /** Of an INVITE. */
  readonly #unanswered: UnansweredInvite | undefined;
  #finished = false;
  /** When the application was given it, and whether it has answered anything: what its pace is told by. */
  #handedAt: number | undefined;
  #answered = false;

  constructor(
    from: {
      readonly arrival: Arrival;
      readonly application: Application;
      readonly dialog: Dialog | undefined;
      readonly formerTarget: string | undefined;
      readonly transaction: ServerTransaction;
    },
    surroundings: Surroundings,
    judge: AnswerJudge,
  ) {
    this.id = surroundings.identifiers.next();
    this.arrival = from.arrival;
    this.application = from.application;
    this.dialog = from.dialog;
    this.formerTarget = from.formerTarget;
    this.#transaction = from.transaction;
    this.#transaction.user = this;
    this.#surroundings = surroundings;
    this.#judge = judge;
    if (this.arrival.request.method === 'INVITE') this.#unanswered = this.#invited();
  }

  /** Our tag in the dialog its responses make. */
  get localTag(): string {
    return this.#transaction.localTag;
  }

  /** Hands it to its application. */
  show(message: SipRequest = this.arrival.request): void {
    const { clock, identifiers, binaryBodies } = this.#surroundings;
    const bytes = shownToApplication(message, binaryBodies);
    const passage = {
      bytes: bytes.length,
      peer: this.arrival.received.source,
      at: clock.now(),
      transactionId: this.id,
    };
    const line =
      this.dialog === undefined
        ? requestLine(identifiers.next(), passage, this.arrival.received.local)
        : messageLine(identifiers.next(), passage, this.dialog.id);
    this.application.notify(line, bytes);
    if (this.#handedAt !== undefined) return;
    this.#handedAt = passage.at;
    this.#unanswered?.begin(message.headers.get('Expires'));
    this.application.pace.handed(passage.at);
  }

  /** Sends the application's answer. @throws UnusableMessage */
  answer(command: SipCommand, message: ApplicationMessage): void {
    const { start } = message;
    if (start.kind !== 'response') throw new UnusableMessage('a transaction is answered with a response');
    if (!this.#transaction.open) throw new UnusableMessage('unknown transaction');
    // RFC 4320 §4.1: nothing provisional but the 100 that is sent when it is due.
    if (start.status < 200 && this.arrival.request.method !== 'INVITE') {
      throw new UnusableMessage('only INVITE has provisional responses');
    }
    const fields = applicationFields(message);
    this.#transaction.localTag = tagOf(fields.settable.get('to')) || this.#transaction.localTag;
    const response = composeResponse({
      request: this.arrival.request,
      status: start.status,
      reason: start.reason,
      fields,
      body: message.body,
      localTag: this.#transaction.localTag,
      contact: () => this.#contact(),
    });
    this.#firstAnswered();
    this.#send(response, command);
  }

  /** Answers in the application's place. */
  refuse(status: number, headers: readonly (readonly [string, string])[] = []): void {
    if (!this.#transaction.open) return;
    const response = responseTo(this.arrival.request, status, this.#transaction.localTag);
    for (const [name, value] of headers) response.headers.append(name, value);
    this.#send(response, undefined);
  }

  /** The engine closes: nothing is sent any more. */
  abandon(): void {
    this.#unanswered?.end();
  }

  acknowledged(received: ReceivedMessage): void {
    this.#judge.acknowledged(received);
  }

  timedOut(): void {
    // An INVITE nobody answers is answered; for anything else silence is right (RFC 4320 §4.2).
    if (this.arrival.request.method === 'INVITE') this.refuse(408);
    this.#finish(0);
  }

  failed(): void {
    // RFC 6026 §8.8: the transaction lives on, and so does the request: the way back may be open again by its answer.
    const { logger } = this.#surroundings;
    logger.debug({ peer: this.arrival.received.source }, 'a response could not be sent');
  }

  #send(response: SipResponse, command: SipCommand | undefined): void {
    const { status } = response;
    const { method } = this.arrival.request;
    const success = status >= 200 && status < 300;
    const tagged = tagOf(this.arrival.request.headers.get('To')) !== '';
    // With a tag in To it belongs to a dialog that only the application knows.
    const begins = success && this.dialog === undefined && !tagged && DIALOG_CREATING.has(method);
    const dialog = begins ? this.#judge.dialogBegins(this, response) : this.dialog;
    const bytes = this.#transaction.respond(response);
    if (success && dialog !== undefined) this.#judge.succeeded(this, dialog, response, bytes);
    if (command !== undefined) {
      const { clock, identifiers } = this.#surroundings;
      const passage = {
        bytes: bytes.length,
        peer: this.arrival.received.source,
        at: clock.now(),
        transactionId: this.id,
      };
      const line = responseSentLine(identifiers.next(), command.id, passage, dialog?.id ?? '');
      this.application.answer(command, line, bytes);
    }
    if (status >= 200) this.#finish(status);
    else if (status > 100) this.#unanswered?.rang();
  }

  #invited(): UnansweredInvite {
    const { request } = this.arrival;
    return new UnansweredInvite(this.#surroundings.clock, {
      ringAgain: () => this.#transaction.repeated(),
      expired: () => {
        this.show(cancellationOf(request, [['Reason', 'SIP;cause=487;text="Expired"']]));
        this.refuse(487);
      },
    });
  }

  #firstAnswered(): void {
    if (this.#answered || this.#handedAt === undefined) return;
    this.#answered = true;
    this.application.pace.answered(this.#handedAt, this.#surroundings.clock.now());
  }

  #finish(status: number): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#unanswered?.end();
    if (!this.#answered && this.#handedAt !== undefined) this.application.pace.ended(this.#handedAt);
    if (this.arrival.request.method !== 'INVITE') this.#transaction.user = undefined;
    this.#judge.finished(this, status);
  }

  #contact(): string {
    const { local, remote } = this.arrival.received.flow;
    return this.#surroundings.addresses.way(local, remote, '').contact;
  }
}
