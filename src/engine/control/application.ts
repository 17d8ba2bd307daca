import { createHash, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Command } from './command.ts';
import { parseCommand } from './command.ts';
import { FrameReader, encodeFrame } from './frame-codec.ts';
import { CONTROL_LIMITS } from './limits.ts';
import { failedLine, okLine, refusedLine } from './notice.ts';

/** What {@link okLine} tells a client that authenticated, for clients that look at the server's version. */
const SERVER_VERSION = 'v0.9.10';

/** A SIP message an application wants sent. */
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
 */
export class Application {
  readonly name: string;
  /** Lower-case verbs this application wants. */
  readonly verbs = new Set<string>();
  readonly #socket: Socket;
  readonly #owner: ApplicationOwner;
  readonly #reader = new FrameReader();
  readonly #deadline: Timer;
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
  }

  /** Says that `command` could not be done. */
  fail(command: SipCommand, reason: string): void {
    this.#owner.logger.debug({ application: this.name, reason }, 'SIP message of an application refused');
    this.notify(failedLine(this.#owner.nextId(), command.id, reason));
  }

  /** Cuts the connection at once. */
  destroy(): void {
    this.#socket.destroy();
    this.#close('engine closes');
  }

  #read(chunk: Buffer): void {
    try {
      for (const payload of this.#reader.push(chunk)) {
        if (this.#closed) return;
        this.#act(parseCommand(payload));
      }
    } catch (error) {
      this.#close(describeError(error));
    }
  }

  #act(command: Command): void {
    if (!this.#authenticated) {
      if (command.kind === 'authenticate') this.#authenticate(command.id, command.secret);
      else this.#refuse(command.id, 'not authenticated');
      return;
    }
    switch (command.kind) {
      case 'route':
        if (this.verbs.size < CONTROL_LIMITS.routes) this.verbs.add(command.verb);
        this.#answer(command.id);
        return;
      case 'remove_route':
        this.verbs.delete(command.verb);
        this.#answer(command.id);
        return;
      case 'ping':
        this.#answer(command.id, 'pong');
        return;
      case 'sip':
        this.#owner.sip(this, command);
        return;
      case 'authenticate':
        this.#answer(command.id);
        return;
      case 'unknown':
        if (command.token === 'proxy') {
          this.notify(failedLine(this.#owner.nextId(), command.id, 'proxying is not supported'));
          return;
        }
        this.#refuse(command.id, 'unknown command');
    }
  }

  #authenticate(id: string, secret: string): void {
    if (!sameSecret(secret, this.#owner.secret)) {
      this.#refuse(id, 'incorrect secret');
      return;
    }
    this.#authenticated = true;
    this.#deadline.cancel();
    this.#owner.logger.info({ application: this.name }, 'application connected');
    this.#answer(id, this.#owner.listening, SERVER_VERSION, this.#owner.bound);
  }

  #answer(id: string, ...fields: readonly string[]): void {
    this.notify(okLine(this.#owner.nextId(), id, ...fields));
  }

  #refuse(id: string, reason: string): void {
    this.notify(refusedLine(this.#owner.nextId(), id, reason));
    this.#close(reason);
  }

  #close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#deadline.cancel();
    this.#owner.logger.info({ application: this.name, reason }, 'application closed');
    // What was written before still goes out, unless the reader is the one that does not read.
    if (this.#socket.writableLength > CONTROL_LIMITS.busyBytes) this.#socket.destroy();
    else this.#socket.destroySoon();
    this.#owner.gone(this);
  }
}

function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
