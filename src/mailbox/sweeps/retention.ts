import type { RetentionStore } from '../ports.ts';
import { FORGETTING_LIMITS, RETENTION_LIMITS } from './sweep-limits.ts';
import type { SweepSurroundings } from './sweeper.ts';
import { Sweeper } from './sweeper.ts';

export interface RetentionOptions extends SweepSurroundings {
  readonly store: Pick<RetentionStore, 'dropRead' | 'oldestReadAt'>;
  /** How long a text stays after it was read, ms. */
  readonly retention: number;
}

/** Starts to take texts away that were read long enough ago and are not saved. */
export function startRetention({ store, retention, metrics, ...options }: RetentionOptions): Sweeper {
  const dropped = metrics.counter('texts_dropped_total', 'Read texts that were taken away, by why', [
    'reason',
  ]);
  return new Sweeper({
    ...options,
    what: 'texts that were read long ago',
    pace: RETENTION_LIMITS,
    sweep: (now, limit) => store.dropRead(now - retention, limit),
    nextAt: async () => {
      const oldest = await store.oldestReadAt();
      return oldest === null ? null : oldest + retention;
    },
    onSwept: (texts) => {
      dropped.add({ reason: 'retention' }, texts);
      options.logger.debug({ texts }, 'texts taken away that were read long ago');
    },
  });
}

/** Forgets what means nothing any more at `now` (epoch ms), at most `limit` rows. How many. */
export type Forget = (now: number, limit: number) => Promise<number>;

/** Starts to forget; one that fails keeps no other waiting. */
export function startForgetting(
  forgets: readonly Forget[],
  { metrics: _, ...options }: SweepSurroundings,
): { stop(): Promise<void> } {
  const sweepers = forgets.map(
    (forget) =>
      new Sweeper({
        ...options,
        what: 'what may be forgotten',
        pace: FORGETTING_LIMITS,
        sweep: forget,
        nextAt: () => Promise.resolve(null),
        onSwept: () => undefined,
      }),
  );
  return {
    stop: async () => {
      await Promise.all(sweepers.map((sweeper) => sweeper.stop()));
    },
  };
}
