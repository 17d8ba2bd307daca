import type { ScheduleStore } from '../ports.ts';
import { SCHEDULE_LIMITS } from './sweep-limits.ts';
import type { SweepSurroundings } from './sweeper.ts';
import { Sweeper } from './sweeper.ts';

export interface ScheduleOptions extends SweepSurroundings {
  readonly store: ScheduleStore;
}

/** Starts to let scheduled texts become new, each when it is due. Whoever keeps one wakes it: it may be due before the next look. */
export function startSchedule({ store, metrics, ...options }: ScheduleOptions): Sweeper {
  const due = metrics.counter('texts_scheduled_due_total', 'Scheduled texts that became due');
  return new Sweeper({
    ...options,
    what: 'scheduled texts',
    pace: SCHEDULE_LIMITS,
    sweep: (now, limit) => store.deliverScheduled(now, limit),
    nextAt: () => store.nextScheduledAt(),
    onSwept: (texts) => {
      due.add({}, texts);
      options.logger.info({ texts }, 'scheduled texts are due');
    },
  });
}
