import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { Counter, Metrics } from '../../core/metrics.ts';
import { firstLook } from '../admission/first-look.ts';
import { ADMISSION_LIMITS } from '../admission/limits.ts';
import { SourceLimits } from '../admission/source-limits.ts';
import type { SourceRate } from '../admission/source-limits.ts';
import { TokenBucket } from '../admission/token-bucket.ts';
import type { ControlServer } from '../control/control-server.ts';
import type { DialogTable } from '../dialog/dialog-table.ts';
import type { SipRequest } from '../message/sip-message.ts';
import { MalformedVia } from '../message/via.ts';
import { tagOf, topVia, transactionKey } from '../transaction/match.ts';
import type { TransactionTable } from '../transaction/transaction-table.ts';
import { stampTopVia } from '../transport/incoming-via.ts';
import type { Endpoint, Flow } from '../transport/transport.ts';
import type { Arrival } from './arrival.ts';
import { RETRY_AFTER } from './refusals.ts';
import type { Refusals } from './refusals.ts';

/** What is asked before a request is let in. */
export interface AdmittanceSurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly transactions: TransactionTable;
  readonly dialogs: DialogTable;
  readonly control: ControlServer;
  readonly refusals: Refusals;
  /** Undefined: every source may send what it likes. */
  readonly sourceRate: SourceRate | undefined;
}

type Reason = 'source' | 'load';

/**
 * Turns away what there is no room for: new requests alone, and of those that would be too many for their source, for the
 * tables or for the applications. What was begun goes on: responses, ACK, CANCEL and BYE, requests of known dialogs and
 * copies of requests that were let in are never turned away before a new one.
 *
 * A request over UDP is looked at before it is read, so that a flood costs little more than its datagrams. Some are told
 * 503 and when to come back (RFC 3261 §21.5.4), without state; beyond what may be answered in a second there is silence, for
 * every answer to a made-up source is one more datagram to somebody who did not ask.
 */
export class Admittance {
  readonly #surroundings: AdmittanceSurroundings;
  /** Of datagrams and of connections apart. Threat: who sends datagrams in the name of another silences him there alone. */
  readonly #sources: { readonly datagrams: SourceLimits; readonly connections: SourceLimits } | undefined;
  readonly #answers: TokenBucket;
  readonly #shed: Counter;

  constructor(surroundings: AdmittanceSurroundings) {
    const { clock, metrics, sourceRate } = surroundings;
    this.#surroundings = surroundings;
    if (sourceRate !== undefined) {
      this.#sources = {
        datagrams: new SourceLimits(sourceRate),
        connections: new SourceLimits(sourceRate),
      };
    }
    const { answersPerSecond } = ADMISSION_LIMITS;
    this.#answers = new TokenBucket(answersPerSecond, answersPerSecond, clock.now());
    this.#shed = metrics.counter(
      'engine_shed_total',
      'SIP requests turned away: too many of one source, or too many for us; answered 503 or met with silence',
      ['reason', 'answer'],
    );
  }

  /** Asked of each datagram before it is read. False: it has been dealt with. */
  screen(datagram: Buffer, flow: Flow): boolean {
    const { remote } = flow;
    const now = this.#surroundings.clock.now();
    const over = this.#sourcesOf(remote)?.isOver(remote.address, now) === true;
    if (!over && !this.#isFull()) return true;
    const request = firstLook(datagram);
    if (request === undefined) return true;
    try {
      stampTopVia(request.headers, remote);
      const via = topVia(request.headers);
      const { key } = transactionKey(request, via);
      if (this.#isKnown(request, key)) return true;
      const received = { message: request, source: remote, local: flow.local, flow };
      this.#turnAway({ request, received, via, key }, over ? 'source' : 'load', now);
      return false;
    } catch (error) {
      if (error instanceof MalformedVia) return true;
      throw error;
    }
  }

  /** Asked of each request outside of the dialogs known here that comes for the first time. False: it has been dealt with. */
  admits(arrival: Arrival): boolean {
    const now = this.#surroundings.clock.now();
    const { source } = arrival.received;
    if (this.#sourcesOf(source)?.take(source.address, now) === false) this.#turnAway(arrival, 'source', now);
    else if (this.#isFull()) this.#turnAway(arrival, 'load', now);
    else return true;
    return false;
  }

  /**
   * Asked of a request that is nothing to anybody here, because it cannot be read or is a CANCEL of nothing: whether its
   * sender is told. It counts as a new one. Threat: answers to what costs nothing to make up, as many as somebody likes.
   */
  mayTell(source: Endpoint): boolean {
    const now = this.#surroundings.clock.now();
    const over = this.#sourcesOf(source)?.take(source.address, now) === false;
    if (!over) return this.#answers.take(now) || source.protocol !== 'udp';
    const answered = this.#mayAnswer(source, 'source', now);
    this.#shed.add({ reason: 'source', answer: answered ? 'refusal' : 'silence' });
    return answered;
  }

  #sourcesOf({ protocol }: Endpoint): SourceLimits | undefined {
    return protocol === 'udp' ? this.#sources?.datagrams : this.#sources?.connections;
  }

  #isFull(): boolean {
    const { transactions, control } = this.#surroundings;
    return transactions.serversFull || control.saturated;
  }

  #isKnown({ headers }: SipRequest, key: string): boolean {
    const { transactions, dialogs } = this.#surroundings;
    if (transactions.findServer(key) !== undefined) return true;
    const localTag = tagOf(headers.get('To'));
    if (localTag === '') return false;
    return dialogs.find(headers.get('Call-ID') ?? '', localTag, tagOf(headers.get('From'))) !== undefined;
  }

  #turnAway(arrival: Arrival, reason: Reason, now: number): void {
    const answered = this.#mayAnswer(arrival.received.source, reason, now);
    this.#shed.add({ reason, answer: answered ? '503' : 'silence' });
    if (answered) this.#surroundings.refusals.refuse(arrival, 503, RETRY_AFTER);
  }

  #mayAnswer(source: Endpoint, reason: Reason, now: number): boolean {
    if (reason === 'source') {
      const refusal = this.#sourcesOf(source)?.refuse(source.address, now) ?? 'answer';
      if (refusal === 'answer-and-log') {
        this.#surroundings.logger.warn({ source: source.address }, 'too many requests from one source');
      }
      if (refusal === 'silence') return false;
    }
    // A connection is not made up, and its peer would wait in vain: what it sends slower is the remedy there.
    return this.#answers.take(now) || source.protocol !== 'udp';
  }
}
