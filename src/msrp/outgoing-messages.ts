import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import { formatByteRange } from './byte-range.ts';
import { SendFailed, SendTimedOut, SessionClosed } from './errors.ts';
import type { MsrpResponse, RequestHead } from './frame.ts';
import type { MsrpLimits } from './limits.ts';
import { serializeRequest } from './serializer.ts';
import type { OutgoingMessage } from './session.ts';

interface Outgoing {
  readonly messageId: string;
  readonly message: OutgoingMessage;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  timer?: Timer;
}

export interface OutgoingMessagesOptions {
  readonly toPath: string;
  readonly fromPath: string;
  readonly limits: MsrpLimits;
  readonly clock: Clock;
  readonly random: Random;
  write(bytes: Buffer): void;
}

/**
 * The messages of ours in one session. Each is
 *
 *   waiting ──window──> in flight ──200──> reported? ──report of success, or none in time──> delivered
 *                            │                 └── report of failure ──> failed
 *                            └── other response, none in 30 s ──> failed
 *
 * One chunk and one write a message: widespread clients break on more.
 */
export class OutgoingMessages {
  readonly #options: OutgoingMessagesOptions;
  #waiting: Outgoing[] = [];
  readonly #inFlight = new Map<string, Outgoing>();
  readonly #reported = new Map<string, Outgoing>();
  /** Undefined until the first message was answered: does this peer report at all? */
  #peerReports: boolean | undefined;
  #ended: string | undefined;

  constructor(options: OutgoingMessagesOptions) {
    this.#options = options;
  }

  /** @throws SendFailed, SendTimedOut, SessionClosed */
  send(message: OutgoingMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(new SessionClosed(this.#ended));
        return;
      }
      if (this.#waiting.length >= this.#options.limits.sendQueue) {
        reject(new SessionClosed('too many messages wait'));
        return;
      }
      const messageId = message.messageId ?? hexToken(this.#options.random, 96);
      this.#waiting.push({ messageId, message, resolve, reject });
      this.#fillWindow();
    });
  }

  /** A response to one of ours; responses to anything else are ignored. */
  onResponse({ transactId, status, comment }: MsrpResponse): void {
    const outgoing = this.#inFlight.get(transactId);
    if (outgoing === undefined) return;
    this.#inFlight.delete(transactId);
    outgoing.timer?.cancel();
    if (status !== 200) outgoing.reject(new SendFailed(status, comment));
    else if (outgoing.message.successReport === false || this.#peerReports === false) outgoing.resolve();
    else this.#awaitReport(outgoing);
    this.#fillWindow();
  }

  /** RFC 4975 §7.1.2: Status = namespace SP status-code [SP comment]; namespace 000 is MSRP's own. */
  onReport({ headers }: RequestHead): void {
    const messageId = headers.get('message-id') ?? '';
    const [, status = '', comment = ''] = /^000 (\d{3})(?: (.*))?$/.exec(headers.get('status') ?? '') ?? [];
    if (status === '') return;
    this.#peerReports = true;
    const settle = (outgoing: Outgoing): void => {
      outgoing.timer?.cancel();
      if (status === '200') outgoing.resolve();
      else outgoing.reject(new SendFailed(Number(status), comment));
    };
    const reported = this.#reported.get(messageId);
    if (reported !== undefined) {
      this.#reported.delete(messageId);
      settle(reported);
      return;
    }
    // A report may overtake the response; one of failure says all there is to say.
    for (const [transactId, outgoing] of this.#inFlight) {
      if (outgoing.messageId !== messageId || status === '200') continue;
      this.#inFlight.delete(transactId);
      settle(outgoing);
      this.#fillWindow();
      return;
    }
  }

  end(why: string): void {
    this.#ended = why;
    const open = [...this.#waiting, ...this.#inFlight.values()];
    // Answered 200 already: without its session no report can say otherwise.
    const answered = [...this.#reported.values()];
    this.#waiting = [];
    this.#inFlight.clear();
    this.#reported.clear();
    for (const outgoing of [...open, ...answered]) outgoing.timer?.cancel();
    for (const outgoing of answered) outgoing.resolve();
    for (const outgoing of open) outgoing.reject(new SessionClosed(why));
  }

  #fillWindow(): void {
    while (this.#ended === undefined && this.#inFlight.size < this.#options.limits.window) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#launch(next);
    }
  }

  #launch(outgoing: Outgoing): void {
    const { clock, random, limits, toPath, fromPath, write } = this.#options;
    const { content, contentType, successReport } = outgoing.message;
    const transactId = unusedTransactId(random, content);
    this.#inFlight.set(transactId, outgoing);
    outgoing.timer = clock.after(limits.responseTimeout, () => {
      this.#inFlight.delete(transactId);
      outgoing.reject(new SendTimedOut(limits.responseTimeout));
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
          ['Byte-Range', formatByteRange({ start: 1, end: content.length, total: content.length })],
          ['Content-Type', contentType],
        ],
        body: content,
      }),
    );
  }

  #awaitReport(outgoing: Outgoing): void {
    const { clock, limits } = this.#options;
    this.#reported.set(outgoing.messageId, outgoing);
    outgoing.timer = clock.after(limits.reportWait, () => {
      this.#reported.delete(outgoing.messageId);
      this.#peerReports ??= false;
      outgoing.resolve();
    });
  }
}

/** RFC 4975 §7.1: the end-line must not stand in the body. */
function unusedTransactId(random: Random, content: Buffer): string {
  for (;;) {
    const transactId = hexToken(random, 64);
    if (!content.includes(`-------${transactId}`, 0, 'latin1')) return transactId;
  }
}
