import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { responseTo } from './answers.ts';
import { Fifo } from './fifo.ts';
import type { ContinuationFlag, MsrpResponse, ParserEvent, RequestHead } from './frame.ts';
import type { WholeRequest } from './incoming-requests.ts';
import type { MsrpLimits } from './limits.ts';
import { MsrpParser } from './parser.ts';
import { UnfinishedRequest } from './unfinished-request.ts';
import type { UnfinishedRoom } from './unfinished-room.ts';
import { WriteQueue } from './write-queue.ts';

/** Who takes what a connection reads. */
export interface ConnectionOwner {
  /** Whether the body of a request will be looked at. Otherwise it is only read past, and takes no room. */
  wantsBody(head: RequestHead): boolean;
  /** Resolves when the request is answered, or needs no answer; must not reject. The next ones come meanwhile. */
  onRequest(connection: MsrpConnection, request: WholeRequest): Promise<void>;
  onResponse(connection: MsrpConnection, response: MsrpResponse): void;
  /** What came is no MSRP; the connection ends. `head` is of a request that can be answered. */
  onMalformed(connection: MsrpConnection, error: Error, head?: RequestHead): void;
  /** A session runs over the connection from now. */
  onJoined(): void;
  onClosed(connection: MsrpConnection): void;
}

/** A session as the connection it runs over sees it. */
export interface ConnectionMember {
  onConnectionClosed(): void;
  /** The connection was full and is no more. */
  onRoom?(): void;
}

/** One TCP, TLS or WebSocket connection; any number of sessions may run over it (RFC 4975 §5.4). */
export class MsrpConnection {
  /** It runs over TLS. */
  readonly secure: boolean;
  readonly #socket: Duplex;
  readonly #limits: MsrpLimits;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #owner: ConnectionOwner;
  readonly #parser: MsrpParser;
  readonly #room: UnfinishedRoom;
  readonly #writes: WriteQueue;
  readonly #members = new Set<ConnectionMember>();
  /** Read and parsed, not yet worked on. */
  readonly #events = new Fifo<ParserEvent>();
  /** The request that comes now. */
  #request: UnfinishedRequest | undefined;
  /** Requests that wait for their answer. */
  #pending = 0;
  /** Nothing that comes is heard any more: only answers go out. */
  #deaf = false;
  #end: Timer | undefined;

  constructor(
    socket: Duplex,
    options: {
      readonly limits: MsrpLimits;
      readonly clock: Clock;
      readonly logger: Logger;
      /** For what comes and is not done with yet. */
      readonly room: UnfinishedRoom;
      readonly secure: boolean;
    },
    owner: ConnectionOwner,
  ) {
    this.secure = options.secure;
    this.#socket = socket;
    this.#limits = options.limits;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#owner = owner;
    this.#parser = new MsrpParser(options.limits);
    this.#room = options.room;
    this.#writes = new WriteQueue(socket, {
      ...options,
      onRoom: () => this.#tellOfRoom(),
      onStalled: () => this.#giveUp('MSRP peer does not read'),
    });
    if (socket instanceof Socket) socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('end', () => this.#endOnceAnswered());
    socket.on('error', (error) => this.#logger.debug({ error: error.message }, 'MSRP connection failed'));
    socket.on('close', () => this.#closed());
    // Whoever connects and belongs to no session is not kept.
    this.#endAfter(this.#limits.strangerTimeout);
  }

  /** A session runs over the connection from now. */
  join(member: ConnectionMember): void {
    this.#members.add(member);
    this.#owner.onJoined();
    if (!this.#deaf) this.#end?.cancel();
  }

  /** A session left; the connection ends a moment after the last one. */
  leave(member: ConnectionMember): void {
    if (!this.#members.delete(member) || this.#members.size > 0 || this.#deaf) return;
    this.#endAfter(this.#limits.linger);
  }

  /** Answers a request as it wants to be answered. */
  respond(head: RequestHead, status: number, comment: string): void {
    const response = responseTo(head, status, comment);
    if (response !== undefined) this.write(response);
  }

  /** `taken` is called when the system took the last byte. A peer that does not read loses the connection. */
  write(bytes: Buffer, taken?: () => void): void {
    if (this.#writes.waiting + bytes.length > this.#limits.queuedPerConnection)
      this.#giveUp('MSRP peer reads too slowly');
    else this.#writes.write(bytes, taken);
  }

  /** So much waits for the peer to read that nothing more should be sent now. */
  get isFull(): boolean {
    return this.#writes.isFull;
  }

  /** How many sessions run over it. */
  get members(): number {
    return this.#members.size;
  }

  /** What the peer showed over TLS, DER; undefined when it showed none. */
  get certificate(): Buffer | undefined {
    return this.#socket instanceof TLSSocket ? this.#socket.getPeerX509Certificate()?.raw : undefined;
  }

  /** Whether anything more can come over it: a session bound to it has a future. */
  get hears(): boolean {
    return !this.#deaf && !this.#socket.destroyed;
  }

  destroy(): void {
    this.#end?.cancel();
    this.#socket.destroy();
  }

  #giveUp(why: string): void {
    if (this.#socket.destroyed) return;
    this.#logger.warn({ waiting: this.#writes.waiting }, why);
    this.#socket.destroy();
  }

  /** Sessions take turns: the one told first may fill the connection again. */
  #tellOfRoom(): void {
    for (const member of [...this.#members]) {
      if (this.#writes.isFull) return;
      this.#members.delete(member);
      this.#members.add(member);
      member.onRoom?.();
    }
  }

  #endAfter(delay: number): void {
    this.#end?.cancel();
    if (this.#socket.destroyed) return;
    this.#end = this.#clock.after(delay, () => this.#endOnceAnswered());
  }

  /** A peer that does not close its side does not hold the connection open. */
  #endNow(): void {
    this.#deaf = true;
    this.#end?.cancel();
    if (this.#socket.destroyed) return;
    this.#writes.end();
    this.#end = this.#clock.after(this.#limits.linger, () => this.#socket.destroy());
  }

  /** Nothing more is heard; what came is answered first, as it may have been committed, if that does not take too long. */
  #endOnceAnswered(): void {
    if (this.#deaf) return;
    this.#deaf = true;
    this.#end?.cancel();
    if (this.#pending === 0 && this.#events.length === 0) this.#endNow();
    else this.#end = this.#clock.after(this.#limits.answerWait, () => this.#endNow());
  }

  #closed(): void {
    this.#deaf = true;
    this.#end?.cancel();
    this.#writes.stop();
    this.#events.clear();
    this.#request?.release();
    this.#request = undefined;
    this.#owner.onClosed(this);
    for (const member of [...this.#members]) member.onConnectionClosed();
    this.#members.clear();
  }

  #read(chunk: Buffer): void {
    if (this.#deaf) return;
    for (const event of this.#parser.push(chunk)) this.#events.push(event);
    this.#work();
  }

  /** Works on what was read, as long as not too many requests wait for their answer. */
  #work(): void {
    while (this.#pending < this.#limits.pendingRequests) {
      const event = this.#events.shift();
      if (event === undefined) {
        if (this.#socket.isPaused()) this.#socket.resume();
        return;
      }
      this.#take(event);
    }
    this.#socket.pause();
  }

  #take(event: ParserEvent): void {
    switch (event.kind) {
      case 'request':
        this.#begin(event.head);
        break;
      case 'body':
        this.#request?.add(event.bytes);
        break;
      case 'end':
        this.#finish(event.flag);
        break;
      case 'response':
        this.#owner.onResponse(this, event.response);
        break;
      case 'malformed':
        this.#logger.info({ error: describeError(event.error) }, 'malformed MSRP');
        this.#owner.onMalformed(this, event.error, event.head);
        this.#endOnceAnswered();
        break;
    }
  }

  #begin(head: RequestHead): void {
    const max = this.#owner.wantsBody(head) ? this.#limits.maxMessageBytes : 0;
    this.#request = new UnfinishedRequest(head, max, this.#room.share());
  }

  #finish(flag: ContinuationFlag): void {
    const request = this.#request;
    if (request === undefined) return;
    this.#request = undefined;
    this.#pending++;
    void this.#owner.onRequest(this, request.finish(flag)).then(() => {
      request.release();
      this.#answered();
    });
  }

  #answered(): void {
    this.#pending--;
    this.#work();
    if (this.#deaf && this.#pending === 0 && this.#events.length === 0) this.#endNow();
  }
}
