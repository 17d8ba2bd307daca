import type { Clock } from '../../core/clock.ts';
import { SipHeaders } from '../message/sip-message.ts';
import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import { serializeMessage } from '../message/serialize-message.ts';
import type { Flow } from '../transport/transport.ts';
import { INVITE_CLIENT } from './invite-client-machine.ts';
import type { InviteClientEvent } from './invite-client-machine.ts';
import type { Action, AnyMachine } from './machine.ts';
import { MachineRunner } from './machine-runner.ts';
import type { MachineHost } from './machine-runner.ts';
import { NON_INVITE_CLIENT } from './non-invite-client-machine.ts';
import type { NonInviteClientEvent } from './non-invite-client-machine.ts';
import { sequenceText } from './match.ts';
import type { SipTimers } from './timers.ts';

/** Who sent a request and waits for its responses. */
export interface ClientTransactionUser {
  /** Every response but retransmissions; a 2xx to INVITE each time it comes. */
  responded(response: SipResponse): void;
  /** No final response came in time. */
  timedOut(): void;
  /** The request could not be sent, or nobody is there. */
  failed(): void;
}

/** What a client transaction needs of its surroundings. */
export interface ClientTransactionSurroundings {
  readonly clock: Clock;
  readonly timers: SipTimers;
  /** The transaction is gone. */
  ended(transaction: ClientTransaction): void;
}

type Event = InviteClientEvent | NonInviteClientEvent;

/** One request of ours and its responses (RFC 3261 §17.1). */
export class ClientTransaction implements MachineHost {
  /** Branch and method: what a response is matched by (§17.1.3). */
  readonly key: string;
  readonly flow: Flow;
  readonly request: SipRequest;
  /** Who sent it. */
  readonly user: ClientTransactionUser;
  readonly #bytes: Buffer;
  readonly #surroundings: ClientTransactionSurroundings;
  readonly #runner: MachineRunner<Event>;
  #response: SipResponse | undefined;
  #ended = false;

  constructor(
    request: SipRequest,
    bytes: Buffer,
    branch: string,
    flow: Flow,
    user: ClientTransactionUser,
    surroundings: ClientTransactionSurroundings,
  ) {
    this.key = clientKey(branch, request.method);
    this.flow = flow;
    this.request = request;
    this.#bytes = bytes;
    this.user = user;
    this.#surroundings = surroundings;
    const invite = request.method === 'INVITE';
    const machine: AnyMachine = invite ? INVITE_CLIENT : NON_INVITE_CLIENT;
    const setting = { timers: surroundings.timers, reliable: flow.remote.protocol !== 'udp', invite };
    this.#runner = new MachineRunner(machine, setting, surroundings.clock, this);
  }

  /** Sends the request. */
  start(): void {
    this.#runner.enter();
  }

  get state(): string {
    return this.#runner.state;
  }

  /** A response that matches. */
  respond(response: SipResponse): void {
    this.#response = response;
    this.#runner.fire(response.status < 200 ? 'provisional' : response.status < 300 ? 'success' : 'failure');
    this.#response = undefined;
  }

  /** A CANCEL for this INVITE was sent. */
  cancelled(): void {
    this.#runner.fire('cancel');
  }

  /** The flow broke, or the peer's host says that nobody listens. */
  flowFailed(): void {
    this.#runner.fire('transport-error');
  }

  /** Ends it where it stands. */
  abandon(): void {
    this.#runner.stop();
  }

  perform(action: Exclude<Action, { kind: 'start' | 'stop' }>): void {
    switch (action.kind) {
      case 'send':
        this.#send(this.#bytes);
        return;
      case 'send-ack':
        if (this.#response !== undefined) {
          this.#send(serializeMessage(acknowledgementOf(this.request, this.#response)));
        }
        return;
      case 'pass':
        if (this.#response !== undefined) this.user.responded(this.#response);
        return;
      case 'report-timeout':
        this.user.timedOut();
        return;
      case 'report-failure':
        this.user.failed();
        return;
      case 'send-trying':
        return;
    }
  }

  ended(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#surroundings.ended(this);
  }

  #send(bytes: Buffer): void {
    this.flow.send(bytes).catch(() => this.#runner.fire('transport-error'));
  }
}

/** What responses to a request of ours are found by: they repeat its branch, and its method in CSeq. */
export function clientKey(branch: string, method: string): string {
  return `${branch} ${method}`;
}

/**
 * The ACK to a failure, part of the transaction (RFC 3261 §17.1.1.3): Request-URI, Call-ID, From, Route and top Via of
 * the INVITE, To of the response.
 */
function acknowledgementOf(invite: SipRequest, response: SipResponse): SipRequest {
  const ack = hopByHop(invite, 'ACK');
  ack.headers.set('To', response.headers.get('To') ?? invite.headers.get('To') ?? '');
  return ack;
}

/** What a CANCEL may not hold (RFC 3261 §9.1), and what says something of a body it has not, in lower case. */
const NOT_IN_CANCEL = /^(?:require|proxy-require|content-.*)$/;

/**
 * The CANCEL of an INVITE (RFC 3261 §9.1): all as the INVITE has it.
 * @param more what its sender says beside, such as Reason (RFC 3326 §2)
 */
export function cancellationOf(
  invite: SipRequest,
  more: readonly (readonly [name: string, value: string])[] = [],
): SipRequest {
  const cancel = hopByHop(invite, 'CANCEL');
  for (const [name, value] of more) {
    if (!NOT_IN_CANCEL.test(name.toLowerCase())) cancel.headers.append(name, value);
  }
  return cancel;
}

function hopByHop(invite: SipRequest, method: 'ACK' | 'CANCEL'): SipRequest {
  const { headers } = invite;
  const copied = SipHeaders.from([['Via', headers.get('Via') ?? '']]);
  for (const route of headers.all('Route')) copied.append('Route', route);
  copied.append('Max-Forwards', '70');
  for (const name of ['From', 'To', 'Call-ID'] as const) copied.append(name, headers.get(name) ?? '');
  copied.append('CSeq', `${sequenceText(headers.get('CSeq'))} ${method}`);
  return { kind: 'request', method, uri: invite.uri, headers: copied, body: Buffer.alloc(0) };
}
