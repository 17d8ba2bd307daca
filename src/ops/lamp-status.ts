import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import type { Gauge, Metrics } from '../core/metrics.ts';
import type { LampTotals } from '../mwi/ports.ts';
import type { StatusReport } from './status.ts';
import { statusReport } from './status.ts';

/** How long totals serve before they are counted again, and how long counting may take, ms. */
const FRESH = 5_000;
const DEADLINE = 2_000;

export interface LampStatusOptions {
  totals(): Promise<LampTotals>;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** The totals of all lamps for those who ask often: counted once for all who ask within a few seconds. */
export class LampStatus {
  readonly #options: LampStatusOptions;
  readonly #behind: Gauge;
  readonly #refused: Gauge;
  readonly #statuses = new Set<number>();
  #newest: { readonly at: number; readonly totals: Promise<LampTotals> } | undefined;

  constructor(options: LampStatusOptions) {
    const { metrics } = options;
    this.#options = options;
    this.#behind = metrics.gauge(
      'lamps_behind',
      'Lamps the presence server has yet to be told of; NaN when the database does not say',
    );
    this.#refused = metrics.gauge(
      'lamps_refused',
      'Lamps the presence server refuses until somebody looks at it, by status',
      ['status'],
    );
  }

  /** Rejects when the database does not answer in time. */
  async report(): Promise<StatusReport> {
    return statusReport(await this.#read());
  }

  /** Brings the gauges up to date; never rejects. */
  async measure(): Promise<void> {
    try {
      const { behind, refused } = await this.#read();
      this.#behind.set(behind);
      for (const status of refused.keys()) this.#statuses.add(status);
      for (const status of this.#statuses) {
        this.#refused.set(refused.get(status) ?? 0, { status: String(status) });
      }
    } catch {
      // A number of before would be taken for that of now.
      this.#behind.set(Number.NaN);
    }
  }

  async #read(): Promise<LampTotals> {
    const { clock } = this.#options;
    const now = clock.now();
    if (this.#newest === undefined || now - this.#newest.at >= FRESH) {
      const totals = withDeadline(clock, DEADLINE, 'counting lamps', this.#options.totals());
      this.#newest = { at: now, totals };
    }
    return await this.#newest.totals;
  }
}
