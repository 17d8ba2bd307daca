import type { Clock } from '../../src/core/clock.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { Store, StoreOptions } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';

/**
 * Opens the real store, which keeps everything in memory until it is closed. The instants it knows are `clock`'s; its own short
 * pauses and deadlines take real time, so that nobody has to turn a clock for a commit.
 */
export async function openMemoryStore(clock: Clock, overrides: Partial<StoreOptions> = {}): Promise<Store> {
  return await openStore({
    url: 'sqlite::memory:',
    limits: { maxTexts: 1_000, maxBytes: 100_000_000, maxMessageBytes: 65_536, dropRead: false },
    keepsRead: true,
    clock: {
      now: () => clock.now(),
      after: (delay, callback) => systemClock.after(delay, callback),
    },
    random: systemRandom,
    logger: silentLogger,
    metrics: noMetrics,
    onSummaryDirty: () => undefined,
    ...overrides,
  });
}
