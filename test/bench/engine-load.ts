import { setTimeout as pause } from 'node:timers/promises';
import { openLoop } from './open-loop.ts';
import type { RawLink, Transport } from './raw-link.ts';

/** What is asked of an engine: texts, or calls that are put down as soon as they are taken. */
export type LoadKind = 'message' | 'call';

/** What became of a load. */
export interface LoadOutcome {
  readonly sent: number;
  /** Texts answered 200; calls of which both INVITE and BYE were. */
  readonly accepted: number;
  /** Answered otherwise, by status. */
  readonly refused: Readonly<Record<string, number>>;
  readonly unanswered: number;
  readonly retransmissions: number;
  /** ms from MESSAGE or INVITE to its 200, of those accepted, in the order they were answered. */
  readonly times: number[];
  /** The same from BYE to its 200. */
  readonly endTimes: number[];
  /** How late the generator was to send, ms. */
  readonly lateness: readonly number[];
}

type Method = 'MESSAGE' | 'INVITE' | 'BYE';

interface Pending {
  readonly method: Method;
  readonly number: number;
  readonly since: number;
  /** Sent again then, and so much later once more, ms (RFC 3261 §17.1); a stream is not repeated. */
  repeatAt: number;
  interval: number;
  text: string;
}

const T1 = 500;
const T2 = 4_000;
/** How often the unanswered are looked through, ms: as exact as a retransmission has to be. */
const LOOK = 50;
/** ms that the last answers are waited for. */
const GIVE_UP = 10_000;
const TEXT = 'a line of text that somebody typed';
const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n';

/**
 * Many requests at once over one socket, each timed. It shares no code with the engine, and does the least per request: on a
 * small machine what it takes is missing there.
 */
export class EngineLoad {
  readonly #link: RawLink;
  readonly #name = Math.random().toString(36).slice(2, 10);
  readonly #marker: string;
  readonly #pending = new Map<string, Pending>();
  #count = 0;
  #accepted = 0;
  #unanswered = 0;
  #retransmissions = 0;
  #refused: Record<string, number> = {};
  #times: number[] = [];
  #endTimes: number[] = [];
  #answered: () => void = () => undefined;

  private constructor(link: RawLink) {
    this.#link = link;
    this.#marker = `branch=z9hG4bK${this.#name}`;
  }

  /** @param open makes the link, which is to give what it reads to the function it gets */
  static async over(
    open: (receive: (text: string, at: number) => void) => Promise<RawLink>,
  ): Promise<EngineLoad> {
    let take: (text: string, at: number) => void = () => undefined;
    const link = await open((text, at) => take(text, at));
    const load = new EngineLoad(link);
    take = (text, at) => load.#take(text, at);
    return load;
  }

  get transport(): Transport {
    return this.#link.transport;
  }

  /** `rate` requests a second for `duration` ms, whatever becomes of them; resolves when the last was answered or given up. */
  async run(kind: LoadKind, rate: number, duration: number): Promise<LoadOutcome> {
    const first = this.#begin();
    const looking = setInterval(() => this.#lookThrough(), LOOK);
    const lateness = await openLoop(rate, duration, () => this.#send(kind));
    const end = performance.now() + GIVE_UP;
    while (this.#pending.size > 0 && performance.now() < end) await pause(5);
    clearInterval(looking);
    return this.#outcome(first, lateness);
  }

  /** The next as soon as one is answered, `window` under way at a time, for `duration` ms. */
  async saturate(kind: LoadKind, window: number, duration: number): Promise<LoadOutcome> {
    const first = this.#begin();
    const looking = setInterval(() => this.#lookThrough(), LOOK);
    const end = performance.now() + duration;
    this.#answered = () => {
      if (performance.now() < end) this.#send(kind);
    };
    for (let i = 0; i < window; i++) this.#send(kind);
    while (this.#pending.size > 0 && performance.now() < end + GIVE_UP) await pause(5);
    this.#answered = () => undefined;
    clearInterval(looking);
    return this.#outcome(first, []);
  }

  async stop(): Promise<void> {
    await this.#link.close();
  }

  #begin(): number {
    this.#accepted = this.#unanswered = this.#retransmissions = 0;
    this.#refused = {};
    this.#times = [];
    this.#endTimes = [];
    return this.#count;
  }

  #outcome(first: number, lateness: readonly number[]): LoadOutcome {
    const unanswered = this.#unanswered + this.#pending.size;
    this.#pending.clear();
    return {
      sent: this.#count - first,
      accepted: this.#accepted,
      refused: this.#refused,
      unanswered,
      retransmissions: this.#retransmissions,
      times: this.#times,
      endTimes: this.#endTimes,
      lateness,
    };
  }

  #send(kind: LoadKind): void {
    const number = ++this.#count;
    if (kind === 'message') this.#request('MESSAGE', number, this.#message(number));
    else this.#request('INVITE', number, this.#invite(number));
  }

  #request(method: Method, number: number, text: string): void {
    const since = performance.now();
    const repeatAt = this.transport === 'udp' ? since + T1 : Infinity;
    this.#pending.set(`${method}${number}`, { method, number, since, repeatAt, interval: 2 * T1, text });
    this.#link.send(text);
  }

  #take(text: string, at: number): void {
    const method = methodIn(text);
    const start = text.indexOf(this.#marker);
    if (method === undefined || start < 0) return;
    const number = Number.parseInt(text.slice(start + this.#marker.length, start + this.#marker.length + 12));
    const status = Number(text.slice(8, 11));
    const pending = this.#pending.get(`${method}${number}`);
    if (status < 200) {
      if (pending !== undefined) pending.repeatAt = method === 'INVITE' ? Infinity : pending.repeatAt;
      return;
    }
    if (method === 'INVITE') this.#acknowledge(number, status, text);
    if (pending === undefined) return;
    this.#pending.delete(`${method}${number}`);
    this.#settle(pending, status, text, at);
  }

  #settle({ method, number, since }: Pending, status: number, text: string, at: number): void {
    if (status >= 300) {
      this.#refused[status] = (this.#refused[status] ?? 0) + 1;
      this.#answered();
    } else if (method === 'INVITE') {
      this.#times.push(at - since);
      this.#request('BYE', number, this.#inCall('BYE', number, 2, text));
    } else {
      (method === 'BYE' ? this.#endTimes : this.#times).push(at - since);
      this.#accepted++;
      this.#answered();
    }
  }

  /** Each time an answer comes: it is repeated when its ACK was lost. */
  #acknowledge(number: number, status: number, answer: string): void {
    if (status < 300) {
      this.#link.send(this.#inCall('ACK', number, 1, answer));
      return;
    }
    const uri = 'sip:alice@example.test';
    const to = lineOf(answer, 'To');
    this.#link.send(this.#head('ACK', uri, `${number}`, number, 1, to) + 'Content-Length: 0\r\n\r\n');
  }

  #lookThrough(): void {
    const now = performance.now();
    for (const [key, pending] of this.#pending) {
      if (now >= pending.since + GIVE_UP) {
        this.#pending.delete(key);
        this.#unanswered++;
        this.#answered();
      } else if (now >= pending.repeatAt) {
        this.#retransmissions++;
        this.#link.send(pending.text);
        pending.repeatAt = now + pending.interval;
        const longest = pending.method === 'INVITE' ? Infinity : T2;
        pending.interval = Math.min(2 * pending.interval, longest);
      }
    }
  }

  #message(number: number): string {
    return (
      this.#head('MESSAGE', 'sip:alice@example.test', `${number}`, number, 1, '<sip:alice@example.test>') +
      `User-Agent: generator\r\nContent-Type: text/plain\r\nContent-Length: ${TEXT.length}\r\n\r\n${TEXT}`
    );
  }

  #invite(number: number): string {
    const contact = `<sip:bob@127.0.0.1:${this.#link.port};transport=${this.transport}>`;
    return (
      this.#head('INVITE', 'sip:alice@example.test', `${number}`, number, 1, '<sip:alice@example.test>') +
      `Contact: ${contact}\r\nContent-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`
    );
  }

  /** ACK and BYE go where the answer to the INVITE says. */
  #inCall(method: 'ACK' | 'BYE', number: number, sequence: number, answer: string): string {
    const contact = lineOf(answer, 'Contact');
    const uri = contact.slice(contact.indexOf('<') + 1, contact.indexOf('>'));
    const head = this.#head(method, uri, `${number}${method}`, number, sequence, lineOf(answer, 'To'));
    return `${head}Content-Length: 0\r\n\r\n`;
  }

  #head(method: string, uri: string, branch: string, number: number, sequence: number, to: string): string {
    return (
      `${method} ${uri} SIP/2.0\r\n` +
      `Via: SIP/2.0/${this.transport.toUpperCase()} 127.0.0.1:${this.#link.port};${this.#marker}${branch};rport\r\n` +
      `Max-Forwards: 70\r\nFrom: <sip:bob@example.test>;tag=${number}\r\nTo: ${to}\r\n` +
      `Call-ID: ${this.#name}-${number}\r\nCSeq: ${sequence} ${method}\r\n`
    );
  }
}

function methodIn(answer: string): Method | undefined {
  if (!answer.startsWith('SIP/2.0 ')) return undefined;
  const method = lineOf(answer, 'CSeq').split(' ', 2)[1];
  return method === 'MESSAGE' || method === 'INVITE' || method === 'BYE' ? method : undefined;
}

function lineOf(message: string, name: string): string {
  const start = message.indexOf(`\r\n${name}: `);
  if (start < 0) return '';
  const from = start + name.length + 4;
  return message.slice(from, message.indexOf('\r\n', from));
}
