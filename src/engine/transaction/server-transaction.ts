import type { Clock } from '../../core/clock.ts';
import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import { serializeMessage } from '../message/serialize-message.ts';
import type { ReceivedMessage } from '../transport/transport.ts';
import { INVITE_SERVER } from './invite-server-machine.ts';
import type { InviteServerEvent } from './invite-server-machine.ts';
import type { Action, AnyMachine } from './machine.ts';
import { MachineRunner } from './machine-runner.ts';
import type { MachineHost } from './machine-runner.ts';
import { NON_INVITE_SERVER } from './non-invite-server-machine.ts';
import type { NonInviteServerEvent } from './non-invite-server-machine.ts';
import { responseTo } from './response-to.ts';
import type { SipTimers } from './timers.ts';

/** Who answers a request. */
export interface ServerTransactionUser {
  /** An ACK to a 2xx came with the branch of the INVITE itself. */
  acknowledged(received: ReceivedMessage): void;
  /** No application answered in time, or no ACK came to a failure. */
  timedOut(): void;
  /** A response could not be sent. */
  failed(): void;
}

/** What a server transaction needs of its surroundings. */
export interface ServerTransactionSurroundings {
  readonly clock: Clock;
  readonly timers: SipTimers;
  /** The first final response was given. */
  answered(transaction: ServerTransaction): void;
  /** A copy of `bytes` that may be kept for as long as others of its kind: 64*T1 or T4. */
  keep(bytes: Buffer): Buffer;
  /** The transaction is gone. */
  ended(transaction: ServerTransaction): void;
}

/** The way back to the sender of a request. */
export interface ResponsePath {
  readonly reliable: boolean;
  /** Rejects when there is no way left. */
  send(bytes: Buffer): Promise<void>;
}

type Event = InviteServerEvent | NonInviteServerEvent;

/**
 * One request and its responses (RFC 3261 §17.2). What it no longer needs once it is answered it lets go, for it lives
 * on to absorb retransmissions.
 */
export class ServerTransaction implements MachineHost {
  readonly key: string;
  readonly mergeKey: string | undefined;
  readonly method: string;
  readonly path: ResponsePath;
  /** Our tag in To, for requests that came without one; an application may choose another. */
  localTag: string;
  /** Bytes its table counts for it. */
  weight = 0;
  /** Whoever answers; set before the request is handed on. */
  user: ServerTransactionUser | undefined;
  readonly #surroundings: ServerTransactionSurroundings;
  readonly #runner: MachineRunner<Event>;
  #request: SipRequest | undefined;
  #lastResponse: Buffer | undefined;
  #finalStatus = 0;
  #ack: ReceivedMessage | undefined;
  #ended = false;

  constructor(
    request: SipRequest,
    path: ResponsePath,
    keys: { readonly key: string; readonly mergeKey: string | undefined; readonly localTag: string },
    surroundings: ServerTransactionSurroundings,
  ) {
    this.key = keys.key;
    this.mergeKey = keys.mergeKey;
    this.localTag = keys.localTag;
    this.method = request.method;
    this.path = path;
    this.#request = request;
    this.#surroundings = surroundings;
    const invite = request.method === 'INVITE';
    const machine: AnyMachine = invite ? INVITE_SERVER : NON_INVITE_SERVER;
    const setting = { timers: surroundings.timers, reliable: path.reliable, invite };
    this.#runner = new MachineRunner(machine, setting, surroundings.clock, this);
  }

  /** Begins to wait for an answer. */
  start(): void {
    this.#runner.enter();
  }

  /** The final response that was given; 0 before. */
  get finalStatus(): number {
    return this.#finalStatus;
  }

  /** Length of the last response, which is kept for repetitions, bytes. */
  get responseLength(): number {
    return this.#lastResponse?.length ?? 0;
  }

  /** Can still be answered. */
  get open(): boolean {
    return this.#finalStatus === 0 && !this.#ended;
  }

  /** Sends a response; returns its bytes. Call only while {@link open}. */
  respond(response: SipResponse): Buffer {
    const serialized = serializeMessage(response);
    const final = response.status >= 200;
    const bytes = final ? this.#surroundings.keep(serialized) : serialized;
    this.#lastResponse = bytes;
    if (!final) {
      this.#runner.fire('provisional');
      return bytes;
    }
    this.#finalStatus = response.status;
    this.#request = undefined;
    this.#surroundings.answered(this);
    this.#runner.fire(response.status < 300 ? 'success' : 'failure');
    return bytes;
  }

  /** The request came again. */
  repeated(): void {
    this.#runner.fire('request');
  }

  /** An ACK came that belongs to this INVITE. */
  acknowledge(received: ReceivedMessage): void {
    this.#ack = received;
    this.#runner.fire('ack');
    this.#ack = undefined;
  }

  /** Ends it where it stands. */
  abandon(): void {
    this.#runner.stop();
  }

  perform(action: Exclude<Action, { kind: 'start' | 'stop' }>): void {
    switch (action.kind) {
      case 'send':
        if (this.#lastResponse !== undefined) this.#send(this.#lastResponse);
        return;
      case 'send-trying':
        if (this.#request === undefined) return;
        this.#lastResponse = serializeMessage(responseTo(this.#request, 100, ''));
        this.#send(this.#lastResponse);
        return;
      case 'pass':
        if (this.#ack !== undefined) this.user?.acknowledged(this.#ack);
        return;
      case 'report-timeout':
        this.user?.timedOut();
        return;
      case 'report-failure':
        this.user?.failed();
        return;
      case 'send-ack':
        return;
    }
  }

  ended(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#request = undefined;
    this.#lastResponse = undefined;
    this.#surroundings.ended(this);
    this.user = undefined;
  }

  #send(bytes: Buffer): void {
    this.path.send(bytes).catch(() => this.#runner.fire('transport-error'));
  }
}
