import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { hexToken, systemRandom } from '../../src/core/random.ts';

/** A SIP message taken apart by hand: the phone shares no code with the program under test. */
export interface PhoneMessage {
  readonly startLine: string;
  readonly body: string;
  readonly text: string;
  header(name: string): string | undefined;
  headers(name: string): string[];
}

/** Sees every message: `out` as sent, `in` as received. */
export type Trace = (direction: 'in' | 'out', text: string) => void;

export interface PhoneOptions {
  /** `sip:alice@example.test` */
  readonly address: string;
  /** Display name in From. */
  readonly name?: string;
  /** UDP port of the proxy or mailbox on 127.0.0.1. */
  readonly server: number;
  readonly trace?: Trace;
}

/** A dialog of the phone's own making. */
export interface PhoneDialog {
  readonly callId: string;
  readonly answer: PhoneMessage;
  /** Sends a request in the dialog and resolves with its final response. */
  request(method: string, headers?: Readonly<Record<string, string>>, body?: string): Promise<PhoneMessage>;
  /** The next request the peer sends in the dialog with this method. */
  next(method: string, deadline?: number): Promise<PhoneMessage>;
}

const T1 = 500;
const DEADLINE = 10_000;

interface Waiter {
  readonly wanted: (message: PhoneMessage) => boolean;
  readonly resolve: (message: PhoneMessage) => void;
}

/** A phone in a few lines over UDP on loopback: it calls, texts, subscribes, and answers 200 to what it is sent. */
export class SipPhone {
  readonly #options: PhoneOptions;
  readonly #socket: Socket;
  readonly #received: PhoneMessage[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #answered = new Map<string, string>();
  #cseq = 0;
  /** What it answers to a request of the network; 200 unless a test says otherwise. */
  answerTo: (request: PhoneMessage) => string = () => '200 OK';

  private constructor(options: PhoneOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    socket.on('message', (datagram, { port }) => this.#receive(datagram.toString('utf8'), port));
  }

  static async open(options: PhoneOptions): Promise<SipPhone> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new SipPhone(options, socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  get contact(): string {
    return `<sip:${this.#user}@127.0.0.1:${this.port}>`;
  }

  get #user(): string {
    return this.#options.address.replace(/^sip:|@.*$/g, '');
  }

  /** Everything that came, oldest first; a request sent again by the network is there once. */
  get received(): readonly PhoneMessage[] {
    return this.#received;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  /** Sends a request outside of any dialog and resolves with its final response. */
  async request(
    method: string,
    to: string,
    headers: Readonly<Record<string, string>> = {},
    body = '',
  ): Promise<PhoneMessage> {
    const { text, branch } = this.#write(method, to, this.#opening(method, to, headers), body);
    return await this.#transact(method, text, branch);
  }

  /** A text in pager mode. */
  async message(
    to: string,
    text: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<PhoneMessage> {
    return await this.request('MESSAGE', to, { 'Content-Type': 'text/plain', ...headers }, text);
  }

  /** INVITE or SUBSCRIBE: a request that opens a dialog when it is answered 2xx. @throws Error on another answer */
  async dialog(
    method: 'INVITE' | 'SUBSCRIBE',
    to: string,
    headers: Readonly<Record<string, string>> = {},
    body = '',
  ): Promise<PhoneDialog> {
    const opening = this.#opening(method, to, { Contact: this.contact, ...headers });
    const { text, branch } = this.#write(method, to, opening, body);
    const answer = await this.#transact(method, text, branch);
    if (!answer.startLine.startsWith('SIP/2.0 2')) throw new Error(`${method} ${to}: ${answer.startLine}`);
    return this.#established(method, opening, answer);
  }

  /** The first message, old or new, for which `wanted` holds. */
  async waitFor(
    what: string,
    wanted: (message: PhoneMessage) => boolean,
    deadline = DEADLINE,
  ): Promise<PhoneMessage> {
    const there = this.#received.find(wanted);
    if (there !== undefined) return there;
    return await new Promise((resolve, reject) => {
      const waiter: Waiter = {
        wanted,
        resolve: (message) => {
          clearTimeout(timer);
          resolve(message);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const seen = this.#received.map(({ text }) => text).join('\n---\n');
        reject(new Error(`${this.#options.address} waited ${deadline} ms for ${what}; it saw:\n${seen}`));
      }, deadline);
      this.#waiters.add(waiter);
    });
  }

  #established(method: string, opening: Readonly<Record<string, string>>, answer: PhoneMessage): PhoneDialog {
    const callId = opening['Call-ID'] ?? '';
    const target = /<([^>]+)>/.exec(answer.header('Contact') ?? '')?.[1] ?? '';
    const routes = answer.headers('Record-Route').reverse();
    const inDialog = (headers: Readonly<Record<string, string>>): Record<string, string> => ({
      From: opening['From'] ?? '',
      To: answer.header('To') ?? '',
      'Call-ID': callId,
      ...(routes.length === 0 ? {} : { Route: routes.join(', ') }),
      ...headers,
    });
    if (method === 'INVITE') {
      const cseq = `${/\d+/.exec(answer.header('CSeq') ?? '')?.[0] ?? '1'} ACK`;
      this.#send(this.#write('ACK', target, { ...inDialog({}), CSeq: cseq }, '').text);
    }
    let taken = 0;
    return {
      callId,
      answer,
      request: async (inner, headers = {}, body = '') => {
        const { text, branch } = this.#write(
          inner,
          target,
          inDialog({ Contact: this.contact, ...headers }),
          body,
        );
        return await this.#transact(inner, text, branch);
      },
      next: async (inner, deadline) => {
        const message = await this.waitFor(
          `${inner} in the dialog`,
          (candidate) =>
            candidate.startLine.startsWith(`${inner} `) &&
            candidate.header('Call-ID') === callId &&
            this.#received.indexOf(candidate) >= taken,
          deadline,
        );
        taken = this.#received.indexOf(message) + 1;
        return message;
      },
    };
  }

  #opening(method: string, to: string, headers: Readonly<Record<string, string>>): Record<string, string> {
    const name = this.#options.name === undefined ? '' : `"${this.#options.name}" `;
    return {
      From: `${name}<${this.#options.address}>;tag=${hexToken(systemRandom, 32)}`,
      To: `<${to}>`,
      'Call-ID': hexToken(systemRandom, 64),
      CSeq: `${++this.#cseq} ${method}`,
      ...headers,
    };
  }

  #write(
    method: string,
    uri: string,
    headers: Readonly<Record<string, string>>,
    body: string,
  ): { text: string; branch: string } {
    const branch = `z9hG4bK${hexToken(systemRandom, 64)}`;
    const all = {
      Via: `SIP/2.0/UDP 127.0.0.1:${this.port};branch=${branch};rport`,
      'Max-Forwards': '70',
      CSeq: `${++this.#cseq} ${method}`,
      ...headers,
      'Content-Length': String(Buffer.byteLength(body)),
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    return { text: [`${method} ${uri} SIP/2.0`, ...lines, '', body].join('\r\n'), branch };
  }

  /** RFC 3261 §17.1: a request over UDP is repeated until it is answered. */
  async #transact(method: string, text: string, branch: string): Promise<PhoneMessage> {
    let interval = T1;
    let timer: NodeJS.Timeout | undefined;
    const repeat = (): void => {
      this.#send(text);
      timer = setTimeout(repeat, interval);
      interval = Math.min(2 * interval, 8 * T1);
    };
    repeat();
    const ours = (message: PhoneMessage): boolean => (message.header('Via') ?? '').includes(branch);
    try {
      const answer = await this.waitFor(
        `the answer to ${method}`,
        (message) => /^SIP\/2\.0 [2-6]/.test(message.startLine) && ours(message),
      );
      if (method === 'INVITE' && !answer.startLine.startsWith('SIP/2.0 2')) this.#acknowledge(text, answer);
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }

  /** RFC 3261 §17.1.1.3: the ACK to a refusal belongs to the INVITE's transaction. */
  #acknowledge(invite: string, answer: PhoneMessage): void {
    const kept = invite.split('\r\n').filter((line) => /^(via|max-forwards|from|call-id):/i.test(line));
    const uri = invite.split(' ')[1] ?? '';
    const cseq = (/^CSeq: (\d+)/im.exec(invite)?.[1] ?? '1') + ' ACK';
    const lines = [`ACK ${uri} SIP/2.0`, ...kept, `To: ${answer.header('To') ?? ''}`, `CSeq: ${cseq}`];
    this.#send([...lines, 'Content-Length: 0', '', ''].join('\r\n'));
  }

  #send(text: string, port = this.#options.server): void {
    this.#options.trace?.('out', text);
    this.#socket.send(text, port, '127.0.0.1');
  }

  #receive(text: string, port: number): void {
    if (text.trim() === '') return;
    const message = readMessage(text);
    const key = `${message.startLine} ${message.header('Via') ?? ''}`;
    const repeated = this.#answered.get(key);
    if (repeated !== undefined) {
      this.#send(repeated, port);
      return;
    }
    this.#options.trace?.('in', text);
    if (!message.startLine.startsWith('SIP/2.0') && !message.startLine.startsWith('ACK ')) {
      const answer = this.#answer(message);
      this.#answered.set(key, answer);
      this.#send(answer, port);
    }
    this.#received.push(message);
    for (const waiter of this.#waiters) {
      if (!waiter.wanted(message)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(message);
    }
  }

  #answer(request: PhoneMessage): string {
    const copied = request.text
      .slice(0, request.text.indexOf('\r\n\r\n'))
      .split('\r\n')
      .filter((line) => /^(via|from|to|call-id|cseq|record-route):/i.test(line))
      .map((line) => (/^to:/i.test(line) && !line.includes(';tag=') ? `${line};tag=${this.#user}` : line));
    const lines = [`SIP/2.0 ${this.answerTo(request)}`, ...copied, `Contact: ${this.contact}`];
    return [...lines, 'Content-Length: 0', '', ''].join('\r\n');
  }
}

function readMessage(text: string): PhoneMessage {
  const end = text.indexOf('\r\n\r\n');
  const [startLine = '', ...lines] = (end < 0 ? text : text.slice(0, end)).split('\r\n');
  const headers = (name: string): string[] =>
    lines.flatMap((line) => {
      const colon = line.indexOf(':');
      return line.slice(0, colon).trim().toLowerCase() === name.toLowerCase()
        ? [line.slice(colon + 1).trim()]
        : [];
    });
  return {
    startLine,
    body: end < 0 ? '' : text.slice(end + 4),
    text,
    headers,
    header: (name) => headers(name)[0],
  };
}
