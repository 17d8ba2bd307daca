import type { Timer } from '../../core/clock.ts';
import type { Dialog } from '../dialog/dialog.ts';
import type { SipRequest, SipResponse } from '../message/sip-message.ts';
import { cancellationOf } from '../transaction/client-transaction.ts';
import { responseTo } from '../transaction/response-to.ts';
import { Attempt } from './attempt.ts';
import type { AttemptJudge } from './attempt.ts';
import type { Departure, Outcome } from './departures.ts';
import { departures, undeliverable } from './departures.ts';
import { SENDING_LIMITS } from './limits.ts';
import type { Order } from './order.ts';
import { RequestNotices } from './request-notices.ts';
import { retryAfterOf } from './retry-after.ts';
import { SilenceWatch } from './silence-watch.ts';
import type { Surroundings } from './surroundings.ts';

/** What becomes of responses, apart from being shown to the application. */
export interface ResponseJudge {
  /**
   * A response to `outgoing`. Returns the dialog it belongs to, or 'silent' for one the application is not to see.
   */
  judge(outgoing: OutgoingRequest, response: SipResponse): Dialog | 'silent' | undefined;
  /** The final response was shown; told of every request, once. */
  finished(outgoing: OutgoingRequest, response: SipResponse): void;
}

/**
 * One request on its way out, until its final response is shown; over one way after the other (RFC 3263 §4.3):
 *
 * - A way that cannot be taken or breaks, and a 503, send it by the next one at once.
 * - A way that is silent for 16·T1 is left to itself: the request goes by the next one too, with the same Call-ID and CSeq,
 *   so that who gets both can tell (§8.2.2.2). It is not repeated on the old way, whose answer still counts. Sooner or later
 *   than that is worse: before, a server that is only slow gets its 100 out (RFC 4320 §4.1); after 64·T1 the one who has
 *   the first copy has forgotten it, and takes the second for another text.
 * - A provisional response ends the search; after it only a 503 moves a request on.
 * - 64·T1 after its start a request is over, however many ways there were, unless a callee rings.
 */
export class OutgoingRequest implements AttemptJudge {
  readonly id: string;
  readonly order: Order;
  /** Callees of a fork that came second, by their tags: what is done when their 2xx comes again. */
  readonly forks = new Map<string, () => void>();
  readonly #surroundings: Surroundings;
  readonly #judge: ResponseJudge;
  readonly #notices: RequestNotices;
  readonly #ways: AsyncGenerator<Departure, void, Outcome | undefined>;
  readonly #startedAt: number;
  /** In the order they were begun. */
  readonly #attempts: Attempt[] = [];
  /** The one the response shown last came by, or else the last one begun. */
  #current: Attempt | undefined;
  /** A final response that is shown when no better one comes. */
  #held: { readonly attempt: Attempt; readonly response: SipResponse } | undefined;
  /** The next way is being looked for. */
  #searching = false;
  /** One that was found and is not needed for now. */
  #spare: Departure | undefined;
  /** There is none left. */
  #exhausted = false;
  /** Several ways had 64·T1 together. */
  #late = false;
  /** Somebody may have it and has not said so. */
  #ambiguous = false;
  #pause: Timer | undefined;
  readonly #silence: SilenceWatch;
  #end: Timer | undefined;
  #final = false;
  #closed = false;
  #cancel: 'none' | 'wanted' | 'sent' = 'none';
  /** What the CANCEL says beside what it must. */
  #cancelFields: readonly (readonly [name: string, value: string])[] = [];

  constructor(order: Order, surroundings: Surroundings, judge: ResponseJudge) {
    this.id = surroundings.identifiers.next();
    this.order = order;
    this.#surroundings = surroundings;
    this.#judge = judge;
    this.#notices = new RequestNotices(this.id, order, surroundings);
    this.#silence = new SilenceWatch(surroundings, (attempt) => this.#fellSilent(attempt));
    this.#startedAt = surroundings.clock.now();
    this.#ways = departures(surroundings, order.journey);
  }

  /** Its final response was shown. */
  get settled(): boolean {
    return this.#final;
  }

  /** The request as it was sent last, or as the response shown answers it. */
  get request(): SipRequest | undefined {
    return this.#current?.departure.request;
  }

  get departure(): Departure | undefined {
    return this.#current?.departure;
  }

  /** Sends it the first way that can be taken, or else answers it 503. */
  async start(): Promise<void> {
    await this.#next();
  }

  /** The engine closes: no response made here is shown any more. */
  abandon(): void {
    this.#closed = true;
    this.#stopTimers();
  }

  /**
   * RFC 3261 §9.1. Returns the CANCEL, which waits for a provisional response; undefined when it comes too late.
   * @param fields what it says beside, such as Reason
   */
  cancel(fields: readonly (readonly [name: string, value: string])[] = []): SipRequest | undefined {
    if (this.#final || this.order.method !== 'INVITE') return undefined;
    if (this.#cancel === 'none') {
      this.#cancel = 'wanted';
      this.#cancelFields = fields;
      this.#silence.end();
      for (const attempt of this.#attempts) if (attempt.proceeding) this.#sendCancel(attempt);
    }
    return cancellationOf(this.#asSent(), this.#cancelFields);
  }

  responded(attempt: Attempt, response: SipResponse): void {
    const { setbacks } = this.#surroundings;
    const { remote } = attempt.departure.flow;
    if (response.status === 503) {
      setbacks.failed(remote, { kind: 'overloaded', ...retryAfterOf(response) });
    } else setbacks.answered(remote);
    if (response.status < 200) this.#progressed(attempt, response);
    else if (response.status < 300) this.#settle(attempt, response);
    else if (!this.#final) this.#refused(attempt, response);
  }

  timedOut(attempt: Attempt): void {
    if (this.#final) return;
    this.#ambiguous = true;
    if (attempt.answered) {
      // A callee that rings for ever is told that nobody waits any more (§16.8).
      if (this.order.method === 'INVITE') attempt.cancel(this.#cancelFields);
    } else {
      this.#surroundings.setbacks.failed(attempt.departure.flow.remote, { kind: 'unreachable' });
    }
    this.#conclude();
  }

  failed(attempt: Attempt): void {
    if (this.#final) return;
    this.#surroundings.setbacks.failed(attempt.departure.flow.remote, { kind: 'unreachable' });
    if (attempt.answered || this.#cancel !== 'none') this.#conclude();
    else this.#moveOn('failed');
  }

  /** A provisional response: who gave it has the request. */
  #progressed(attempt: Attempt, response: SipResponse): void {
    if (this.#final) {
      // Nobody waits for this call any more: another way led to an answer, or none did in time.
      if (this.order.method === 'INVITE') attempt.cancel();
      return;
    }
    this.#silence.end();
    if (this.#cancel !== 'none') this.#sendCancel(attempt);
    this.#show(response, attempt);
  }

  /** A final response that may not be the last word. */
  #refused(attempt: Attempt, response: SipResponse): void {
    if (attempt === this.#attempts.at(-1)) this.#silence.end();
    if (this.#held === undefined || this.#held.response.status === 503) this.#held = { attempt, response };
    if (response.status === 503 && this.#cancel === 'none') {
      this.#moveOn('refused');
      return;
    }
    if (this.#cancel === 'none' && this.#mayBeBettered(attempt, response)) this.#conclude();
    else this.#settle(attempt, response);
  }

  /**
   * Whether a refusal waits for the answers of other ways (§16.7 step 6): for that of who rings, and of the one we went on to
   * from this one. One that was silent is waited for where it may have had a text that would be sent again after this
   * refusal, and where the copy that went before is what it complains of.
   */
  #mayBeBettered(attempt: Attempt, response: SipResponse): boolean {
    const others = this.#attempts.filter((each) => each !== attempt && !each.over);
    const last = this.#attempts.at(-1);
    const delivers = this.order.method === 'MESSAGE' && response.status !== 401 && response.status !== 407;
    const waitsForAll = delivers || this.#isOfCopy(response);
    return others.some((each) => waitsForAll || each.answered || each === last);
  }

  /** 482 (§8.2.2.2); within a dialog a CSeq number that came already is 500 (§12.2.2). */
  #isOfCopy({ status }: SipResponse): boolean {
    return status === 482 || (status === 500 && this.order.dialog !== undefined);
  }

  #moveOn(outcome: Outcome): void {
    if (this.#exhausted || this.#searching || this.#left() <= 0) {
      this.#conclude();
      return;
    }
    this.#next(outcome).catch(() => {
      this.#searching = false;
      this.#exhausted = true;
      this.#conclude();
    });
  }

  /** How long the request may go on, ms. */
  #left(): number {
    const { clock, timers } = this.#surroundings;
    return this.#startedAt + 64 * timers.t1 - clock.now();
  }

  async #next(outcome?: Outcome): Promise<void> {
    this.#searching = true;
    const spare = this.#spare;
    this.#spare = undefined;
    const found =
      spare === undefined ? await this.#ways.next(outcome) : { done: false as const, value: spare };
    this.#searching = false;
    if (this.#closed || this.#final) return;
    if (found.done === true) {
      this.#exhausted = true;
      // Those that were left to themselves are what is left.
      for (const attempt of this.#attempts) attempt.mute(false);
      if (this.#notices.due) this.#goNowhere();
      else this.#conclude();
    } else if (this.#cancel !== 'none') {
      this.#exhausted = true;
      this.#notices.sent(found.value);
      this.#conclude();
    } else if (outcome === 'silent' && this.#attempts.some((each) => each.answered && !each.over)) {
      // Who was silent has spoken meanwhile.
      this.#spare = found.value;
    } else {
      this.#begin(found.value);
    }
  }

  #goNowhere(): void {
    const { clock } = this.#surroundings;
    this.#notices.sent(undefined);
    this.#pause = clock.after(SENDING_LIMITS.localResponsePause, () => this.#conclude());
  }

  #begin(departure: Departure): void {
    const { clock, transactions } = this.#surroundings;
    for (const earlier of this.#attempts) earlier.mute(true);
    const attempt = new Attempt(departure, transactions, this);
    if (this.#attempts.length === 1)
      this.#end = clock.after(Math.max(0, this.#left()), () => this.#endsNow());
    this.#attempts.push(attempt);
    this.#current = attempt;
    this.#notices.sent(departure);
    this.#silence.end();
    if (departure.more && this.#left() > this.#silence.length) this.#silence.begin(attempt);
    attempt.start();
  }

  #fellSilent(attempt: Attempt): void {
    this.#ambiguous = true;
    this.#surroundings.setbacks.failed(attempt.departure.flow.remote, { kind: 'unreachable' });
    const held = this.#held;
    // One that we gave up before has answered meanwhile.
    if (held === undefined || held.response.status === 503) this.#moveOn('silent');
    else if (this.#mayBeBettered(held.attempt, held.response)) this.#conclude();
    else this.#settle(held.attempt, held.response);
  }

  /** Several ways had their time. */
  #endsNow(): void {
    this.#late = true;
    this.#ambiguous = true;
    this.#conclude();
  }

  /** Answers the request when nothing more is to be waited for. */
  #conclude(): void {
    if (this.#final || this.#closed) return;
    const waiting = this.#attempts.filter(({ over }) => !over);
    const rings = this.order.method === 'INVITE' && waiting.some(({ answered }) => answered);
    if (this.#late ? rings : waiting.length > 0 || this.#searching) return;
    const held = this.#held;
    if (held !== undefined && (held.response.status !== 503 || !this.#ambiguous)) {
      this.#settle(held.attempt, held.response);
      return;
    }
    // A call that was cancelled and never answered is over all the same (RFC 3261 §9.1).
    const cancelled = this.#cancel === 'sent' || (this.#cancel !== 'none' && !this.#ambiguous);
    this.#answerLocally(cancelled ? 487 : this.#ambiguous ? 408 : 503);
  }

  #settle(attempt: Attempt, response: SipResponse): void {
    const first = !this.#final;
    this.#show(response, attempt);
    if (!first) return;
    for (const other of this.#attempts) if (other !== attempt && !other.over) this.#giveUp(other);
  }

  /** Another attempt was answered. A call that may yet ring is ended as soon as it does. */
  #giveUp(attempt: Attempt): void {
    if (this.order.method !== 'INVITE') attempt.abandon();
    else if (attempt.proceeding) attempt.cancel();
  }

  #asSent(): SipRequest {
    return this.request ?? undeliverable(this.#surroundings, this.order.journey.compose);
  }

  #sendCancel(attempt: Attempt): void {
    this.#cancel = 'sent';
    attempt.cancel(this.#cancelFields);
  }

  #answerLocally(status: number): void {
    this.#show(responseTo(this.#asSent(), status, ''), undefined);
    for (const attempt of this.#attempts) if (!attempt.over) this.#giveUp(attempt);
  }

  /** @param from whom it came from; undefined for one made here */
  #show(response: SipResponse, from: Attempt | undefined): void {
    if (from !== undefined) this.#current = from;
    const verdict = this.#judge.judge(this, response);
    if (this.#final || (verdict === 'silent' && response.status < 200)) return;
    this.#final = response.status >= 200;
    if (this.#final) this.#stopTimers();
    if (verdict !== 'silent') {
      this.#notices.answered(response, from?.departure.flow.remote, verdict?.id ?? '');
    }
    if (this.#final) this.#judge.finished(this, response);
  }

  #stopTimers(): void {
    this.#pause?.cancel();
    this.#silence.end();
    this.#end?.cancel();
  }
}
