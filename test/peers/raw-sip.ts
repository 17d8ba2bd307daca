import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

import { systemRandom, hexToken } from '../../src/core/random.ts';
import { until } from './until.ts';

/** One SIP message as it came, and what a test most often asks of it. */
export interface RawMessage {
  text: string;
  /** `SIP/2.0 200 OK` or `NOTIFY sip:… SIP/2.0`. */
  startLine: string;
  /** All that follows the blank line. */
  body: string;
  /** The first header of this name (any case), without the name. */
  header(name: string): string | undefined;
}

/** What {@link RawSip.request} puts into a request besides what every request has. */
export interface RawRequest {
  method: string;
  uri: string;
  from: string;
  to?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
}

const T1 = 500;

/**
 * SIP spelled out by the test itself over a plain UDP socket on 127.0.0.1: it shares no code with the
 * program under test and none with its libraries, so that both cannot be wrong in the same way.
 */
export class RawSip {
  readonly port: number;
  readonly #socket: Socket;
  readonly #received: RawMessage[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    socket.on('message', (datagram) => this.#received.push(readMessage(datagram.toString('utf8'))));
  }

  /** Opens a socket on a free port. */
  static async open(): Promise<RawSip> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new RawSip(socket);
  }

  /** Every message that came, oldest first. */
  received(): readonly RawMessage[] {
    return this.#received;
  }

  send(text: string, port: number): void {
    this.#socket.send(text, port, '127.0.0.1');
  }

  /** The first message that came and for which `wanted` holds; waits up to `limit` ms for it. */
  async message(what: string, wanted: (message: RawMessage) => boolean, limit = 5_000): Promise<RawMessage> {
    return await until(
      what,
      limit,
      () => this.#received.find(wanted),
      () => this.#received.map((message) => message.text).join('\n---\n'),
    );
  }

  /** Sends a request to `port`, repeats it as UDP asks (RFC 3261 17.1.2), resolves with the final response. */
  async request(request: RawRequest, port: number, limit = 5_000): Promise<RawMessage> {
    const branch = `z9hG4bK${hexToken(systemRandom, 64)}`;
    const text = this.#write(request, branch);
    const answered = (message: RawMessage): boolean =>
      /^SIP\/2\.0 [2-6]/.test(message.startLine) && (message.header('via') ?? '').includes(branch);
    const quiet = new AbortController();
    void this.#repeat(text, port, quiet.signal);
    try {
      return await this.message(`a response to ${request.method} ${request.uri}`, answered, limit);
    } finally {
      quiet.abort();
    }
  }

  /** Answers a request that came from `port`; `status` is `200 OK` or the like. */
  answer(request: RawMessage, port: number, status = '200 OK'): void {
    const copied = request.text.split('\r\n').filter((line) => /^(via|from|to|call-id|cseq):/i.test(line));
    this.send([`SIP/2.0 ${status}`, ...copied, 'Content-Length: 0', '', ''].join('\r\n'), port);
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  async #repeat(text: string, port: number, quiet: AbortSignal): Promise<void> {
    for (let interval = T1; !quiet.aborted; interval = Math.min(2 * interval, 8 * T1)) {
      this.send(text, port);
      // An abort ends the pause by rejecting; there is nothing left to say then.
      await pause(interval, undefined, { signal: quiet }).catch(() => undefined);
    }
  }

  #write(request: RawRequest, branch: string): string {
    const body = request.body ?? '';
    const headers = {
      Via: `SIP/2.0/UDP 127.0.0.1:${this.port};branch=${branch};rport`,
      'Max-Forwards': '70',
      From: `<${request.from}>;tag=${hexToken(systemRandom, 32)}`,
      To: `<${request.to ?? request.uri}>`,
      'Call-ID': hexToken(systemRandom, 64),
      CSeq: `1 ${request.method}`,
      ...request.headers,
      'Content-Length': String(Buffer.byteLength(body)),
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    return [`${request.method} ${request.uri} SIP/2.0`, ...lines, '', body].join('\r\n');
  }
}

function readMessage(text: string): RawMessage {
  const end = text.indexOf('\r\n\r\n');
  const head = (end < 0 ? text : text.slice(0, end)).split('\r\n');
  return {
    text,
    startLine: head[0] ?? '',
    body: end < 0 ? '' : text.slice(end + 4),
    header: (name) => {
      const start = `${name.toLowerCase()}:`;
      return head
        .find((line) => line.toLowerCase().startsWith(start))
        ?.slice(start.length)
        .trim();
    },
  };
}
