import { Counter as PromCounter, Gauge as PromGauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { Counter, Gauge, Metrics } from '../core/metrics.ts';

const PREFIX = 'text_mailbox_';

/** The program's measures in Prometheus' form. */
export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();

  /** @param withProcess also CPU, memory and event loop of this process */
  constructor(withProcess: boolean) {
    if (withProcess) collectDefaultMetrics({ register: this.#registry });
  }

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    const known = this.#counters.get(name);
    if (known !== undefined) return known;
    const counter = new PromCounter({
      name: PREFIX + name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
    });
    const made: Counter = { add: (labels = {}, amount = 1) => counter.inc({ ...labels }, amount) };
    this.#counters.set(name, made);
    return made;
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    const known = this.#gauges.get(name);
    if (known !== undefined) return known;
    const gauge = new PromGauge({
      name: PREFIX + name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
    });
    const made: Gauge = { set: (value, labels = {}) => gauge.set({ ...labels }, value) };
    this.#gauges.set(name, made);
    return made;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All measures as text. */
  async exposition(): Promise<string> {
    return await this.#registry.metrics();
  }
}
