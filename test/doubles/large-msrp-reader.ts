import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { msrpRequest } from './raw-msrp-client.ts';

const OWN = 'msrp://127.0.0.1:9/largereader;tcp';

/** A peer that counts large messages instead of keeping them, and answers and reports each of their chunks. */
export class LargeMsrpReader {
  readonly #socket: Socket;
  readonly #answers: boolean;
  /** Message-IDs of the whole messages that came, in their order. */
  readonly messages: string[] = [];
  bytes = 0;
  #head = '';
  /** Of the chunk that comes: its answer, what is missing of it, and whether it ends a message. */
  #answer = '';
  #missing = 0;
  #last = false;
  #messageId = '';
  #wake: () => void = () => undefined;

  private constructor(socket: Socket, answers: boolean) {
    this.#socket = socket;
    this.#answers = answers;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', () => undefined);
  }

  /** Connects to where `uri` says and binds its session. */
  static async bound(uri: string, options: { answers?: boolean } = {}): Promise<LargeMsrpReader> {
    const port = Number(/:(\d+)\//.exec(uri)?.[1]);
    const secure = uri.startsWith('msrps:');
    const address = { host: '127.0.0.1', port };
    const socket = secure ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address);
    await once(socket, secure ? 'secureConnect' : 'connect');
    await bind(socket, uri);
    return new LargeMsrpReader(socket, options.answers !== false);
  }

  /** Binds one more session over the connection; nothing else may come meanwhile. */
  async share(uri: string): Promise<void> {
    this.#socket.removeAllListeners('data');
    await bind(this.#socket, uri);
    this.#socket.on('data', (bytes: Buffer) => this.#read(bytes));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Answers the chunk that came last. */
  answer(): void {
    this.#socket.write(this.#answer);
  }

  async waitFor(messages: number): Promise<void> {
    while (this.messages.length < messages) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #read(bytes: Buffer): void {
    this.bytes += bytes.length;
    for (let rest = bytes; rest.length > 0;) {
      if (this.#missing === 0) rest = this.#readHead(rest);
      const part = Math.min(this.#missing, rest.length);
      rest = rest.subarray(part);
      this.#missing -= part;
      if (part === 0 || this.#missing > 0) continue;
      if (this.#last) this.messages.push(this.#messageId);
      if (this.#answers) this.answer();
      this.#wake();
    }
  }

  /** What follows the head, or nothing when more of it is to come. */
  #readHead(bytes: Buffer): Buffer {
    const before = this.#head.length;
    this.#head += bytes.subarray(0, 2_000).toString('latin1');
    const blank = this.#head.indexOf('\r\n\r\n');
    if (blank === -1) return bytes.subarray(bytes.length);
    const head = this.#head.slice(0, blank + 2);
    this.#head = '';
    const field = (name: string): string => new RegExp(`\r\n${name}: (.*)\r\n`).exec(head)?.[1] ?? '';
    const transactId = head.split(' ')[1] ?? '';
    const [start, end, total] = field('Byte-Range').split(/[-/]/).map(Number);
    this.#last = end === total;
    this.#messageId = field('Message-ID');
    this.#missing = (end ?? 0) - (start ?? 1) + 1 + `\r\n-------${transactId}$\r\n`.length;
    const paths = `To-Path: ${field('From-Path')}\r\nFrom-Path: ${OWN}\r\n`;
    const report = `Message-ID: ${this.#messageId}\r\nByte-Range: ${field('Byte-Range')}\r\nStatus: 000 200 OK\r\n`;
    this.#answer =
      `MSRP ${transactId} 200 OK\r\n${paths}-------${transactId}$\r\n` +
      `MSRP r${transactId} REPORT\r\n${paths}${report}-------r${transactId}$\r\n`;
    return bytes.subarray(blank + 4 - before);
  }
}

async function bind(socket: Socket, uri: string): Promise<void> {
  const headers = ['Message-ID: bind', 'Byte-Range: 1-0/0'];
  socket.write(msrpRequest({ transactId: 'bind0001', to: uri, from: OWN, headers }));
  await once(socket, 'data');
}
