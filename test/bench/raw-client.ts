import type { RawLink, Receive, Transport } from './raw-link.ts';
import { openLink } from './raw-link.ts';

/** A final answer, and when it came (ms of the monotonic clock). */
export interface RawAnswer {
  readonly at: number;
  readonly status: number;
  readonly text: string;
}

/** A request, but for what every request has: Via, Max-Forwards, From, To, Call-ID, CSeq, Content-Length. */
export interface RawRequest {
  readonly method: string;
  readonly uri: string;
  /** Default: `uri`, as in a PUBLISH. */
  readonly from?: string;
  /** Further header lines. */
  readonly headers: readonly string[];
  readonly body: string;
}

interface Pending {
  readonly text: string;
  readonly settle: (answer: RawAnswer | undefined) => void;
  readonly since: number;
  /** When it is sent again, and how long after that once more (RFC 3261 §17.1.2.2). */
  repeatAt: number;
  interval: number;
}

const T1 = 500;
const T2 = 4_000;
/** A request without an answer is given up after so many ms. */
const GIVE_UP = 10_000;
/** How often the unanswered are looked through, ms: as exact as a retransmission has to be. */
const LOOK = 50;

/**
 * A SIP client that carries thousands of requests at once over one socket and knows to the microsecond when each was answered.
 * It shares no code with the program measured.
 */
export class RawClient {
  /** Requests sent again because the answer was late (UDP). */
  retransmissions = 0;
  readonly #link: RawLink;
  readonly #pending: Map<string, Pending>;
  readonly #timer: NodeJS.Timeout;
  readonly #name = Math.random().toString(36).slice(2);
  #sent = 0;
  #stopped: Promise<void> | undefined;

  private constructor(link: RawLink, pending: Map<string, Pending>) {
    this.#link = link;
    this.#pending = pending;
    this.#timer = setInterval(() => this.#lookThrough(), LOOK);
  }

  /** Opens it towards a server on 127.0.0.1. Requests that come are answered 200 and given to `onRequest`. */
  static async open(transport: Transport, server: number, onRequest?: Receive): Promise<RawClient> {
    const pending = new Map<string, Pending>();
    const link: RawLink = await openLink(transport, server, (message, at) => {
      if (message.startsWith('SIP/2.0 ')) {
        settle(pending, message, at);
      } else {
        link.send(answerTo(message));
        onRequest?.(message, at);
      }
    });
    return new RawClient(link, pending);
  }

  get port(): number {
    return this.#link.port;
  }

  /** Sends it and resolves with its final answer; undefined when none came. */
  request(request: RawRequest): Promise<RawAnswer | undefined> {
    const number = ++this.#sent;
    const branch = `z9hG4bK${this.#name}${number}`;
    const text = [
      `${request.method} ${request.uri} SIP/2.0`,
      `Via: SIP/2.0/${this.#link.transport.toUpperCase()} 127.0.0.1:${this.port};branch=${branch};rport`,
      'Max-Forwards: 70',
      `From: <${request.from ?? request.uri}>;tag=${number}`,
      `To: <${request.uri}>`,
      `Call-ID: ${this.#name}-${number}`,
      `CSeq: 1 ${request.method}`,
      ...request.headers,
      `Content-Length: ${request.body.length}`,
      '',
      request.body,
    ].join('\r\n');
    return new Promise((resolve) => {
      const since = performance.now();
      const settle = (answer: RawAnswer | undefined): void => {
        this.#pending.delete(branch);
        resolve(answer);
      };
      this.#pending.set(branch, { text, settle, since, repeatAt: since + T1, interval: 2 * T1 });
      this.#link.send(text);
    });
  }

  /** Closes it; whatever is not answered never will be. Asking twice is harmless. */
  stop(): Promise<void> {
    if (this.#stopped === undefined) {
      clearInterval(this.#timer);
      for (const { settle } of [...this.#pending.values()]) settle(undefined);
      this.#stopped = this.#link.close();
    }
    return this.#stopped;
  }

  #lookThrough(): void {
    const now = performance.now();
    for (const pending of [...this.#pending.values()]) {
      if (now >= pending.since + GIVE_UP) {
        pending.settle(undefined);
      } else if (this.#link.transport === 'udp' && now >= pending.repeatAt) {
        this.retransmissions++;
        this.#link.send(pending.text);
        pending.repeatAt = now + pending.interval;
        pending.interval = Math.min(2 * pending.interval, T2);
      }
    }
  }
}

function settle(pending: ReadonlyMap<string, Pending>, text: string, at: number): void {
  const status = Number(text.slice(8, 11));
  const branch = /^Via:[^\r]*;branch=([^;\r,]+)/im.exec(text)?.[1];
  if (status < 200 || branch === undefined) return;
  pending.get(branch)?.settle({ at, status, text });
}

function answerTo(request: string): string {
  const head = request.slice(0, request.indexOf('\r\n\r\n')).split('\r\n');
  const copied = head.filter((line) => /^(via|from|to|call-id|cseq|record-route):/i.test(line));
  return ['SIP/2.0 200 OK', ...copied, 'Content-Length: 0', '', ''].join('\r\n');
}

/** A header's value in a message, without looking further than the first. */
export function headerOf(message: string, name: string): string | undefined {
  return new RegExp(`^${name}: *([^\\r]*)`, 'im').exec(message)?.[1];
}
