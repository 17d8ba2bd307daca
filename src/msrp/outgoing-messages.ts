import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { hexToken } from '../core/random.ts';
import type { Outcome, OutgoingLink } from './delivery.ts';
import { Delivery } from './delivery.ts';
import { SendFailed, SendQueueFull, SendTimedOut, SessionClosed } from './errors.ts';
import type { MsrpResponse, RequestHead } from './frame.ts';
import type { MsrpLimits } from './limits.ts';
import { abortingChunk, messageChunk } from './outgoing-chunks.ts';
import type { OutgoingMessage } from './session.ts';

/** A request without its response. */
interface Transaction {
  readonly outgoing: Delivery;
  readonly link: OutgoingLink;
  /** Counts in the window: it went out since the last {@link OutgoingMessages.redirect}. */
  counts: boolean;
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
  /** Where the session is bound now; undefined while it is not. */
  readonly link: () => OutgoingLink | undefined;
}

/** RFC 4975 §7.1.2: Status = namespace SP status-code [SP comment]; namespace 000 is MSRP's own. */
const STATUS = /^000 (\d{3})(?: (.*))?$/;

/** RFC 4975 §10.7: the peer knows no such session. Nothing more needs to be said in it. */
const NO_SUCH_SESSION = 481;

/**
 * The messages of ours in one session. Each is
 *
 *   waiting ──window──> in flight ──200 to each chunk──> answered ──report of success, or none in time──> delivered
 *                          │ │                              └── report of failure ──> failed
 *                          │ └── report of success, before its 200 ──> delivered
 *                          └── other response, report of failure, neither in 30 s ──> failed, `#` if it was not complete
 *
 * Messages go out one after the other, each as one chunk and one write unless it is longer than `chunkOver`: widespread clients
 * break on more. The 30 s of RFC 4975 §7.1.1 begin when the system took the last byte of a chunk: a peer that reads slowly
 * answers late, and one that reads nothing loses the connection.
 */
export class OutgoingMessages {
  readonly #options: OutgoingMessagesOptions;
  #toPath: string;
  #relayed: boolean;
  #waiting: Delivery[] = [];
  /** Some of its chunks went out, or it failed there and its `#` is still to come. */
  #current: Delivery | undefined;
  /** Begun and not settled. */
  readonly #open = new Set<Delivery>();
  readonly #transactions = new Map<string, Transaction>();
  #inFlight = 0;
  /** Undefined until the first message was answered: does this peer report at all? */
  #peerReports: boolean | undefined;
  #started = false;
  #held = false;
  #ended: string | undefined;

  constructor(options: OutgoingMessagesOptions) {
    this.#options = options;
    this.#toPath = options.toPath;
    this.#relayed = options.relayed;
  }

  /** The session is bound; nothing goes out before. */
  start(): void {
    this.#started = true;
    this.#fillWindow();
  }

  /** Nothing goes out while held, not even the rest of a message or its `#`. */
  hold(held: boolean): void {
    this.#held = held;
    this.#fillWindow();
  }

  /** The connection is not full any more. */
  proceed(): void {
    this.#fillWindow();
  }

  /**
   * The peer goes on from elsewhere: what goes out from the next {@link start} takes the new path. Whole messages without an
   * answer may still get it over the former connection, until {@link lose}; a message half sent begins anew.
   */
  redirect(toPath: string, relayed: boolean): void {
    this.#toPath = toPath;
    this.#relayed = relayed;
    for (const outgoing of this.#open) outgoing.reportIsDue ||= this.#peerReports === true;
    this.#peerReports = undefined;
    this.#started = false;
    this.#inFlight = 0;
    for (const transaction of this.#transactions.values()) transaction.counts = false;
    const half = this.#current;
    this.#current = undefined;
    if (half === undefined || half.settled) return;
    half.settle();
    this.#open.delete(half);
    this.#waiting.unshift(this.#delivery(half.messageId, half.message, half.outcome));
  }

  /** A former connection closed. What went over it and was not delivered for sure is rejected. */
  lose(link: OutgoingLink, why: string): void {
    for (const [transactId, transaction] of [...this.#transactions]) {
      if (transaction.link === link) this.#finish(transactId, transaction);
    }
    for (const outgoing of [...this.#open]) {
      if (outgoing.link === link) this.#close(outgoing, why);
    }
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
      this.#waiting.push(this.#delivery(messageId, message, { resolve, reject }));
      this.#fillWindow();
    });
  }

  /** A response to one of ours; responses to anything else are ignored. */
  onResponse({ transactId, status, comment }: MsrpResponse): void {
    const transaction = this.#transactions.get(transactId);
    if (transaction === undefined) return;
    this.#finish(transactId, transaction);
    const { outgoing } = transaction;
    if (status !== 200) this.#fail(outgoing, new SendFailed(status, comment));
    else if (outgoing.complete && outgoing.unanswered === 0) this.#answered(outgoing);
    this.#fillWindow();
  }

  /** A report on one of ours, which may overtake the response. */
  onReport({ headers }: RequestHead): void {
    const [, status, comment = ''] = STATUS.exec(headers.get('status') ?? '') ?? [];
    if (status === undefined) return;
    this.#peerReports = true;
    const messageId = headers.get('message-id');
    const outgoing = [...this.#open].find((each) => each.messageId === messageId);
    if (outgoing === undefined) return;
    if (status === '200') {
      outgoing.report(headers.get('byte-range') ?? '');
      if (outgoing.isReported) this.#deliver(outgoing);
    } else {
      this.#fail(outgoing, new SendFailed(Number(status), comment));
    }
    this.#fillWindow();
  }

  /** What was not delivered for sure is rejected. */
  end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    this.#current = undefined;
    for (const [transactId, transaction] of [...this.#transactions]) this.#finish(transactId, transaction);
    for (const outgoing of [...this.#open]) this.#close(outgoing, why);
    for (const { outcome } of this.#waiting) outcome.reject(new SessionClosed(why));
    this.#waiting = [];
  }

  #delivery(messageId: string, message: OutgoingMessage, outcome: Outcome): Delivery {
    return new Delivery(messageId, message, outcome, this.#options.limits);
  }

  get #maySend(): boolean {
    return this.#started && !this.#held && this.#ended === undefined;
  }

  #fillWindow(): void {
    while (this.#maySend && this.#inFlight < this.#options.limits.window) {
      const link = this.#options.link();
      if (link === undefined || link.isFull) return;
      this.#current ??= this.#waiting.shift();
      if (this.#current === undefined) return;
      this.#launch(this.#current, link);
    }
  }

  /** The next chunk of a message; the `#` of one that failed half-way. */
  #launch(outgoing: Delivery, link: OutgoingLink): void {
    const { random, fromPath } = this.#options;
    const { messageId, message, sent } = outgoing;
    const whole = { toPath: this.#toPath, fromPath, messageId, message };
    const chunk = outgoing.settled
      ? abortingChunk(whole, sent, random)
      : messageChunk(whole, sent, outgoing.chunkLength, random);
    if (!outgoing.settled) {
      outgoing.sent = chunk.end;
      outgoing.complete = chunk.end === message.content.length;
      outgoing.link = link;
      outgoing.reportIsDue = this.#relayed;
      this.#open.add(outgoing);
    }
    if (outgoing.settled || outgoing.complete) this.#current = undefined;
    const transaction: Transaction = { outgoing, link, counts: true };
    outgoing.unanswered++;
    this.#inFlight++;
    this.#transactions.set(chunk.transactId, transaction);
    link.write(chunk.bytes, () => this.#awaitResponse(chunk.transactId, transaction));
  }

  /** The response may have come before the system's word on the last byte. */
  #awaitResponse(transactId: string, transaction: Transaction): void {
    if (this.#transactions.get(transactId) !== transaction) return;
    const { clock, limits } = this.#options;
    transaction.timer = clock.after(limits.responseTimeout, () => {
      this.#finish(transactId, transaction);
      this.#fail(transaction.outgoing, new SendTimedOut(limits.responseTimeout));
      this.#fillWindow();
    });
  }

  #finish(transactId: string, transaction: Transaction): void {
    this.#transactions.delete(transactId);
    transaction.timer?.cancel();
    transaction.outgoing.unanswered--;
    if (transaction.counts) this.#inFlight--;
  }

  /** A peer that never reports must not cost every message the whole wait. */
  #answered(outgoing: Delivery): void {
    if (outgoing.settled) return;
    if (outgoing.isReported) {
      this.#deliver(outgoing);
      return;
    }
    const { clock, limits } = this.#options;
    outgoing.answered = true;
    const wanted = outgoing.wantsReport;
    const wait = wanted && this.#peerReports !== false ? limits.reportWait : limits.silentReportWait;
    outgoing.timer = clock.after(wait, () => {
      // Where the peer was before it moved says nothing of where it is.
      if (wanted && outgoing.link === this.#options.link()) this.#peerReports ??= false;
      this.#deliver(outgoing);
    });
  }

  #close(outgoing: Delivery, why: string): void {
    if (outgoing === this.#current) this.#current = undefined;
    const reportIsDue = outgoing.wantsReport && (outgoing.reportIsDue || this.#peerReports === true);
    if (outgoing.answered && !reportIsDue) this.#deliver(outgoing);
    else this.#fail(outgoing, new SessionClosed(why));
  }

  #deliver(outgoing: Delivery): void {
    if (!outgoing.settle()) return;
    this.#open.delete(outgoing);
    outgoing.outcome.resolve();
  }

  /** RFC 4975 §10.5: after a refusal no more of the message is sent. */
  #fail(outgoing: Delivery, error: Error): void {
    if (!outgoing.settle()) return;
    this.#open.delete(outgoing);
    outgoing.outcome.reject(error);
    const needless = error instanceof SendFailed && error.status === NO_SUCH_SESSION;
    if (outgoing === this.#current && needless) this.#current = undefined;
  }
}
