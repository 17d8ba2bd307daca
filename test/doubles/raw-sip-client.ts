import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { WebSocket } from 'ws';

export type RawProtocol = 'udp' | 'tcp' | 'tls' | 'ws';

/** One SIP message as it came. */
export interface RawMessage {
  readonly bytes: Buffer;
  readonly text: string;
  /** `SIP/2.0 200 OK` or `MESSAGE sip:… SIP/2.0`. */
  readonly startLine: string;
  /** Of a response; 0 for a request. */
  readonly status: number;
  /** Of a request; '' for a response. */
  readonly method: string;
  readonly body: Buffer;
  /** The first field of this name, in any case; '' when there is none. */
  header(name: string): string;
  headers(name: string): string[];
}

/**
 * SIP spelled out by the test over a socket of its own. It shares no code with the program under test, so that both
 * cannot be wrong in the same way.
 */
export class RawSipClient {
  readonly protocol: RawProtocol;
  readonly #target: number;
  #udp: UdpSocket | undefined;
  #tcp: Socket | undefined;
  #webSocket: WebSocket | undefined;
  #server: Server | undefined;
  #port = 0;
  readonly #sockets = new Set<Socket>();
  #stream: Buffer = Buffer.alloc(0);
  readonly #queue: RawMessage[] = [];
  readonly #all: RawMessage[] = [];
  #wake: () => void = () => undefined;

  private constructor(protocol: RawProtocol, target: number) {
    this.protocol = protocol;
    this.#target = target;
  }

  /** A client of the server at `port` on 127.0.0.1: a UDP socket, a TCP or TLS connection, or a WebSocket (RFC 7118); `own`: UDP port to take. */
  static async connect(protocol: RawProtocol, port: number, own = 0): Promise<RawSipClient> {
    const client = new RawSipClient(protocol, port);
    if (protocol === 'udp') {
      await client.#bind(own);
    } else if (protocol === 'ws') {
      await client.#openWebSocket();
    } else {
      const secure = protocol === 'tls';
      const address = { port, host: '127.0.0.1' };
      const socket = secure ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address);
      await once(socket, secure ? 'secureConnect' : 'connect');
      client.#take(socket);
      client.#port = socket.localPort ?? 0;
    }
    return client;
  }

  /** Waits for one TCP connection on a free port, over TLS with key and certificate; what is sent goes over it. */
  static async listen(tls?: { readonly key: string; readonly cert: string }): Promise<RawSipClient> {
    const client = new RawSipClient(tls === undefined ? 'tcp' : 'tls', 0);
    const take = (socket: Socket): void => client.#take(socket);
    const server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    client.#server = server;
    client.#port = typeof address === 'object' && address !== null ? address.port : 0;
    return client;
  }

  /** What stands in Via: a browser does not know its address (RFC 7118 §5). */
  get sentBy(): string {
    return this.protocol === 'ws' ? `raw${this.#port}.invalid` : `127.0.0.1:${this.#port}`;
  }

  /** Our own port. */
  get port(): number {
    return this.#port;
  }

  /** How many were made or taken. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Every message that came, taken or not. */
  get received(): readonly RawMessage[] {
    return this.#all;
  }

  send(message: string | Buffer): void {
    const bytes = typeof message === 'string' ? Buffer.from(message) : message;
    if (this.#udp !== undefined) this.#udp.send(bytes, this.#target, '127.0.0.1');
    else if (this.#webSocket !== undefined) this.#webSocket.send(bytes.toString());
    else this.#tcp?.write(bytes);
  }

  /** Takes the first message that came, or comes within `deadline` ms, for which `predicate` holds. */
  async nextMessage(
    predicate: (message: RawMessage) => boolean = () => true,
    deadline = 3_000,
  ): Promise<RawMessage> {
    const end = Date.now() + deadline;
    for (;;) {
      const index = this.#queue.findIndex(predicate);
      const [found] = index < 0 ? [] : this.#queue.splice(index, 1);
      if (found !== undefined) return found;
      const left = end - Date.now();
      if (left <= 0) {
        const seen = this.#queue.map(({ startLine }) => startLine).join('; ');
        throw new Error(`no such message within ${deadline} ms; untaken: ${seen === '' ? 'none' : seen}`);
      }
      await new Promise<void>((resolve) => {
        const timeout = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timeout);
          resolve();
        };
      });
    }
  }

  /** Ends a connection; resolves once the server has ended it too. */
  async disconnect(): Promise<void> {
    if (this.#webSocket !== undefined) {
      this.#webSocket.close();
      await once(this.#webSocket, 'close');
    }
    if (this.#tcp === undefined) return;
    this.#tcp.end();
    await once(this.#tcp, 'close');
  }

  async close(): Promise<void> {
    if (this.#udp !== undefined) {
      this.#udp.close();
      await once(this.#udp, 'close');
    }
    for (const socket of this.#sockets) socket.destroy();
    this.#webSocket?.terminate();
    if (this.#server !== undefined) {
      this.#server.close();
      await once(this.#server, 'close');
    }
  }

  async #bind(own: number): Promise<void> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    socket.bind(own, '127.0.0.1');
    await once(socket, 'listening');
    socket.on('message', (datagram) => this.#arrived(datagram));
    this.#udp = socket;
    this.#port = socket.address().port;
  }

  async #openWebSocket(): Promise<void> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.#target}`, 'sip');
    socket.once('upgrade', (response) => (this.#port = response.socket.localPort ?? 0));
    await once(socket, 'open');
    socket.on('error', () => undefined);
    socket.on('message', (content: Buffer) => this.#arrived(content));
    this.#webSocket = socket;
  }

  #take(socket: Socket): void {
    this.#tcp = socket;
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    // A server that hangs up is the test's business, seen by what no longer comes.
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      this.#stream = Buffer.concat([this.#stream, chunk]);
      for (let whole = this.#cut(); whole !== undefined; whole = this.#cut()) this.#arrived(whole);
    });
  }

  #cut(): Buffer | undefined {
    const end = this.#stream.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const head = this.#stream.toString('latin1', 0, end);
    const length = Number(/^content-length:\s*(\d+)/im.exec(head)?.[1] ?? 0);
    if (this.#stream.length < end + 4 + length) return undefined;
    const whole = this.#stream.subarray(0, end + 4 + length);
    this.#stream = this.#stream.subarray(end + 4 + length);
    return whole;
  }

  #arrived(bytes: Buffer): void {
    const message = readRawMessage(bytes);
    this.#queue.push(message);
    this.#all.push(message);
    this.#wake();
  }
}

function readRawMessage(bytes: Buffer): RawMessage {
  const end = bytes.indexOf('\r\n\r\n');
  const lines = bytes.toString('utf8', 0, end < 0 ? bytes.length : end).split('\r\n');
  const startLine = lines[0] ?? '';
  const headers = (name: string): string[] =>
    lines
      .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
      .map((line) => line.slice(name.length + 1).trim());
  return {
    bytes,
    text: bytes.toString('utf8'),
    startLine,
    status: Number(/^SIP\/2\.0 (\d{3})/.exec(startLine)?.[1] ?? 0),
    method: /^(\S+) \S+ SIP\/2\.0$/.exec(startLine)?.[1] ?? '',
    body: end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 4),
    header: (name) => headers(name)[0] ?? '',
    headers,
  };
}

/** Matches a response of this status, to this method when one is given. */
export function isResponse(status: number, method?: string): (message: RawMessage) => boolean {
  return (message) =>
    message.status === status && (method === undefined || message.header('CSeq').endsWith(` ${method}`));
}

/** Matches a request of this method. */
export function isRequest(method: string): (message: RawMessage) => boolean {
  return (message) => message.method === method;
}

let count = 0;

/** A word no other message of this process has. */
export function uniqueWord(): string {
  return `${process.pid.toString(36)}x${(count++).toString(36)}x${Date.now().toString(36)}`;
}

export interface RawRequestParts {
  readonly method: string;
  readonly uri: string;
  readonly client: RawSipClient;
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly branch?: string;
  readonly headers?: readonly string[];
  readonly body?: string | Buffer;
}

/** The bytes of a request: what every one has, and what the test gives. */
export function rawRequest(parts: RawRequestParts): Buffer {
  const { method, uri, client, headers = [], body = '' } = parts;
  const bodyBytes = typeof body === 'string' ? Buffer.from(body) : body;
  const branch = parts.branch ?? `z9hG4bK${uniqueWord()}`;
  const head = [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/${client.protocol.toUpperCase()} ${client.sentBy};branch=${branch};rport`,
    'Max-Forwards: 70',
    `From: ${parts.from ?? `<sip:caller@example.test>;tag=${uniqueWord()}`}`,
    `To: ${parts.to ?? `<${uri}>`}`,
    `Call-ID: ${parts.callId ?? uniqueWord()}`,
    `CSeq: ${parts.cseq ?? 1} ${method}`,
    ...headers,
    `Content-Length: ${bodyBytes.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), bodyBytes]);
}

/** A Contact header that leads to `client`. */
export function contactOf(client: RawSipClient): string {
  const transport = client.protocol === 'udp' ? '' : `;transport=${client.protocol}`;
  return `Contact: <sip:peer@${client.sentBy}${transport}>`;
}

/** The bytes of a response to a request that came. */
export function rawResponse(
  request: RawMessage,
  status: number,
  reason: string,
  extra: { readonly tag?: string; readonly headers?: readonly string[]; readonly body?: string } = {},
): Buffer {
  const { tag, headers = [], body = '' } = extra;
  const to = request.header('To');
  const head = [
    `SIP/2.0 ${status} ${reason}`,
    ...request.headers('Via').map((via) => `Via: ${via}`),
    ...request.headers('Record-Route').map((route) => `Record-Route: ${route}`),
    `From: ${request.header('From')}`,
    `To: ${tag === undefined || to.includes('tag=') ? to : `${to};tag=${tag}`}`,
    `Call-ID: ${request.header('Call-ID')}`,
    `CSeq: ${request.header('CSeq')}`,
    ...headers,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** An ACK or a request within the dialog that a 2xx to `invite` made. */
export function rawInDialog(
  client: RawSipClient,
  method: string,
  dialog: { readonly request: RawMessage | Buffer; readonly response: RawMessage },
  cseq: number,
  more: { readonly headers?: readonly string[]; readonly body?: string } = {},
): Buffer {
  const { response } = dialog;
  const contact = /<([^>]+)>/.exec(response.header('Contact'))?.[1] ?? 'sip:nobody@invalid';
  return rawRequest({
    method,
    uri: contact,
    client,
    from: response.header('From'),
    to: response.header('To'),
    callId: response.header('Call-ID'),
    cseq,
    ...more,
  });
}
