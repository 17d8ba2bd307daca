import type { Timer } from '../core/clock.ts';
import { hexToken } from '../core/random.ts';
import { successReport } from './answers.ts';
import { bindRequest } from './bind-request.ts';
import { Binding, isAsOffered, isOnPath } from './binding.ts';
import type { ChatSessionOptions, Reaching } from './chat-session-options.ts';
import type { MsrpConnection } from './connection.ts';
import type { MsrpResponse, RequestHead } from './frame.ts';
import type { WholeRequest } from './incoming-requests.ts';
import { IncomingRequests, saysNothing } from './incoming-requests.ts';
import { OutgoingMessages } from './outgoing-messages.ts';
import type { MsrpSession, OutgoingMessage, RemoteSide } from './session.ts';
import { SessionConnections } from './session-connections.ts';
import type { SessionEvent, SessionState } from './session-machine.ts';
import { transition } from './session-machine.ts';
import type { Refusal, Verdict } from './verdicts.ts';
import { VERDICTS } from './verdicts.ts';

const MOVED = 'the peer went on from elsewhere';

/** One session and the connection it is bound to; how it lives is told in session-machine.ts. */
export class ChatSession implements MsrpSession, Reaching {
  readonly id: string;
  readonly #options: ChatSessionOptions;
  readonly #incoming: IncomingRequests;
  readonly #outgoing: OutgoingMessages;
  readonly #connections: SessionConnections;
  #remote: RemoteSide;
  #state: SessionState = 'waiting';
  #bindTimer: Timer;
  #dialing = new AbortController();
  /** Our own first SEND in the active role. */
  #bindTransactId: string | undefined;

  constructor(options: ChatSessionOptions) {
    const { id, local, remote, handlers, limits, room, clock, random } = options;
    this.id = id;
    this.#options = options;
    this.#remote = remote;
    this.#incoming = new IncomingRequests(limits, room, (message) => handlers.onMessage(message));
    this.#outgoing = new OutgoingMessages({
      toPath: this.#toPath,
      fromPath: local.text,
      relayed: this.#relayed,
      limits,
      clock,
      random,
      link: () => this.#connections.current?.connection,
    });
    this.#connections = new SessionConnections(clock, limits.linger, (left) =>
      this.#outgoing.lose(left, MOVED),
    );
    this.#bindTimer = this.#awaitBind();
  }

  /** Whether the session is bound to `connection`, or was till the peer moved. */
  owns(connection: MsrpConnection): boolean {
    return this.#connections.find(connection) !== undefined;
  }

  /** Why a request that came over `connection` may not speak in this session; undefined when it may. */
  refusal(connection: MsrpConnection, head: RequestHead): Refusal | undefined {
    const binding = this.#connections.find(connection);
    if (binding === undefined) {
      if (this.#isReportOverRelay(connection, head)) return undefined;
      if (!this.#mayBindAnew) return VERDICTS.elsewhere;
      return this.#options.trusts(connection, this.#remote) ? undefined : VERDICTS.mistrusted;
    }
    const known = binding.isPeer(head) || isAsOffered(head, this.#toPath);
    return known ? undefined : VERDICTS.notThePeer;
  }

  async send(message: OutgoingMessage): Promise<void> {
    await this.#outgoing.send(message);
  }

  hold(held: boolean): void {
    this.#outgoing.hold(held);
  }

  move(remote: RemoteSide): void {
    if (this.#isOver()) return;
    const bound = this.#state === 'bound' || this.#state === 'stayed';
    this.#remote = remote;
    this.#dialing.abort();
    this.#bindTransactId = undefined;
    this.#stopSending();
    this.#connections.move(bound);
    this.#bindTimer.cancel();
    this.#bindTimer = this.#awaitBind();
    this.#step('moved');
    this.reach();
  }

  close(): void {
    this.#step('closed by us');
  }

  /** In the active role (RFC 6135 §4.2) the connection is made, to the first hop of the peer's path. */
  reach(): void {
    if (this.#remote.setup !== 'active' || this.#isOver()) return;
    this.#dialing = new AbortController();
    this.#options.reach(this, this.#remote, this.#dialing.signal);
  }

  /** The connection is made: the empty SEND binds it. */
  bindTo(connection: MsrpConnection): void {
    if (this.#isOver() || !this.#mayBindAnew) {
      connection.destroy();
      return;
    }
    if (!this.#options.trusts(connection, this.#remote)) {
      connection.destroy();
      this.onUnreachable();
      return;
    }
    this.#attach(connection);
    const { local, random } = this.#options;
    this.#bindTransactId = hexToken(random, 64);
    connection.write(bindRequest(this.#bindTransactId, this.#toPath, local.text, random));
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
        if (this.#mayReport(connection, request.head)) this.#outgoing.onReport(request.head);
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
    if (response.status === 200) {
      this.#outgoing.start();
      this.#step('bind accepted');
    } else if (!this.#goBack()) {
      this.#step('bind refused');
    }
  }

  async #onSend(connection: MsrpConnection, request: WholeRequest): Promise<void> {
    const event = this.#heard(connection, request.head);
    const binds = event !== undefined && this.#state !== 'bound' && this.#state !== 'stayed';
    const silent = saysNothing(request);
    if (binds && silent) {
      connection.respond(request.head, 200, 'OK');
      this.#outgoing.start();
      this.#step(event);
      return;
    }
    // A bind may carry content: the owner hears of the peer first, yet nothing goes out before the answer.
    if (event !== undefined) this.#step(event);
    if (!silent && !this.#isOver()) this.#options.handlers.onActivity?.();
    const verdict = this.#isOver() ? VERDICTS.ended : await this.#incoming.take(request);
    this.#answer(connection, request, verdict);
    if (binds && this.#connections.current?.connection === connection) this.#outgoing.start();
  }

  /** Finds where a SEND belongs; undefined for the peer's last words where it was before. */
  #heard(connection: MsrpConnection, head: RequestHead): SessionEvent | undefined {
    if (this.#isOver()) return undefined;
    const connections = this.#connections;
    const binding = connections.find(connection) ?? this.#attach(connection);
    if (this.#state === 'moved' && binding === connections.former && this.#mayStay(binding, head))
      connections.stay();
    if (binding !== connections.current) return undefined;
    binding.heard(head);
    return binding === connections.former ? 'peer stayed' : 'peer sent';
  }

  /** Whether a connection that is not ours yet may become ours. */
  get #mayBindAnew(): boolean {
    return this.#connections.current === undefined || this.#state === 'stayed';
  }

  /** A relay or border controller may have changed the path and left the connection as it was. */
  #mayStay({ connection }: Binding, head: RequestHead): boolean {
    return isAsOffered(head, this.#toPath) && this.#options.trusts(connection, this.#remote);
  }

  #mayReport(connection: MsrpConnection, head: RequestHead): boolean {
    return this.owns(connection) || this.#isReportOverRelay(connection, head);
  }

  /**
   * A relay that we connected to may reach us over a connection of its own, as Kamailio does, with what the peer or the relay
   * itself tells of our messages.
   */
  #isReportOverRelay(connection: MsrpConnection, head: RequestHead): boolean {
    if (head.method !== 'REPORT' || !this.#relayed || this.#remote.setup !== 'active') return false;
    return isOnPath(head, this.#toPath) && this.#options.trusts(connection, this.#remote);
  }

  get #toPath(): string {
    return this.#remote.path.map(({ text }) => text).join(' ');
  }

  get #relayed(): boolean {
    return this.#remote.path.length > 1;
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  #answer(connection: MsrpConnection, { head }: WholeRequest, { status, comment, report }: Verdict): void {
    connection.respond(head, status, comment);
    if (report === undefined) return;
    connection.write(successReport(head, hexToken(this.#options.random, 64), report));
  }

  #awaitBind(): Timer {
    const { clock, limits } = this.#options;
    return clock.after(limits.bindTimeout, () => {
      if (!this.#goBack()) this.#step('bind timeout');
    });
  }

  /** A bind of ours has failed where the peer went. False unless the peer had stayed where it was, and the session does too. */
  #goBack(): boolean {
    if (this.#state !== 'moved' || !this.#connections.goBack()) return false;
    this.#outgoing.start();
    this.#step('peer stayed');
    this.#step('bind refused');
    return true;
  }

  #attach(connection: MsrpConnection): Binding {
    if (this.#state === 'stayed') {
      // It had stayed at first, and moves now.
      this.#stopSending();
      this.#step('moved');
    }
    const binding: Binding = new Binding(connection, this.#relayed, {
      onConnectionClosed: () => this.#onClosed(binding),
      onRoom: () => this.#outgoing.proceed(),
    });
    this.#connections.goOn(binding);
    return binding;
  }

  /** Nothing goes out till the session is bound anew. */
  #stopSending(): void {
    this.#outgoing.redirect(this.#toPath, this.#relayed);
  }

  #onClosed(closed: Binding): void {
    const wasCurrent = this.#connections.current === closed;
    if (this.#connections.former === closed) {
      if (wasCurrent) this.#stopSending();
      this.#connections.leaveFormer();
    }
    if (!wasCurrent) return;
    this.#connections.lose();
    if (!this.#goBack()) this.#step('connection closed');
  }

  #step(event: SessionEvent): void {
    const before = this.#state;
    if (before === 'over') return;
    const { state, tell } = transition(before, event);
    this.#state = state;
    if (state === 'bound' && before !== 'bound') {
      this.#bindTimer.cancel();
      this.#connections.settle();
    }
    if (tell === undefined) return;
    if (tell === 'bound') {
      this.#options.handlers.onBound();
      return;
    }
    this.#finish(tell.ended);
    this.#options.handlers.onEnded(tell.ended);
  }

  #finish(why: string): void {
    this.#bindTimer.cancel();
    this.#dialing.abort();
    this.#incoming.close();
    this.#outgoing.end(why);
    this.#connections.leaveAll();
    this.#options.onOver();
  }
}
