import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** What a talker found. */
export interface Talk {
  /** ms from each message to its 200. */
  readonly times: readonly number[];
  readonly unaccepted: number;
}

/** Messages in flight of one talker, as clients have at most. */
const WINDOW = 10;

/** An MSRP client that sends one message again and again as fast as it is answered, and answers 200 to what comes. */
export class MsrpTalker {
  readonly #socket: Socket;
  readonly #own: string;
  readonly #remote: string;
  readonly #body: Buffer;
  #text = '';
  #next = 0;
  readonly #sentAt = new Map<string, number>();
  readonly #times: number[] = [];
  #unaccepted = 0;
  #until = 0;
  #failed: Error | undefined;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket, own: string, remote: string, body: Buffer) {
    this.#socket = socket;
    this.#own = own;
    this.#remote = remote;
    this.#body = body;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  /** Connects to where `remote` says and binds the session. @param own our path, as in the offer */
  static async open(own: string, remote: string, body: Buffer): Promise<MsrpTalker> {
    const address = { host: '127.0.0.1', port: Number(/:(\d+)\//.exec(remote)?.[1]) };
    const secure = remote.startsWith('msrps:');
    const socket = secure ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address);
    await once(socket, secure ? 'secureConnect' : 'connect');
    const talker = new MsrpTalker(socket, own, remote, body);
    talker.#sentAt.set('bind', performance.now());
    const paths = `To-Path: ${remote}\r\nFrom-Path: ${own}\r\n`;
    socket.write(`MSRP bind SEND\r\n${paths}Message-ID: bind\r\nByte-Range: 1-0/0\r\n-------bind$\r\n`);
    await talker.#idle();
    return talker;
  }

  /** Sends for `duration` ms, and resolves when all was answered. */
  async talk(duration: number): Promise<Talk> {
    this.#times.length = 0;
    this.#unaccepted = 0;
    this.#until = performance.now() + duration;
    this.#socket.cork();
    for (let i = 0; i < WINDOW; i++) this.#send(performance.now());
    this.#socket.uncork();
    await this.#idle();
    return { times: [...this.#times], unaccepted: this.#unaccepted };
  }

  stop(): Promise<void> {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
    return Promise.resolve();
  }

  async #idle(): Promise<void> {
    while (this.#sentAt.size > 0 && this.#failed === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failed !== undefined) throw this.#failed;
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#wake();
  }

  #send(now: number): void {
    const transactId = `talk${this.#next++}`;
    const length = this.#body.length;
    this.#sentAt.set(transactId, now);
    this.#socket.write(
      `MSRP ${transactId} SEND\r\nTo-Path: ${this.#remote}\r\nFrom-Path: ${this.#own}\r\n` +
        `Message-ID: m${transactId}\r\nByte-Range: 1-${length}/${length}\r\nContent-Type: text/plain\r\n\r\n`,
      'latin1',
    );
    this.#socket.write(this.#body);
    this.#socket.write(`\r\n-------${transactId}$\r\n`, 'latin1');
  }

  /** What a read brings is answered in one write. */
  #read(bytes: Buffer): void {
    const now = performance.now();
    this.#text += bytes.toString('latin1');
    this.#socket.cork();
    for (let frame = this.#frame(); frame !== undefined; frame = this.#frame()) this.#take(frame, now);
    this.#socket.uncork();
    if (this.#sentAt.size === 0) this.#wake();
  }

  #take(frame: string, now: number): void {
    const [, transactId = '', word = ''] = frame.split(/[ \r]/, 3);
    if (word === 'SEND') {
      const from = /\r\nFrom-Path: (\S+)/.exec(frame)?.[1] ?? '';
      this.#socket.write(
        `MSRP ${transactId} 200 OK\r\nTo-Path: ${from}\r\nFrom-Path: ${this.#own}\r\n-------${transactId}$\r\n`,
      );
      return;
    }
    const sentAt = this.#sentAt.get(transactId);
    if (sentAt === undefined) return;
    this.#sentAt.delete(transactId);
    if (word === '200') this.#times.push(now - sentAt);
    else this.#unaccepted++;
    if (now < this.#until) this.#send(now);
  }

  #frame(): string | undefined {
    const transactId = this.#text.slice(5, this.#text.indexOf(' ', 5));
    const endLine = `\r\n-------${transactId}$\r\n`;
    const end = this.#text.indexOf(endLine);
    if (transactId === '' || end === -1) return undefined;
    const frame = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + endLine.length);
    return frame;
  }
}
