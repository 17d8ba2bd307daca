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

/** Answers requests no application gets to see. */
export class Refusals {
  readonly #surroundings: Pick<Surroundings, 'identifiers' | 'transport'>;
  readonly #refused: Counter;

  constructor(surroundings: Pick<Surroundings, 'identifiers' | 'transport'>, metrics: Metrics) {
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
      this.refuse(arrival, request.method === 'OPTIONS' ? 200 : 405, [['Allow', methods]]);
    }
  }
}
