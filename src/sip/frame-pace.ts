import { MailboxError } from '../core/errors.ts';
import type { ControlConnections, ControlSocket } from './drachtio.ts';
import { SIP_LIMITS } from './limits.ts';

/** What was to be sent is longer than a drachtio-server can read. */
export class FrameTooLong extends MailboxError {
  constructor(bytes: number) {
    super('FRAME_TOO_LONG', `${bytes} bytes are too long for the SIP server`);
  }
}

/**
 * Keeps what is sent within what a drachtio-server can read. It has 12,228 bytes for what it has not read to the end, takes up
 * to 8,192 at once, and writes over what it had when they do not fit. So a frame that may not fit in beside others is followed
 * by the next only once it was answered, and one that never fits is shortened: anybody can make a request so long that an
 * answer which repeats its From, To and Call-ID would stop the server.
 */
export function paceFrames(connections: ControlConnections): void {
  const lines = new WeakMap<ControlSocket, Line>();
  const lineOf = (socket: ControlSocket): Line => {
    const line = lines.get(socket) ?? new Line(socket);
    lines.set(socket, line);
    return line;
  };
  const send = connections.send.bind(connections);
  connections.send = (socket, command) => {
    const line = lineOf(socket);
    // The client library numbers the frame and puts its length before it.
    const framing = { write: (frame: string) => line.write(frame), destroy: () => socket.destroy() };
    return send(framing, fitted(command));
  };
  connections.on('msg', (socket, frame) => lines.get(socket)?.answered(frame));
}

/** What is sent on one connection. */
class Line {
  readonly #socket: ControlSocket;
  /** Id of the frame that must be answered before the next one. */
  #awaited: string | undefined;
  #waiting: string[] = [];

  constructor(socket: ControlSocket) {
    this.#socket = socket;
  }

  write(frame: string): void {
    if (this.#awaited !== undefined) {
      this.#waiting.push(frame);
      // Whoever answers none of so many is gone.
      if (this.#waiting.length > SIP_LIMITS.waitingFrames) this.#socket.destroy();
      return;
    }
    this.#socket.write(frame);
    if (Buffer.byteLength(frame) > SIP_LIMITS.unpacedFrame) {
      this.#awaited = frame.slice(frame.indexOf('#') + 1, frame.indexOf('|'));
    }
  }

  answered(frame: string): void {
    if (this.#awaited === undefined || frame.split('|', 3)[2] !== this.#awaited) return;
    this.#awaited = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) this.write(each);
  }
}

/** Headers of a response that repeat the request's: the server knows them. To is the last, for its tag may be ours. */
const REPEATED = [/^(?:call-id|cseq|from):/i, /^(?:call-id|cseq|from|to):/i];

/** @throws FrameTooLong of a request */
function fitted(command: string): string {
  const bytes = Buffer.byteLength(command);
  if (bytes <= SIP_LIMITS.frame) return command;
  const end = command.indexOf('\r\n\r\n');
  const [meta = '', startLine = '', ...headers] = command.slice(0, end).split('\r\n');
  if (!startLine.startsWith('SIP/2.0 ')) throw new FrameTooLong(bytes);
  for (const repeated of REPEATED) {
    const own = headers.filter((header) => !repeated.test(header));
    const shorter = [meta, startLine, ...own].join('\r\n') + command.slice(end);
    if (Buffer.byteLength(shorter) <= SIP_LIMITS.frame) return shorter;
  }
  return [meta, 'SIP/2.0 513 Message Too Large', 'Content-Length: 0', '', ''].join('\r\n');
}
