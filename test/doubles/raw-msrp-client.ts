import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';

export type RawTransport = 'tcp' | 'tls';

/** One MSRP request or response as it came. */
export interface RawMsrpFrame {
  /** As it came, each byte a character. */
  readonly text: string;
  readonly transactId: string;
  /** Of a request; '' for a response. */
  readonly method: string;
  /** Of a response; 0 for a request. */
  readonly status: number;
  readonly comment: string;
  /** Names in their spelling, in the order they came. */
  readonly headerNames: readonly string[];
  readonly body: Buffer;
  readonly flag: string;
  /** The field of exactly this spelling; '' when there is none. */
  header(name: string): string;
}

const DEADLINE = 3_000;

/**
 * MSRP spelled out by the test over a socket of its own. It shares no code with the program under test, so that both cannot be
 * wrong in the same way, and answers nothing by itself.
 */
export class RawMsrpClient {
  readonly #socket: Socket;
  readonly #frames: RawMsrpFrame[] = [];
  /** Sizes of what came in one read each. */
  readonly reads: number[] = [];
  #text = '';
  #ended = false;
  #closed = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      this.reads.push(bytes.length);
      this.#text += bytes.toString('latin1');
      this.#readFrames();
      this.#wake();
    });
    socket.on('end', () => {
      this.#ended = true;
      this.#wake();
    });
    // A reset is an end like another; what a test waits for tells the difference.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  static async connect(port: number, transport: RawTransport = 'tcp'): Promise<RawMsrpClient> {
    const address = { host: '127.0.0.1', port, allowHalfOpen: true };
    const socket =
      transport === 'tls' ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address);
    await once(socket, transport === 'tls' ? 'secureConnect' : 'connect');
    return new RawMsrpClient(socket);
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /** Resolves when the system took the bytes. */
  async sendBytes(bytes: Buffer | string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** The next request or response in the order they came. */
  async nextFrame(deadline = DEADLINE): Promise<RawMsrpFrame> {
    return await this.#wait('a frame', deadline, () => this.#frames.shift());
  }

  /** The next frame without waiting; undefined when none came. */
  takeFrame(): RawMsrpFrame | undefined {
    return this.#frames.shift();
  }

  /** Resolves when the other side has ended the connection. */
  async waitForEnd(deadline = DEADLINE): Promise<void> {
    await this.#wait('the end of the connection', deadline, () => this.#ended || this.#closed || undefined);
  }

  get ended(): boolean {
    return this.#ended || this.#closed;
  }

  /** Reads nothing any more until {@link resume}. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Says that we send no more, and goes on reading. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  #readFrames(): void {
    for (;;) {
      const transactId = /^MSRP (\S+) /.exec(this.#text)?.[1];
      if (transactId === undefined) return;
      const end = new RegExp(`\r\n-------${transactId.replace(/[.+]/g, '\\$&')}([$+#])\r\n`).exec(this.#text);
      if (end === null) return;
      const text = this.#text.slice(0, end.index + end[0].length);
      this.#text = this.#text.slice(text.length);
      this.#frames.push(readFrame(text, transactId, end.index + 2, end[1] ?? ''));
    }
  }

  async #wait<T>(what: string, deadline: number, look: () => T | undefined): Promise<T> {
    const until = Date.now() + deadline;
    for (let found = look(); ; found = look()) {
      if (found !== undefined) return found;
      if (this.#closed) throw new Error(`the connection was closed before ${what} came`);
      const left = until - Date.now();
      if (left <= 0) throw new Error(`waited ${deadline} ms for ${what}; came so far: ${this.#text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** Waits for connections of the program under test, for its active role. */
export class RawMsrpServer {
  readonly port: number;
  readonly #server: Server;
  readonly #clients: RawMsrpClient[] = [];
  readonly #all: RawMsrpClient[] = [];
  #wake: () => void = () => undefined;

  private constructor(server: Server, transport: RawTransport) {
    this.#server = server;
    const address = server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
    server.on(transport === 'tls' ? 'secureConnection' : 'connection', (socket: Socket) => {
      const client = new RawMsrpClient(socket);
      this.#clients.push(client);
      this.#all.push(client);
      this.#wake();
    });
  }

  static async listen(tls?: { readonly key: string; readonly cert: string }): Promise<RawMsrpServer> {
    const server = tls === undefined ? createServer() : createTlsServer(tls);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RawMsrpServer(server, tls === undefined ? 'tcp' : 'tls');
  }

  get connections(): number {
    return this.#all.length;
  }

  async nextClient(deadline = DEADLINE): Promise<RawMsrpClient> {
    const until = Date.now() + deadline;
    for (;;) {
      const client = this.#clients.shift();
      if (client !== undefined) return client;
      const left = until - Date.now();
      if (left <= 0) throw new Error(`waited ${deadline} ms for a connection`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async close(): Promise<void> {
    for (const client of this.#all) client.close();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }
}

/** A request spelled out: To-Path, From-Path, then `headers`, each a whole line. */
export function msrpRequest(request: {
  readonly transactId: string;
  readonly method?: string;
  readonly to: string;
  readonly from: string;
  readonly headers?: readonly string[];
  readonly body?: Buffer | string;
  readonly flag?: string;
}): Buffer {
  const { transactId, method = 'SEND', to, from, headers = [], body, flag = '$' } = request;
  const head = [`MSRP ${transactId} ${method}`, `To-Path: ${to}`, `From-Path: ${from}`, ...headers, ''].join(
    '\r\n',
  );
  const end = `-------${transactId}${flag}\r\n`;
  if (body === undefined) return Buffer.from(head + end);
  return Buffer.concat([Buffer.from(`${head}\r\n`), Buffer.from(body), Buffer.from(`\r\n${end}`)]);
}

/** The response to a request that came, as a client in order would give it. */
export function msrpResponse(frame: RawMsrpFrame, status: string, own: string): string {
  const back = frame.header('From-Path').split(' ')[0] ?? '';
  return `MSRP ${frame.transactId} ${status}\r\nTo-Path: ${back}\r\nFrom-Path: ${own}\r\n-------${frame.transactId}$\r\n`;
}

/** A REPORT on a message that came. */
export function msrpReport(
  frame: RawMsrpFrame,
  status: string,
  own: string,
  transactId = `r${frame.transactId}`,
): Buffer {
  return msrpRequest({
    transactId,
    method: 'REPORT',
    to: frame.header('From-Path'),
    from: own,
    headers: [
      `Message-ID: ${frame.header('Message-ID')}`,
      `Byte-Range: ${frame.header('Byte-Range')}`,
      `Status: ${status}`,
    ],
  });
}

function readFrame(text: string, transactId: string, end: number, flag: string): RawMsrpFrame {
  const blank = text.indexOf('\r\n\r\n');
  const hasBody = blank !== -1 && blank < end;
  const [startLine = '', ...lines] = text.slice(0, hasBody ? blank : end - 2).split('\r\n');
  const [, , word = '', ...comment] = startLine.split(' ');
  const isResponse = /^\d{3}$/.test(word);
  const headers = lines.map((line) => {
    const [, name = '', value = ''] = /^([^:]+): (.*)$/.exec(line) ?? [];
    return [name, value] as const;
  });
  return {
    text,
    transactId,
    flag,
    method: isResponse ? '' : word,
    status: isResponse ? Number(word) : 0,
    comment: comment.join(' '),
    headerNames: headers.map(([name]) => name),
    header: (name) => headers.find(([each]) => each === name)?.[1] ?? '',
    body: Buffer.from(hasBody ? text.slice(blank + 4, Math.max(blank + 4, end - 2)) : '', 'latin1'),
  };
}
