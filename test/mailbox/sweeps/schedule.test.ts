import { expect } from 'chai';
import { silentLogger } from '../../../src/core/logger.ts';
import { noMetrics } from '../../../src/core/metrics.ts';
import type { ScheduleStore } from '../../../src/mailbox/ports.ts';
import { StoreUnavailable } from '../../../src/mailbox/ports.ts';
import { startSchedule } from '../../../src/mailbox/sweeps/schedule.ts';
import { SCHEDULE_LIMITS } from '../../../src/mailbox/sweeps/sweep-limits.ts';
import type { Sweeper } from '../../../src/mailbox/sweeps/sweeper.ts';
import { FakeClock, settle } from '../../doubles/fake-clock.ts';
import { seededRandom } from '../../doubles/seeded-random.ts';

/** Scheduled texts by the instant they are due. */
class Texts implements ScheduleStore {
  due: number[] = [];
  looks = 0;
  down = false;
  /** Resolved before the store says when the next one is due. */
  held: Promise<void> = Promise.resolve();

  deliverScheduled(now: number, limit: number): Promise<number> {
    this.looks++;
    if (this.down) return Promise.reject(new StoreUnavailable('look'));
    const over = this.due.filter((at) => at <= now).slice(0, limit);
    this.due = this.due.filter((at) => !over.includes(at));
    return Promise.resolve(over.length);
  }

  async nextScheduledAt(): Promise<number | null> {
    const next = this.due.length === 0 ? null : Math.min(...this.due);
    await this.held;
    return next;
  }
}

describe('the sweep of scheduled texts', () => {
  let clock: FakeClock;
  let texts: Texts;
  let schedule: Sweeper;

  beforeEach(() => {
    clock = new FakeClock();
    texts = new Texts();
  });

  afterEach(async () => {
    await schedule.stop();
    expect(clock.pendingTimers).to.equal(0);
  });

  async function start(): Promise<void> {
    schedule = startSchedule({
      store: texts,
      clock,
      random: seededRandom(),
      logger: silentLogger,
      metrics: noMetrics,
    });
    await settle();
  }

  const keep = (after: number): void => {
    texts.due.push(clock.now() + after);
    schedule.wake();
  };

  it('lets those be new at the start that became due while nobody was there', async () => {
    texts.due = [clock.now() - 60_000];
    await start();
    expect(texts.due).to.deep.equal([]);
  });

  it('lets one be new at the very moment it is due, however far ahead', async () => {
    await start();
    keep(3_600_000);
    await clock.advance(3_599_999);
    expect(texts.due).to.have.length(1);
    await clock.advance(1);
    expect(texts.due).to.have.length(0);
  });

  it('is told of one that is due before it would look again', async () => {
    await start();
    await clock.advance(SCHEDULE_LIMITS.gap);
    keep(300);
    await clock.advance(299);
    expect(texts.due).to.have.length(1);
    await clock.advance(1);
    expect(texts.due).to.have.length(0);
  });

  it('does not miss one that was kept while it looked', async () => {
    let release: () => void = () => undefined;
    texts.held = new Promise((resolve) => (release = resolve));
    await start();
    keep(250);
    release();
    await clock.advance(250);
    expect(texts.due).to.have.length(0);
  });

  it('looks no more often for thousands that are kept at once', async () => {
    await start();
    await clock.advance(SCHEDULE_LIMITS.gap);
    texts.looks = 0;
    for (let i = 0; i < 5_000; i++) keep(3_600_000);
    await clock.advance(SCHEDULE_LIMITS.gap);
    for (let i = 0; i < 5_000; i++) keep(3_600_000);
    await clock.advance(SCHEDULE_LIMITS.gap);
    expect(texts.looks).to.be.within(2, 3);
  });

  it('is not put off by those that wake it, though the clock was put back', async () => {
    await start();
    clock.putBack(3_600_000);
    texts.looks = 0;
    for (let i = 0; i < 100; i++) {
      keep(0);
      await clock.advance(SCHEDULE_LIMITS.gap / 10);
    }
    expect(texts.looks).to.be.within(9, 10);
    expect(texts.due.length).to.be.at.most(10);
  });

  it('finds in time what another node kept before it died', async () => {
    await start();
    texts.due.push(clock.now() + 50);
    await clock.advance(SCHEDULE_LIMITS.pollCeiling);
    expect(texts.due).to.have.length(0);
  });

  it('gives a database that is down no more tries for being woken, and goes on after', async () => {
    texts.down = true;
    await start();
    for (let i = 0; i < 100; i++) {
      keep(0);
      await clock.advance(1);
    }
    expect(texts.looks).to.equal(1);
    texts.down = false;
    await clock.advance(SCHEDULE_LIMITS.storeBackoff.ceiling);
    expect(texts.due).to.have.length(0);
  });

  it('does nothing once it was stopped, not even when it is woken', async () => {
    await start();
    await schedule.stop();
    texts.looks = 0;
    keep(0);
    await clock.advance(60_000);
    expect(texts.looks).to.equal(0);
  });
});
