import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { wholeByteRange } from './byte-range.ts';
import { SendFailed, SendQueueFull, SendTimedOut, SessionClosed } from './errors.ts';
import type { MsrpResponse, RequestHead } from './frame.ts';
import type { MsrpLimits } from './limits.ts';
import { serializeRequest } from './serializer.ts';
import type { OutgoingMessage } from './session.ts';

interface Outgoing {
  readonly messageId: string;
  readonly message: OutgoingMessage;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** The peer answered 200; a report may still come. */
  answered: boolean;
  timer?: Timer;
}

export interface OutgoingMessagesOptions {
  readonly toPath: string;
  readonly fromPath: string;
  /** The peer's path leads over relays, so that a 200 is the relay's. */
  readonly relayed: boolean;
  readonly limits: MsrpLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly write: (bytes: Buffer) => void;
}

/** RFC 4975 §7.1.2: Status = namespace SP status-code [SP comment]; namespace 000 is MSRP's own. */
const STATUS = /^000 (\d{3})(?: (.*))?$/;

/**
 * The messages of ours in one session. Each is
 *
 *   waiting ──window──> in flight ──200──> answered ──report of success, or none in time──> delivered
 *                          │ │                └── report of failure ──> failed
 *                          │ └── report of success, before its 200 ──> delivered
 *                          └── other response, report of failure, neither in 30 s ──> failed
 *
 * One chunk and one write a message: widespread clients break on more.
 */
export class OutgoingMessages {
  readonly #options: OutgoingMessagesOptions;
  #waiting: Outgoing[] = [];
  /** In flight and answered, by transact-id. */
  readonly #sent = new Map<string, Outgoing>();
  #inFlight = 0;
  /** Undefined until the first message was answered: does this peer report at all? */
  #peerReports: boolean | undefined;
  #started = false;
  #held = false;
  #ended: string | undefined;

  constructor(options: OutgoingMessagesOptions) {
    this.#options = options;
  }

  /** The session is bound; nothing goes out before. */
  start(): void {
    this.#started = true;
    this.#fillWindow();
  }

  /** Nothing new goes out while held. */
  hold(held: boolean): void {
    this.#held = held;
    this.#fillWindow();
  }

  /** @throws SendFailed, SendTimedOut, SessionClosed, SendQueueFull */
  send(message: OutgoingMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(new SessionClosed(this.#ended));
        return;
      }
      if (this.#waiting.length >= this.#options.limits.sendQueue) {
        reject(new SendQueueFull(this.#options.limits.sendQueue));
        return;
      }
      const messageId = message.messageId ?? hexToken(this.#options.random, 96);
      this.#waiting.push({ messageId, message, resolve, reject, answered: false });
      this.#fillWindow();
    });
  }

  /** A response to one of ours; responses to anything else are ignored. */
  onResponse({ transactId, status, comment }: MsrpResponse): void {
    const outgoing = this.#sent.get(transactId);
    if (outgoing === undefined || outgoing.answered) return;
    outgoing.timer?.cancel();
    if (status === 200) this.#awaitReport(transactId, outgoing);
    else this.#settle(transactId, new SendFailed(status, comment));
    this.#fillWindow();
  }

  /** A report on one of ours, which may overtake the response. Its Byte-Range is not looked at: some clients count characters. */
  onReport({ headers }: RequestHead): void {
    const [, status, comment = ''] = STATUS.exec(headers.get('status') ?? '') ?? [];
    if (status === undefined) return;
    this.#peerReports = true;
    const messageId = headers.get('message-id');
    for (const [transactId, outgoing] of this.#sent) {
      if (outgoing.messageId !== messageId) continue;
      this.#settle(transactId, status === '200' ? undefined : new SendFailed(Number(status), comment));
      this.#fillWindow();
      return;
    }
  }

  /** What was not delivered for sure is rejected. */
  end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    for (const [transactId, outgoing] of [...this.#sent]) {
      const delivered = outgoing.answered && !this.#reportIsDue(outgoing);
      this.#settle(transactId, delivered ? undefined : new SessionClosed(why));
    }
    for (const { reject } of this.#waiting) reject(new SessionClosed(why));
    this.#waiting = [];
  }

  /** A 200 of a peer that reports, or of a relay, is not the last word. */
  #reportIsDue({ message }: Outgoing): boolean {
    return message.successReport !== false && (this.#peerReports === true || this.#options.relayed);
  }

  get #maySend(): boolean {
    return this.#started && !this.#held && this.#ended === undefined;
  }

  #fillWindow(): void {
    while (this.#maySend && this.#inFlight < this.#options.limits.window) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#launch(next);
    }
  }

  #launch(outgoing: Outgoing): void {
    const { clock, random, limits, toPath, fromPath, write } = this.#options;
    const { content, contentType, successReport } = outgoing.message;
    const transactId = unusedTransactId(random, content);
    this.#sent.set(transactId, outgoing);
    this.#inFlight++;
    outgoing.timer = clock.after(limits.responseTimeout, () => {
      this.#settle(transactId, new SendTimedOut(limits.responseTimeout));
      this.#fillWindow();
    });
    write(
      serializeRequest({
        transactId,
        method: 'SEND',
        headers: [
          ['To-Path', toPath],
          ['From-Path', fromPath],
          ['Message-ID', outgoing.messageId],
          ...(successReport === false ? [] : ([['Success-Report', 'yes']] as const)),
          ['Byte-Range', wholeByteRange(content.length)],
          ['Content-Type', contentType],
        ],
        body: content,
      }),
    );
  }

  /** A peer that never reports must not cost every message the whole wait. */
  #awaitReport(transactId: string, outgoing: Outgoing): void {
    const { clock, limits } = this.#options;
    outgoing.answered = true;
    this.#inFlight--;
    const wanted = outgoing.message.successReport !== false;
    const wait = wanted && this.#peerReports !== false ? limits.reportWait : limits.silentReportWait;
    outgoing.timer = clock.after(wait, () => {
      if (wanted) this.#peerReports ??= false;
      this.#settle(transactId);
    });
  }

  #settle(transactId: string, failure?: Error): void {
    const outgoing = this.#sent.get(transactId);
    if (outgoing === undefined) return;
    this.#sent.delete(transactId);
    outgoing.timer?.cancel();
    if (!outgoing.answered) this.#inFlight--;
    if (failure === undefined) outgoing.resolve();
    else outgoing.reject(failure);
  }
}

/** RFC 4975 §7.1: the end-line must not stand in the body. */
function unusedTransactId(random: Random, content: Buffer): string {
  for (;;) {
    const transactId = hexToken(random, 64);
    if (!content.includes(`-------${transactId}`, 0, 'latin1')) return transactId;
  }
}
