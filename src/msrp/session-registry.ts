import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Counter, Metrics } from '../core/metrics.ts';
import type { ChatSession } from './chat-session.ts';
import type { ConnectionOwner, MsrpConnection } from './connection.ts';
import type { MsrpResponse, RequestHead } from './frame.ts';
import type { WholeRequest } from './incoming-requests.ts';
import type { MsrpLimits } from './limits.ts';
import { pathParts, sessionIdIn } from './uri.ts';

/** A session's URI was given out; it is opened or forgotten later, and what comes before waits till then. */
interface Awaited {
  readonly settled: Promise<void>;
  readonly settle: () => void;
  readonly timer: Timer;
  held: number;
}

/**
 * Finds the session of a request by the session-id in its To-Path, request by request: sessions share connections, and relays
 * and session border controllers rewrite the rest of the path (RFC 6714 §5).
 */
export class SessionRegistry implements Pick<
  ConnectionOwner,
  'wantsBody' | 'onRequest' | 'onResponse' | 'onMalformed'
> {
  readonly #limits: MsrpLimits;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #awaited = new Map<string, Awaited>();
  readonly #sessions = new Map<string, ChatSession>();
  readonly #requests: Counter;
  readonly #refusals: Counter;

  constructor(options: {
    readonly limits: MsrpLimits;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly metrics: Metrics;
  }) {
    const { limits, clock, logger, metrics } = options;
    this.#limits = limits;
    this.#clock = clock;
    this.#logger = logger;
    this.#requests = metrics.counter('msrp_requests_total', 'MSRP requests received', ['method']);
    this.#refusals = metrics.counter('msrp_refusals_total', 'MSRP requests no session took', ['status']);
  }

  /** A session that may be opened soon: what comes for it meanwhile waits, as long as a bind may take. */
  expect(id: string): void {
    let settle = (): void => undefined;
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const timer = this.#clock.after(this.#limits.bindTimeout, () => this.forget(id));
    this.#awaited.set(id, { settled, settle, timer, held: 0 });
  }

  /** Whoever waits for the session is answered now: 481 unless it was opened. */
  forget(id: string): void {
    const awaited = this.#awaited.get(id);
    this.#awaited.delete(id);
    awaited?.timer.cancel();
    awaited?.settle();
  }

  add(session: ChatSession): void {
    this.#sessions.set(session.id, session);
    this.forget(session.id);
  }

  remove(id: string): void {
    this.#sessions.delete(id);
  }

  close(): void {
    for (const id of [...this.#awaited.keys()]) this.forget(id);
    for (const session of [...this.#sessions.values()]) session.close();
  }

  /** Those of strangers, who know no session, must not take the room of others. */
  wantsBody(head: RequestHead): boolean {
    const id = sessionIdIn(ownUri(head));
    return head.method === 'SEND' && id !== undefined && (this.#sessions.has(id) || this.#awaited.has(id));
  }

  /**
   * RFC 4975 §10: 400 for what cannot be read, 481 for a session nobody knows, 506 for one bound to another connection. Of a
   * method nobody knows 501 is said whatever its path (§10.9): AUTH (RFC 4976 §5.1) is meant for a relay, whose URI names no
   * session, and tells its sender so that we are none.
   */
  async onRequest(connection: MsrpConnection, request: WholeRequest): Promise<void> {
    const { head } = request;
    this.#requests.add({ method: KNOWN_METHODS.has(head.method) ? head.method : 'other' });
    if (!KNOWN_METHODS.has(head.method)) {
      this.#refuse(connection, head, 501, 'Unknown method');
      return;
    }
    const id = sessionIdIn(ownUri(head));
    if (id === undefined || head.fault !== undefined) {
      this.#refuse(connection, head, 400, head.fault ?? 'Unreadable path');
      return;
    }
    const awaited = this.#awaited.get(id);
    if (awaited === undefined) await this.#dispatch(id, connection, request);
    else if (awaited.held < this.#limits.heldRequests) await this.#hold(awaited, id, connection, request);
    else this.#refuse(connection, head, 408, 'The session is not open yet');
  }

  onResponse(connection: MsrpConnection, response: MsrpResponse): void {
    const id = sessionIdIn(ownUri(response)) ?? '';
    const session = this.#sessions.get(id);
    if (session?.owns(connection) === true) session.onResponse(response);
  }

  onMalformed(connection: MsrpConnection, error: Error, head?: RequestHead): void {
    this.#refusals.add({ status: '400' });
    if (head !== undefined) connection.respond(head, 400, error.message);
  }

  async #hold(
    awaited: Awaited,
    id: string,
    connection: MsrpConnection,
    request: WholeRequest,
  ): Promise<void> {
    // Whoever knows the URI is no stranger: the connection stays while it waits.
    const waiting = { onConnectionClosed: () => undefined };
    connection.join(waiting);
    awaited.held++;
    await awaited.settled;
    // A session must not be bound to a connection that was lost meanwhile.
    if (connection.hears) {
      const answered = this.#dispatch(id, connection, request);
      connection.leave(waiting);
      await answered;
    } else {
      connection.leave(waiting);
      this.#refuse(connection, request.head, 408, 'The connection has ended');
    }
  }

  async #dispatch(id: string, connection: MsrpConnection, request: WholeRequest): Promise<void> {
    const { head } = request;
    const session = this.#sessions.get(id);
    const refusal =
      session === undefined ? { status: 481, comment: 'No such session' } : session.refusal(connection, head);
    if (refusal !== undefined) this.#refuse(connection, head, refusal.status, refusal.comment);
    else if (session !== undefined) await this.#pass(session, connection, request);
  }

  async #pass(session: ChatSession, connection: MsrpConnection, request: WholeRequest): Promise<void> {
    try {
      await session.onRequest(connection, request);
    } catch (error) {
      this.#logger.error({ session: session.id, error: describeError(error) }, 'MSRP request failed');
      connection.respond(request.head, 408, 'Not delivered');
    }
  }

  #refuse(connection: MsrpConnection, head: RequestHead, status: number, comment: string): void {
    this.#refusals.add({ status: String(status) });
    this.#logger.info({ status, comment, method: head.method }, 'MSRP request refused');
    connection.respond(head, status, comment);
  }
}

const KNOWN_METHODS: ReadonlySet<string> = new Set(['SEND', 'REPORT']);

/** Of the URIs in To-Path the last is the one it is meant for. */
function ownUri({ headers }: Pick<RequestHead, 'headers'>): string {
  return pathParts(headers.get('to-path') ?? '').at(-1) ?? '';
}
