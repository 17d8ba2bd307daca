import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { successReport } from './answers.ts';
import { wholeByteRange } from './byte-range.ts';
import type { MsrpConnection } from './connection.ts';
import type { MsrpResponse } from './frame.ts';
import type { Verdict, WholeRequest } from './incoming-requests.ts';
import { IncomingRequests, saysNothing } from './incoming-requests.ts';
import type { MsrpLimits } from './limits.ts';
import { OutgoingMessages } from './outgoing-messages.ts';
import { serializeRequest } from './serializer.ts';
import type { MsrpSession, OutgoingMessage, RemoteSide, SessionHandlers } from './session.ts';
import type { SessionEvent, SessionState } from './session-machine.ts';
import { transition } from './session-machine.ts';
import type { MsrpUri } from './uri.ts';

export interface ChatSessionOptions {
  readonly id: string;
  readonly local: MsrpUri;
  readonly remote: readonly MsrpUri[];
  readonly handlers: SessionHandlers;
  readonly limits: MsrpLimits;
  readonly clock: Clock;
  readonly random: Random;
  /** The session is over: its URI means nothing any more. */
  onOver(): void;
}

/** RFC 4975 §10.7. */
const ENDED: Verdict = { status: 481, comment: 'The session has ended' };

/** One session and the connection it is bound to; how it lives is told in session-machine.ts. */
export class ChatSession implements MsrpSession {
  readonly id: string;
  readonly #options: ChatSessionOptions;
  readonly #toPath: string;
  readonly #incoming: IncomingRequests;
  readonly #outgoing: OutgoingMessages;
  readonly #bindTimer: Timer;
  #state: SessionState = 'waiting';
  #connection: MsrpConnection | undefined;
  /** Our own first SEND in the active role. */
  #bindTransactId: string | undefined;

  constructor(options: ChatSessionOptions) {
    const { id, local, remote, handlers, limits, clock, random } = options;
    this.id = id;
    this.#options = options;
    this.#toPath = remote.map(({ text }) => text).join(' ');
    this.#incoming = new IncomingRequests(limits, (message) => handlers.onMessage(message));
    this.#outgoing = new OutgoingMessages({
      toPath: this.#toPath,
      fromPath: local.text,
      relayed: remote.length > 1,
      limits,
      clock,
      random,
      write: (bytes) => this.#connection?.write(bytes),
    });
    this.#bindTimer = clock.after(limits.bindTimeout, () => this.#step('bind timeout'));
  }

  /** Whether a request that came over `connection` may speak in this session. */
  belongsTo(connection: MsrpConnection): boolean {
    return this.#connection === undefined || this.#connection === connection;
  }

  async send(message: OutgoingMessage): Promise<void> {
    await this.#outgoing.send(message);
  }

  hold(held: boolean): void {
    this.#outgoing.hold(held);
  }

  move(_remote: RemoteSide): void {
    this.#step('closed by us');
  }

  close(): void {
    this.#step('closed by us');
  }

  /** Active role (RFC 6135 §4.2): the connection is made, the empty SEND binds it. */
  bindTo(connection: MsrpConnection): void {
    if (this.#state !== 'waiting' || this.#connection !== undefined) {
      connection.destroy();
      return;
    }
    this.#attach(connection);
    this.#bindTransactId = hexToken(this.#options.random, 64);
    connection.write(
      serializeRequest({
        transactId: this.#bindTransactId,
        method: 'SEND',
        headers: [
          ['To-Path', this.#toPath],
          ['From-Path', this.#options.local.text],
          ['Message-ID', hexToken(this.#options.random, 96)],
          ['Byte-Range', wholeByteRange(0)],
        ],
      }),
    );
  }

  /** No connection could be made in the active role. */
  onUnreachable(): void {
    this.#step('peer unreachable');
  }

  /** A request of the peer whose To-Path names this session. Resolves when it is answered. */
  async onRequest(connection: MsrpConnection, request: WholeRequest): Promise<void> {
    switch (request.head.method) {
      case 'SEND':
        await this.#onSend(connection, request);
        break;
      case 'REPORT':
        this.#outgoing.onReport(request.head);
        break;
      default:
        connection.respond(request.head, 501, 'Unknown method');
    }
  }

  onResponse(response: MsrpResponse): void {
    if (response.transactId !== this.#bindTransactId) {
      this.#outgoing.onResponse(response);
      return;
    }
    this.#bindTransactId = undefined;
    if (response.status === 200) this.#outgoing.start();
    this.#step(response.status === 200 ? 'bind accepted' : 'bind refused');
  }

  onConnectionClosed(): void {
    this.#connection = undefined;
    this.#step('connection closed');
  }

  async #onSend(connection: MsrpConnection, request: WholeRequest): Promise<void> {
    const isFirst = this.#state === 'waiting';
    const silent = saysNothing(request);
    if (this.#connection === undefined) this.#attach(connection);
    if (isFirst && silent) {
      connection.respond(request.head, 200, 'OK');
      this.#outgoing.start();
      this.#step('peer sent');
      return;
    }
    // A bind may carry content: the owner hears of the peer first, yet nothing goes out before the answer.
    this.#step('peer sent');
    if (!silent && !this.#isOver()) this.#options.handlers.onActivity?.();
    const verdict = this.#isOver() ? ENDED : await this.#incoming.take(request);
    this.#answer(connection, request, verdict);
    if (isFirst) this.#outgoing.start();
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  #answer(connection: MsrpConnection, { head }: WholeRequest, { status, comment, report }: Verdict): void {
    connection.respond(head, status, comment);
    if (report === undefined) return;
    connection.write(successReport(head, hexToken(this.#options.random, 64), report));
  }

  #attach(connection: MsrpConnection): void {
    this.#connection = connection;
    connection.join(this);
  }

  #step(event: SessionEvent): void {
    const { state, tell } = transition(this.#state, event);
    this.#state = state;
    if (tell === undefined) return;
    this.#bindTimer.cancel();
    if (tell === 'bound') {
      this.#options.handlers.onBound();
      return;
    }
    this.#outgoing.end(tell.ended);
    this.#connection?.leave(this);
    this.#options.onOver();
    this.#options.handlers.onEnded(tell.ended);
  }
}
