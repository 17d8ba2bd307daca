import { availableParallelism, loadavg } from 'node:os';
import type { Figures } from './bench.ts';
import { rounded } from './percentiles.ts';
import { rate } from './rate.ts';

/** What the other figures of the same run are to be read beside. */
export function machine(): Figures {
  const [from, to] = [Buffer.alloc(1_000_000, 1), Buffer.alloc(1_000_000)];
  return {
    cores: availableParallelism(),
    node: process.versions.node,
    loadBefore: rounded(loadavg()[0] ?? 0),
    memoryCopyMBps: rate(() => void from.copy(to)),
  };
}
