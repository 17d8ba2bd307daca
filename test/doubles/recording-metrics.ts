import type { Labels, Metrics } from '../../src/core/metrics.ts';

/** Measures a test can read. */
export interface RecordingMetrics extends Metrics {
  /** What a counter or a gauge stands at; 0 when it never moved. */
  readonly count: (name: string, labels?: Labels) => number;
  /** All of them, one a line. */
  readonly text: () => string;
}

export function recordingMetrics(): RecordingMetrics {
  const values = new Map<string, number>();
  const key = (name: string, labels: Labels = {}): string => `${name} ${JSON.stringify(labels)}`;
  return {
    counter: (name) => ({
      add: (labels, amount = 1) => {
        values.set(key(name, labels), (values.get(key(name, labels)) ?? 0) + amount);
      },
    }),
    gauge: (name) => ({ set: (value, labels) => void values.set(key(name, labels), value) }),
    count: (name, labels) => values.get(key(name, labels)) ?? 0,
    text: () => [...values].map(([name, value]) => `${name} ${value}`).join('\n'),
  };
}
