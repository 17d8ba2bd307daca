import type { Figures } from './bench.ts';

/** Rounds to `digits` behind the point. */
export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

/** The median, the slowest of a hundred and the slowest of all; how many there were. Takes and gives ms. */
export function percentiles(samples: readonly number[]): Figures {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { samples: sorted.length, p50: rounded(at(0.5)), p99: rounded(at(0.99)), max: rounded(at(1)) };
}

export function median(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? 0;
}
