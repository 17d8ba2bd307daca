import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { hexToken, systemRandom } from '../../src/core/random.ts';
import type { Trace } from './sip-phone.ts';

/** A message of the peer, whole. */
export interface ChatMessage {
  readonly messageId: string;
  readonly contentType: string;
  readonly body: string;
}

/** What became of a message we sent: the status of its response, and of its report when one came. */
export interface ChatReceipt {
  readonly status: number;
}

export interface ChatOptions {
  readonly trace?: Trace;
  /** What is answered to a SEND: 200 unless a test says otherwise, '' for no answer at all. */
  readonly answerTo?: (message: ChatMessage) => string;
}

const DEADLINE = 10_000;

interface Frame {
  readonly transactId: string;
  readonly method: string;
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  readonly flag: string;
  readonly text: string;
}

/**
 * An MSRP client of a few lines (RFC 4975), active side, for tests and the demo: it knows whole messages in one chunk, and
 * shares no code with the program under test.
 */
export class MsrpChat {
  readonly path: string;
  readonly #socket: Socket;
  readonly #remote: string;
  readonly #trace: Trace | undefined;
  #buffer = '';
  readonly #frames: Frame[] = [];
  readonly #wakers = new Set<() => void>();
  readonly #answerTo: (message: ChatMessage) => string;
  #closed = false;

  private constructor(socket: Socket, path: string, remote: string, options: ChatOptions) {
    this.#socket = socket;
    this.path = path;
    this.#remote = remote;
    this.#trace = options.trace;
    this.#answerTo = options.answerTo ?? (() => '200 OK');
    socket.setEncoding('utf8');
    socket.on('data', (data: string) => this.#receive(data));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      for (const wake of this.#wakers) wake();
    });
  }

  /** A path for our SDP, before there is a connection: nothing listens there, we are the active side. */
  static localPath(scheme: 'msrp' | 'msrps' = 'msrp'): string {
    return `${scheme}://127.0.0.1:9/${hexToken(systemRandom, 80)};tcp`;
  }

  /** Connects to the peer's path and binds the session with an empty SEND. */
  static async open(local: string, remote: string, options: ChatOptions = {}): Promise<MsrpChat> {
    const match = /^(msrps?):\/\/([^:/]+):(\d+)\//.exec(remote);
    if (match?.[3] === undefined) throw new Error(`not an MSRP path: ${remote}`);
    const address = { host: match[2] ?? '', port: Number(match[3]) };
    const secure = match[1] === 'msrps';
    const socket = secure ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address);
    await once(socket, secure ? 'secureConnect' : 'connect');
    const chat = new MsrpChat(socket, local, remote, options);
    await chat.send('', '');
    return chat;
  }

  /** The other side of a connection that was made to us; the peer binds the session. */
  static over(socket: Socket, local: string, remote: string, options: ChatOptions = {}): MsrpChat {
    return new MsrpChat(socket, local, remote, options);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The messages the peer sent so far; empty SENDs are none. */
  messages(): ChatMessage[] {
    return this.#frames.flatMap((frame) =>
      frame.method === 'SEND' && frame.body !== '' ? [readMessage(frame)] : [],
    );
  }

  /** The REPORTs the peer sent so far, as they came. */
  reports(): string[] {
    return this.#frames.flatMap((frame) => (frame.method === 'REPORT' ? [frame.text] : []));
  }

  /** Sends one message in one chunk; resolves with its response. */
  async send(contentType: string, body: string, headers: readonly string[] = []): Promise<ChatReceipt> {
    const transactId = hexToken(systemRandom, 64);
    const length = Buffer.byteLength(body);
    const lines = [
      `MSRP ${transactId} SEND`,
      `To-Path: ${this.#remote}`,
      `From-Path: ${this.path}`,
      `Message-ID: ${hexToken(systemRandom, 64)}`,
      ...headers,
      `Byte-Range: ${length === 0 ? '1-0/0' : `1-${length}/${length}`}`,
    ];
    const content = length === 0 ? [] : [`Content-Type: ${contentType}`, '', body];
    this.#write([...lines, ...content, `-------${transactId}$`, ''].join('\r\n'));
    const response = await this.#wait(`the response to ${transactId}`, () =>
      this.#frames.find((frame) => frame.method === '' && frame.transactId === transactId),
    );
    return { status: response.status };
  }

  /** Sends bytes as they are. */
  raw(text: string): void {
    this.#write(text);
  }

  /** Resolves with the first `count` messages. */
  async waitForMessages(count: number): Promise<ChatMessage[]> {
    return await this.#wait(`${count} messages`, () => {
      const messages = this.messages();
      return messages.length >= count ? messages.slice(0, count) : undefined;
    });
  }

  /** Resolves when the peer has closed the connection. */
  async waitForClose(): Promise<void> {
    await this.#wait('the end of the connection', () => (this.#closed ? true : undefined));
  }

  close(): void {
    this.#socket.destroy();
  }

  #write(text: string): void {
    this.#trace?.('out', text);
    this.#socket.write(text);
  }

  #receive(data: string): void {
    this.#buffer += data;
    for (;;) {
      const transactId = /^MSRP (\S+) /.exec(this.#buffer)?.[1];
      if (transactId === undefined) return;
      const end = new RegExp(`-------${transactId.replace(/[.+]/g, '\\$&')}([$+#])\r\n`).exec(this.#buffer);
      if (end === null) return;
      const text = this.#buffer.slice(0, end.index + end[0].length);
      this.#buffer = this.#buffer.slice(text.length);
      this.#take(readFrame(text, transactId, end[1] ?? '$', end.index));
    }
  }

  #take(frame: Frame): void {
    this.#trace?.('in', frame.text);
    if (frame.method === 'SEND') {
      const status = this.#answerTo(readMessage(frame));
      if (status !== '') this.#respond(frame, status);
      if (status.startsWith('200') && frame.headers.get('success-report') === 'yes') this.#report(frame);
    }
    this.#frames.push(frame);
    for (const wake of this.#wakers) wake();
  }

  #respond(frame: Frame, status: string): void {
    const from = (frame.headers.get('from-path') ?? '').split(' ')[0] ?? '';
    const lines = [`MSRP ${frame.transactId} ${status}`, `To-Path: ${from}`, `From-Path: ${this.path}`];
    this.#write([...lines, `-------${frame.transactId}$`, ''].join('\r\n'));
  }

  #report(frame: Frame): void {
    const transactId = hexToken(systemRandom, 64);
    const lines = [
      `MSRP ${transactId} REPORT`,
      `To-Path: ${frame.headers.get('from-path') ?? ''}`,
      `From-Path: ${this.path}`,
      `Message-ID: ${frame.headers.get('message-id') ?? ''}`,
      `Byte-Range: ${frame.headers.get('byte-range') ?? ''}`,
      'Status: 000 200 OK',
    ];
    this.#write([...lines, `-------${transactId}$`, ''].join('\r\n'));
  }

  async #wait<T>(what: string, look: () => T | undefined): Promise<T> {
    return await new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#wakers.delete(check);
      };
      const check = (): void => {
        const found = look();
        if (found !== undefined) {
          finish();
          resolve(found);
        } else if (this.#closed) {
          finish();
          reject(new Error(`the connection ended before ${what}`));
        }
      };
      const timer = setTimeout(() => {
        finish();
        reject(
          new Error(
            `waited ${DEADLINE} ms for ${what}; saw ${this.#frames.map(({ text }) => text).join('\n')}`,
          ),
        );
      }, DEADLINE);
      this.#wakers.add(check);
      check();
    });
  }
}

function readFrame(text: string, transactId: string, flag: string, end: number): Frame {
  const blank = text.indexOf('\r\n\r\n');
  const hasBody = blank !== -1 && blank < end;
  const [startLine = '', ...lines] = text.slice(0, hasBody ? blank : end).split('\r\n');
  const word = startLine.split(' ')[2] ?? '';
  const isResponse = /^\d{3}$/.test(word);
  return {
    transactId,
    flag,
    text,
    method: isResponse ? '' : word,
    status: isResponse ? Number(word) : 0,
    headers: new Map(
      lines.flatMap((line) => {
        const colon = line.indexOf(':');
        return colon === -1
          ? []
          : [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const];
      }),
    ),
    body: hasBody ? text.slice(blank + 4, end - 2) : '',
  };
}

function readMessage(frame: Frame): ChatMessage {
  return {
    messageId: frame.headers.get('message-id') ?? '',
    contentType: frame.headers.get('content-type') ?? '',
    body: frame.body,
  };
}

/** An offer of one MSRP chat (RFC 4975 §8). */
export function chatOffer(
  path: string,
  options: { readonly acceptTypes?: string; readonly setup?: string } = {},
): string {
  const secure = path.startsWith('msrps:');
  return [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    `m=message 9 ${secure ? 'TCP/TLS/MSRP' : 'TCP/MSRP'} *`,
    `a=accept-types:${options.acceptTypes ?? 'message/cpim text/plain'}`,
    'a=accept-wrapped-types:text/plain text/html',
    `a=path:${path}`,
    `a=setup:${options.setup ?? 'active'}`,
    '',
  ].join('\r\n');
}

/** The a=path of an answer. */
export function pathOf(sdp: string): string {
  return /^a=path:(.+?)\r?$/m.exec(sdp)?.[1] ?? '';
}
