import type { Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { MalformedMsrp } from './errors.ts';
import type { ContinuationFlag, MsrpResponse, ParserEvent, RequestHead } from './frame.ts';
import type { MsrpLimits } from './limits.ts';
import { MsrpParser } from './parser.ts';

/** A whole request: its chunk's body is kept up to the limit, and beyond it only counted. */
export interface WholeRequest {
  readonly head: RequestHead;
  readonly body: Buffer;
  readonly flag: ContinuationFlag;
  /** The chunk was longer than any message may be; `body` is cut. */
  readonly overlong: boolean;
}

/** Who takes what a connection reads. */
export interface ConnectionOwner {
  /** Resolves when the request is answered, or needs no answer. The next ones come meanwhile. */
  onRequest(connection: MsrpConnection, request: WholeRequest): Promise<void>;
  /** A request may have to wait until its session is answered; undefined when it need not. */
  holdBack(head: RequestHead): Promise<void> | undefined;
  onResponse(connection: MsrpConnection, response: MsrpResponse): void;
  onClosed(connection: MsrpConnection): void;
}

/** One TCP or TLS connection; any number of sessions may run over it (RFC 4975 §5.4). */
export class MsrpConnection {
  readonly #socket: Socket;
  readonly #limits: MsrpLimits;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #owner: ConnectionOwner;
  readonly #parser: MsrpParser;
  #events: ParserEvent[] = [];
  #held = false;
  #pending = 0;
  #request: { head: RequestHead; pieces: Buffer[]; size: number } | undefined;
  /** Sessions that run over it. */
  #sessions = 0;
  #end: Timer | undefined;

  constructor(
    socket: Socket,
    options: { readonly limits: MsrpLimits; readonly clock: Clock; readonly logger: Logger },
    owner: ConnectionOwner,
  ) {
    this.#socket = socket;
    this.#limits = options.limits;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#owner = owner;
    this.#parser = new MsrpParser(options.limits);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#logger.debug({ error: error.message }, 'MSRP connection'));
    socket.on('close', () => {
      this.#end?.cancel();
      this.#events = [];
      owner.onClosed(this);
    });
    // Whoever connects and belongs to no session is not kept.
    this.#endAfter(this.#limits.strangerTimeout);
  }

  /** A session runs over the connection from now. */
  join(): void {
    this.#sessions++;
    this.#end?.cancel();
  }

  /** A session left; the connection ends a moment after the last one. */
  leave(): void {
    this.#sessions--;
    if (this.#sessions === 0) this.#endAfter(this.#limits.linger);
  }

  /** One write for each message. A peer that does not read loses the connection. */
  write(bytes: Buffer): void {
    if (this.#socket.destroyed || !this.#socket.writable) return;
    if (this.#socket.writableLength + bytes.length > this.#limits.queuedPerConnection) {
      this.#logger.warn({ waiting: this.#socket.writableLength }, 'MSRP peer does not read');
      this.#socket.destroy();
      return;
    }
    this.#socket.write(bytes);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #endAfter(delay: number): void {
    this.#end?.cancel();
    this.#end = this.#clock.after(delay, () => {
      this.#socket.end();
      // A peer that does not close its side does not hold the connection open.
      this.#end = this.#clock.after(this.#limits.linger, () => this.#socket.destroy());
    });
  }

  #read(chunk: Buffer): void {
    try {
      for (const event of this.#parser.push(chunk)) this.#events.push(event);
    } catch (error) {
      if (!(error instanceof MalformedMsrp)) throw error;
      this.#logger.info({ error: describeError(error) }, 'malformed MSRP');
      this.#socket.destroy();
      return;
    }
    this.#work();
  }

  #work(): void {
    while (!this.#held) {
      const event = this.#events.shift();
      if (event === undefined) return;
      this.#take(event);
    }
  }

  #take(event: ParserEvent): void {
    switch (event.kind) {
      case 'response':
        this.#owner.onResponse(this, event.response);
        break;
      case 'request':
        this.#request = { head: event.head, pieces: [], size: 0 };
        this.#hold(this.#owner.holdBack(event.head));
        break;
      case 'body':
        this.#keep(event.bytes);
        break;
      case 'end':
        this.#finish(event.flag);
        break;
    }
  }

  #keep(bytes: Buffer): void {
    const request = this.#request;
    if (request === undefined) return;
    request.size += bytes.length;
    if (request.size <= this.#limits.maxMessageBytes) request.pieces.push(bytes);
  }

  #finish(flag: ContinuationFlag): void {
    const request = this.#request;
    if (request === undefined) return;
    this.#request = undefined;
    const overlong = request.size > this.#limits.maxMessageBytes;
    const body = overlong ? Buffer.alloc(0) : Buffer.concat(request.pieces);
    this.#pending++;
    if (this.#pending >= this.#limits.pendingRequests) this.#socket.pause();
    void this.#owner.onRequest(this, { head: request.head, body, flag, overlong }).finally(() => {
      this.#pending--;
      if (!this.#held) this.#socket.resume();
    });
  }

  /** Reads no further until `wait` settles. */
  #hold(wait: Promise<void> | undefined): void {
    if (wait === undefined) return;
    this.#held = true;
    this.#socket.pause();
    void wait.finally(() => {
      this.#held = false;
      this.#socket.resume();
      this.#work();
    });
  }
}
