import type { Clock, Timer } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import type { MsrpConnection, WholeRequest } from './connection.ts';
import type { MsrpResponse, RequestHead } from './frame.ts';
import type { Verdict } from './incoming-requests.ts';
import { IncomingRequests } from './incoming-requests.ts';
import type { MsrpLimits } from './limits.ts';
import { OutgoingMessages } from './outgoing-messages.ts';
import type { HeaderLines } from './serializer.ts';
import { serializeRequest, serializeResponse } from './serializer.ts';
import type { MsrpSession, OutgoingMessage, SessionEnd, SessionHandlers } from './session.ts';
import type { MsrpUri } from './uri.ts';

export interface ChatSessionOptions {
  readonly id: string;
  readonly local: MsrpUri;
  readonly remote: readonly MsrpUri[];
  readonly handlers: SessionHandlers;
  readonly limits: MsrpLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The session is over: its URI means nothing any more. */
  onOver(): void;
}

/**
 * One session and the connection it is bound to.
 *
 *   waiting ── first SEND of the peer, or its 200 to ours ──> bound ── close(), connection lost ──> over
 *      └────── no peer in time, close() ─────────────────────────────────────────────────────────────┘
 */
export class ChatSession implements MsrpSession {
  readonly id: string;
  readonly #options: ChatSessionOptions;
  readonly #toPath: string;
  readonly #incoming: IncomingRequests;
  readonly #outgoing: OutgoingMessages;
  #state: 'waiting' | 'bound' | 'over' = 'waiting';
  #connection: MsrpConnection | undefined;
  #bindTimer: Timer | undefined;
  /** Our own first SEND in the active role. */
  #bindTransactId: string | undefined;

  constructor(options: ChatSessionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#toPath = options.remote.map(({ text }) => text).join(' ');
    this.#incoming = new IncomingRequests(options.limits, (message) => options.handlers.onMessage(message));
    this.#outgoing = new OutgoingMessages({
      toPath: this.#toPath,
      fromPath: options.local.text,
      limits: options.limits,
      clock: options.clock,
      random: options.random,
      write: (bytes) => this.#connection?.write(bytes),
    });
    this.#bindTimer = options.clock.after(options.limits.bindTimeout, () => this.#end('peer did not come'));
  }

  /** Whether a request that came over `connection` may speak in this session. */
  belongsTo(connection: MsrpConnection): boolean {
    return this.#connection === undefined || this.#connection === connection;
  }

  isBoundTo(connection: MsrpConnection): boolean {
    return this.#connection === connection;
  }

  async send(message: OutgoingMessage): Promise<void> {
    await this.#outgoing.send(message);
  }

  close(): void {
    this.#end('closed');
  }

  /** Active role (RFC 6135 §4.2): the connection is made, the empty SEND binds it. */
  bindTo(connection: MsrpConnection): void {
    if (this.#state !== 'waiting') {
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
          ['Byte-Range', '1-0/0'],
        ],
      }),
    );
  }

  /** A request of the peer whose To-Path names this session. Resolves when it is answered. */
  async onRequest(connection: MsrpConnection, request: WholeRequest): Promise<void> {
    const { head } = request;
    if (head.method === 'REPORT') {
      this.#outgoing.onReport(head);
      return;
    }
    if (head.method !== 'SEND') {
      this.respond(connection, head, { status: 501, comment: 'Unknown method' });
      return;
    }
    this.#options.handlers.onActivity?.();
    const isFirst = this.#state === 'waiting';
    if (isFirst) this.#attach(connection);
    const isBind = isFirst && request.body.length === 0 && !request.overlong;
    if (isBind) {
      this.respond(connection, head, { status: 200, comment: 'OK' });
      this.#bound();
      return;
    }
    if (isFirst) this.#bound();
    const verdict: Verdict = request.overlong
      ? { status: 413, comment: `At most ${this.#options.limits.maxMessageBytes} bytes` }
      : await this.#incoming.take(head, request.body, request.flag);
    this.respond(connection, head, verdict);
    if (verdict.report !== undefined) this.#report(connection, head, verdict.report);
  }

  onResponse(response: MsrpResponse): void {
    if (response.transactId !== this.#bindTransactId) {
      this.#outgoing.onResponse(response);
      return;
    }
    this.#bindTransactId = undefined;
    if (response.status === 200) this.#bound();
    else this.#end('peer did not come');
  }

  onConnectionClosed(): void {
    this.#connection = undefined;
    this.#end('connection lost');
  }

  /** No connection could be made in the active role. */
  onUnreachable(): void {
    this.#end('peer did not come');
  }

  /** RFC 4975 §7.2: `no` wants no response at all, `partial` only one that says no. */
  respond(
    connection: MsrpConnection,
    head: RequestHead,
    { status, comment }: Pick<Verdict, 'status' | 'comment'>,
  ): void {
    respondTo(connection, head, this.#options.local.text, status, comment);
  }

  #attach(connection: MsrpConnection): void {
    this.#connection = connection;
    connection.join();
  }

  #bound(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'bound';
    this.#bindTimer?.cancel();
    this.#options.handlers.onBound();
  }

  #report(
    connection: MsrpConnection,
    head: RequestHead,
    report: { readonly messageId: string; readonly byteRange: string },
  ): void {
    const headers: HeaderLines = [
      // §7.1.2: back along the path the message came by.
      ['To-Path', head.headers.get('from-path') ?? ''],
      ['From-Path', this.#options.local.text],
      ['Message-ID', report.messageId],
      ['Byte-Range', report.byteRange],
      ['Status', '000 200 OK'],
    ];
    const transactId = hexToken(this.#options.random, 64);
    connection.write(serializeRequest({ transactId, method: 'REPORT', headers }));
  }

  #end(reason: SessionEnd): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#bindTimer?.cancel();
    this.#outgoing.end(reason);
    this.#connection?.leave();
    this.#options.onOver();
    this.#options.handlers.onEnded(reason);
  }
}

/** Answers a request as its Failure-Report asks; to the first hop of its From-Path (§7.2). */
export function respondTo(
  connection: MsrpConnection,
  head: RequestHead,
  fromPath: string,
  status: number,
  comment: string,
): void {
  const wanted = head.headers.get('failure-report')?.toLowerCase() ?? 'yes';
  if (wanted === 'no' || (wanted === 'partial' && status === 200)) return;
  const [toPath = ''] = (head.headers.get('from-path') ?? '').trim().split(/\s+/);
  if (toPath === '') return;
  const headers: HeaderLines = [
    ['To-Path', toPath],
    ['From-Path', fromPath],
  ];
  connection.write(serializeResponse({ transactId: head.transactId, status, comment, headers }));
}
