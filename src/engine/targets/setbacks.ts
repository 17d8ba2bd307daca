import type { Clock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import type { Logger } from '../../core/logger.ts';
import { noMetrics } from '../../core/metrics.ts';
import type { Counter, Metrics } from '../../core/metrics.ts';
import type { Endpoint } from '../transport/transport.ts';
import { TARGET_LIMITS } from './limits.ts';

/** Why an address is left aside: it gave no answer or could not be reached, or it said 503. */
export type Setback =
  | { readonly kind: 'unreachable' }
  /** `retryAfter`: ms, as it said itself. */
  | { readonly kind: 'overloaded'; readonly retryAfter?: number };

interface Remembered {
  /** It comes last until then. */
  until: number;
  /** It asked to be sent nothing (RFC 3261 §21.5.4) until then. */
  shunUntil: number;
}

/**
 * The addresses that failed lately. All requests share it, so that not each of them finds out for itself (RFC 3263 §4.3,
 * RFC 4321 §1.2). An address that failed comes last, not never: it may be the only one.
 */
export class Setbacks {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #failures: Counter;
  readonly #remembered = new Map<string, Remembered>();

  constructor(clock: Clock, logger: Logger = silentLogger, metrics: Metrics = noMetrics) {
    this.#clock = clock;
    this.#logger = logger;
    this.#failures = metrics.counter(
      'engine_target_failures_total',
      'Addresses that did not take a SIP request: unreachable (or silent), or overloaded (503)',
      ['kind'],
    );
  }

  /** Addresses remembered. */
  get size(): number {
    return this.#remembered.size;
  }

  failed(endpoint: Endpoint, setback: Setback): void {
    const now = this.#clock.now();
    const { unreachable, overloaded, longestRetryAfter, setbacks } = TARGET_LIMITS;
    const asked =
      setback.kind === 'overloaded' && setback.retryAfter !== undefined
        ? Math.min(setback.retryAfter, longestRetryAfter)
        : 0;
    const until = now + (asked > 0 ? asked : setback.kind === 'unreachable' ? unreachable : overloaded);
    const key = keyOf(endpoint);
    const before = this.#remembered.get(key);
    this.#failures.add({ kind: setback.kind });
    // Many requests find out about one address.
    if (before === undefined)
      this.#logger.debug({ target: endpoint, ...setback }, 'a SIP server does not answer');
    this.#remembered.delete(key);
    this.#remembered.set(key, {
      until: Math.max(until, before?.until ?? 0),
      shunUntil: Math.max(now + asked, before?.shunUntil ?? 0),
    });
    if (this.#remembered.size > setbacks) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
  }

  /** It answered; what it said of when to come again holds on. */
  answered(endpoint: Endpoint): void {
    if (this.#remembered.size === 0) return;
    const key = keyOf(endpoint);
    const remembered = this.#remembered.get(key);
    if (remembered === undefined || this.#clock.now() < remembered.shunUntil) return;
    this.#remembered.delete(key);
  }

  /** How long it is to be sent nothing, because it said so; ms, 0 when it may be tried. */
  shunned(endpoint: Endpoint): number {
    if (this.#remembered.size === 0) return 0;
    const remembered = this.#remembered.get(keyOf(endpoint));
    return remembered === undefined ? 0 : Math.max(0, remembered.shunUntil - this.#clock.now());
  }

  /**
   * Those that failed behind the others, the one that failed longest ago first. One whose time is over is put back in its
   * place once, for whoever asks first; for the others it is over when it has answered.
   */
  order<T extends Endpoint>(endpoints: readonly T[]): T[] {
    if (this.#remembered.size === 0 || endpoints.length < 2) return [...endpoints];
    const now = this.#clock.now();
    const good: T[] = [];
    const failed: { readonly endpoint: T; readonly until: number }[] = [];
    for (const endpoint of endpoints) {
      const remembered = this.#remembered.get(keyOf(endpoint));
      if (remembered !== undefined && now < remembered.until) {
        failed.push({ endpoint, until: remembered.until });
        continue;
      }
      if (remembered !== undefined) remembered.until = now + TARGET_LIMITS.probation;
      good.push(endpoint);
    }
    failed.sort((a, b) => a.until - b.until);
    return [...good, ...failed.map(({ endpoint }) => endpoint)];
  }
}

function keyOf({ protocol, address, port }: Endpoint): string {
  return `${protocol} ${address} ${port}`;
}
