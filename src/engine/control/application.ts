import { createHash, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { ApplicationPace } from '../admission/application-pace.ts';
import type { Command } from './command.ts';
import { parseCommand } from './command.ts';
import { FrameReader, encodeFrame } from './frame-codec.ts';
import { CONTROL_LIMITS } from './limits.ts';
import { failedLine, okLine, refusedLine } from './notice.ts';

/** What {@link okLine} tells a client that authenticated, for clients that look at the server's version. */
const SERVER_VERSION = 'v0.9.10';

/** Call records are routed like methods by drachtio-srf. */
const NO_CALL_RECORDS = 'call records are not supported';

/** A SIP message an application wants sent. It is answered once: by {@link Application.answer} or {@link Application.fail}. */
export type SipCommand = Extract<Command, { kind: 'sip' }>;

/** Who acts on what applications send. */
export interface ApplicationOwner {
  /** Where peers reach the engine: `tcp/203.0.113.7:5060,udp/203.0.113.7:5060`. */
  readonly listening: string;
  /** The same as it is bound here. */
  readonly bound: string;
  readonly secret: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A fresh frame id. */
  nextId(): string;
  sip(application: Application, command: SipCommand): void;
  gone(application: Application): void;
}

/**
 * One application on the control port.
 *
 * ```
 * connected ── authenticate, right secret ──> authenticated ── route, remove_route, ping, sip ──┐
 *    │  wrong secret, anything else, deadline       │   ^──────────────────────────────────────┘
 *    └──────────────> closed <──────────────────────┘ unknown command, malformed frame, far too slow a reader
 * ```
 *
 * Nothing more is read of an application that is behind with reading, or that wants more sent than goes out: what it
 * writes waits in its own process then.
 */
export class Application {
  readonly name: string;
  /** Lower-case verbs this application wants. */
  readonly verbs = new Set<string>();
  /** What it called itself when it authenticated; they are for the log, and decide nothing. */
  tags: readonly string[] = [];
  /** How fast it answers requests. */
  readonly pace = new ApplicationPace();
  readonly #socket: Socket;
  readonly #owner: ApplicationOwner;
  readonly #reader = new FrameReader();
  readonly #deadline: Timer;
  /** What it wants sent and has had no answer for. */
  readonly #unanswered = new Set<SipCommand>();
  #unansweredBytes = 0;
  /** Runs while it is behind with reading. */
  #stalled: Timer | undefined;
  #authenticated = false;
  #corked = false;
  #closed = false;

  constructor(socket: Socket, owner: ApplicationOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.name = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
    socket.setNoDelay(true);
    this.#deadline = owner.clock.after(CONTROL_LIMITS.authenticationDeadline, () => {
      this.#close('did not authenticate in time');
    });
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('drain', () => this.#regulate());
    socket.on('error', (error) => this.#close(describeError(error)));
    socket.on('close', () => this.#close('disconnected'));
  }

  /** May be given requests. */
  get ready(): boolean {
    return this.#authenticated && !this.#closed;
  }

  get open(): boolean {
    return !this.#closed;
  }

  /** Is given nothing new now: it is behind with reading or with answering. */
  get full(): boolean {
    return this.busy || this.pace.isFull(this.#owner.clock.now());
  }

  /** Is behind with reading: others are given the next requests. */
  get busy(): boolean {
    return this.#socket.writableLength > CONTROL_LIMITS.busyBytes;
  }

  /** Sends a line, and the SIP message that belongs to it. An application that is gone gets nothing. */
  notify(line: string, message?: Buffer): void {
    if (this.#closed) return;
    if (!this.#corked) {
      // Frames of one turn of the event loop go out in one write.
      this.#corked = true;
      this.#socket.cork();
      setImmediate(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(encodeFrame(line, message));
    if (this.#socket.writableLength > CONTROL_LIMITS.queuedBytes) this.#close('reads too slowly');
    else if (this.busy) this.#regulate();
  }

  /** Says what became of `command`: the line, and the message as it was sent. */
  answer(command: SipCommand, line: string, message: Buffer): void {
    this.#settle(command);
    this.notify(line, message);
  }

  /** Says that `command` could not be done. */
  fail(command: SipCommand, reason: string): void {
    this.#owner.logger.debug({ application: this.name, reason }, 'SIP message of an application refused');
    this.#settle(command);
    this.notify(failedLine(this.#owner.nextId(), command.id, reason));
  }

  /** Cuts the connection at once. */
  destroy(): void {
    this.#socket.destroy();
    this.#close('engine closes');
  }

  #read(chunk: Buffer): void {
    try {
      for (const { payload, whole } of this.#reader.push(chunk)) {
        if (this.#closed) return;
        const command = parseCommand(payload);
        if (whole) this.#act(command);
        else this.#passOver(command);
      }
    } catch (error) {
      this.#close(describeError(error));
    }
    this.#regulate();
  }

  #passOver(command: Command): void {
    if (this.#authenticated) this.#decline(command.id, 'message is too long');
    else this.#refuse(command.id, 'not authenticated');
  }

  #act(command: Command): void {
    if (!this.#authenticated) {
      if (command.kind === 'authenticate') this.#authenticate(command);
      else this.#refuse(command.id, 'not authenticated');
      return;
    }
    switch (command.kind) {
      case 'route':
        this.#route(command.id, command.verb);
        return;
      case 'remove_route':
        if (isCallRecord(command.verb)) this.#decline(command.id, NO_CALL_RECORDS);
        else {
          this.verbs.delete(command.verb);
          this.#answer(command.id);
        }
        return;
      case 'ping':
        this.#answer(command.id, 'pong');
        return;
      case 'sip':
        this.#unanswered.add(command);
        this.#unansweredBytes += command.message.length;
        this.#owner.sip(this, command);
        return;
      case 'authenticate':
        this.#authenticate(command);
        return;
      case 'unknown':
        if (command.token === 'proxy') this.#decline(command.id, 'proxying is not supported');
        else this.#refuse(command.id, 'unknown command');
    }
  }

  #authenticate({ id, secret, tags }: Extract<Command, { kind: 'authenticate' }>): void {
    if (!sameSecret(secret, this.#owner.secret)) {
      this.#refuse(id, 'incorrect secret');
      return;
    }
    this.#authenticated = true;
    this.#deadline.cancel();
    this.tags = tags;
    this.#owner.logger.info({ application: this.name, tags }, 'application connected');
    this.#answer(id, this.#owner.listening, SERVER_VERSION, this.#owner.bound);
  }

  #route(id: string, verb: string): void {
    if (isCallRecord(verb)) this.#decline(id, NO_CALL_RECORDS);
    else if (verb === '') this.#decline(id, 'no method named');
    else if (!this.verbs.has(verb) && this.verbs.size >= CONTROL_LIMITS.routes) {
      this.#decline(id, 'too many routes');
    } else {
      this.verbs.add(verb);
      this.#answer(id);
    }
  }

  #settle(command: SipCommand): void {
    if (!this.#unanswered.delete(command)) return;
    this.#unansweredBytes -= command.message.length;
    this.#regulate();
  }

  /** Reads on, or not: back-pressure on who asks for more than can be done, or does not read what it is told. */
  #regulate(): void {
    if (this.#closed) return;
    const { unanswered, unansweredBytes, stalled } = CONTROL_LIMITS;
    const { busy } = this;
    const full = this.#unanswered.size >= unanswered || this.#unansweredBytes >= unansweredBytes;
    if (busy || full) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
    if (!busy) {
      this.#stalled?.cancel();
      this.#stalled = undefined;
    } else if (this.#stalled === undefined) {
      const taken = this.#taken();
      this.#stalled = this.#owner.clock.after(stalled, () => {
        this.#stalled = undefined;
        if (this.#taken() === taken) this.#close('does not read');
        else this.#regulate();
      });
    }
  }

  /** Bytes the application, or the network before it, has taken. */
  #taken(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  #answer(id: string, ...fields: readonly string[]): void {
    this.notify(okLine(this.#owner.nextId(), id, ...fields));
  }

  /** What is asked cannot be done; the connection stays. */
  #decline(id: string, reason: string): void {
    this.notify(failedLine(this.#owner.nextId(), id, reason));
  }

  #refuse(id: string, reason: string): void {
    this.notify(refusedLine(this.#owner.nextId(), id, reason));
    this.#close(reason);
  }

  #close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#deadline.cancel();
    this.#stalled?.cancel();
    this.#unanswered.clear();
    const { name, tags } = this;
    this.#owner.logger.info({ application: name, tags, reason }, 'application closed');
    // A socket that is not read would never tell its end.
    this.#socket.resume();
    // What was written before still goes out, unless the reader is the one that does not read.
    if (this.#socket.writableLength > CONTROL_LIMITS.busyBytes) this.#socket.destroy();
    else this.#socket.destroySoon();
    this.#owner.gone(this);
  }
}

function isCallRecord(verb: string): boolean {
  return verb.startsWith('cdr:');
}

function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
