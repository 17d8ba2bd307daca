import type { Counter, Metrics } from '../../core/metrics.ts';
import type { ControlServer } from '../control/control-server.ts';
import { serializeMessage } from '../message/serialize-message.ts';
import { TRANSACTION_LIMITS } from '../transaction/limits.ts';
import { responseTo } from '../transaction/response-to.ts';
import type { Arrival } from './arrival.ts';
import { responsePath } from './response-path.ts';
import type { Surroundings } from './surroundings.ts';

type HeaderList = readonly (readonly [name: string, value: string])[];

/** Says when to come back to an engine that is full. */
export const RETRY_AFTER: HeaderList = [['Retry-After', String(TRANSACTION_LIMITS.retryAfter)]];

/** Requests that make sense within a dialog or transaction only. */
const NEEDS_STATE: ReadonlySet<string> = new Set(['BYE', 'UPDATE', 'CANCEL']);

/** Methods the engine itself serves, for Allow. */
const SERVED_METHODS = ['OPTIONS', 'ACK', 'CANCEL', 'BYE'] as const;

type Needed = Pick<Surroundings, 'identifiers' | 'transport' | 'transactions' | 'extensions'>;

/** Answers requests no application gets to see. */
export class Refusals {
  readonly #surroundings: Needed;
  readonly #refused: Counter;

  constructor(surroundings: Needed, metrics: Metrics) {
    this.#surroundings = surroundings;
    this.#refused = metrics.counter('engine_refused_total', 'SIP requests the engine answered itself', [
      'status',
    ]);
  }

  /** RFC 3261 §8.2.7: answered without state; the same request gets the same answer again. */
  refuse(arrival: Arrival, status: number, headers: HeaderList = [], reason?: string): void {
    const { identifiers, transport } = this.#surroundings;
    const { request, received, via, key } = arrival;
    const response = responseTo(request, status, identifiers.statelessTag(key), reason);
    for (const [name, value] of headers) response.headers.append(name, value);
    this.#refused.add({ status: String(status) });
    responsePath(via, received, transport)
      .send(serializeMessage(response))
      .catch(() => undefined);
  }

  /**
   * The answer depends on the moment: a copy of the request that is under way must not find another. So it is kept with a
   * transaction, and an INVITE's repeated until its ACK (RFC 3261 §17.2).
   */
  refuseFor(
    arrival: Arrival,
    status: number,
    headers: HeaderList = [],
    { reason, localTag }: { readonly reason?: string; readonly localTag?: string } = {},
  ): void {
    const { identifiers, transport, transactions } = this.#surroundings;
    const { request, received, via, key } = arrival;
    const path = responsePath(via, received, transport);
    const transaction = transactions.openServer(request, path, key, localTag ?? identifiers.tag());
    const response = responseTo(request, status, transaction.localTag, reason);
    for (const [name, value] of headers) response.headers.append(name, value);
    if (status >= 300) this.#refused.add({ status: String(status) });
    transaction.start();
    transaction.respond(response);
  }

  /** RFC 3261 §14.2: when a request that comes too early may be sent again, 0 to 10 s, not for all the same. */
  retrySoon(arrival: Arrival): HeaderList {
    const word = this.#surroundings.identifiers.statelessTag(arrival.key);
    return [['Retry-After', String(Number.parseInt(word.slice(0, 6), 16) % 11)]];
  }

  /** Answers a request no application can take now, or ever. */
  refuseUnwanted(arrival: Arrival, control: ControlServer): void {
    const { request } = arrival;
    const { verbs } = control;
    if (verbs.size === 0) {
      if (NEEDS_STATE.has(request.method)) this.refuse(arrival, 481);
      else this.refuse(arrival, 503, RETRY_AFTER, 'No application connected');
    } else if (control.wants(request.method.toLowerCase())) {
      this.refuse(arrival, 503, RETRY_AFTER);
    } else {
      const allowed = new Set<string>([...SERVED_METHODS, ...[...verbs].map((each) => each.toUpperCase())]);
      const methods = [...allowed].filter((each) => !each.includes(':')).join(', ');
      if (request.method === 'OPTIONS') this.#describe(arrival, methods);
      else this.refuse(arrival, 405, [['Allow', methods]]);
    }
  }

  /** RFC 3261 §11.2: what is understood here; of bodies the engine knows no more than that applications judge them. */
  #describe(arrival: Arrival, methods: string): void {
    const supported = [...(this.#surroundings.extensions ?? [])].join(', ');
    this.refuse(arrival, 200, [
      ['Allow', methods],
      ['Accept', '*/*'],
      ['Accept-Encoding', 'identity'],
      ['Accept-Language', '*'],
      ['Supported', supported],
    ]);
  }
}
