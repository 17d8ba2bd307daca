import type { Surroundings } from './app.ts';
import type { Config } from './config.ts';
import { startExpiry } from './mailbox/sweeps/expiry.ts';
import type { ExpiryStore, RetentionStore, ScheduleStore } from './mailbox/ports.ts';
import type { Forget } from './mailbox/sweeps/retention.ts';
import { startForgetting, startRetention } from './mailbox/sweeps/retention.ts';
import { startSchedule } from './mailbox/sweeps/schedule.ts';

/** What time does to texts: they expire, become due, and go once they were read. */
export interface Sweeps {
  /** A text was scheduled, which may be due soon. */
  wakeSchedule(): void;
  /** Resolves when what is under way is over. */
  stop(): Promise<void>;
}

/** Starts all of them. @param forgets what else is kept for a time */
export function startSweeps(
  config: Pick<Config, 'READ_RETENTION'>,
  surroundings: Surroundings,
  store: ExpiryStore & RetentionStore & ScheduleStore,
  forgets: readonly Forget[],
): Sweeps {
  const options = { ...surroundings, store };
  const schedule = startSchedule(options);
  const sweepers = [
    startExpiry(options),
    schedule,
    startRetention({ ...options, retention: config.READ_RETENTION * 1000 }),
    startForgetting([(now, limit) => store.forgetGone(now, limit), ...forgets], surroundings),
  ];
  return {
    wakeSchedule: () => schedule.wake(),
    stop: async () => {
      await Promise.all(sweepers.map((sweeper) => sweeper.stop()));
    },
  };
}
