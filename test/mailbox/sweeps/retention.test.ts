import { expect } from 'chai';
import { silentLogger } from '../../../src/core/logger.ts';
import { noMetrics } from '../../../src/core/metrics.ts';
import { StoreUnavailable } from '../../../src/mailbox/ports.ts';
import type { Forget } from '../../../src/mailbox/sweeps/retention.ts';
import { startForgetting, startRetention } from '../../../src/mailbox/sweeps/retention.ts';
import { FORGETTING_LIMITS, RETENTION_LIMITS } from '../../../src/mailbox/sweeps/sweep-limits.ts';
import { FakeClock, settle } from '../../doubles/fake-clock.ts';
import { seededRandom } from '../../doubles/seeded-random.ts';

describe('what was read long ago', () => {
  let clock: FakeClock;
  let running: { stop(): Promise<void> };

  const surroundings = (): { clock: FakeClock } & Omit<Parameters<typeof startForgetting>[1], 'clock'> => ({
    clock,
    random: seededRandom(),
    logger: silentLogger,
    metrics: noMetrics,
  });

  beforeEach(() => {
    clock = new FakeClock();
  });

  afterEach(async () => {
    await running.stop();
    expect(clock.pendingTimers).to.equal(0);
  });

  /** Read texts by the instant they were read. */
  let read: number[];
  const store = {
    dropRead: (before: number, limit: number): Promise<number> => {
      const gone = read.filter((at) => at <= before).slice(0, limit);
      read = read.filter((at) => !gone.includes(at));
      return Promise.resolve(gone.length);
    },
    oldestReadAt: (): Promise<number | null> => Promise.resolve(read[0] ?? null),
  };

  it('goes when its time is over, not sooner', async () => {
    read = [clock.now() - 500, clock.now() + 400];
    running = startRetention({ ...surroundings(), store, retention: 1_000 });
    await clock.advance(499);
    expect(read).to.have.length(2);
    await clock.advance(1);
    expect(read).to.have.length(1);
    await clock.advance(900);
    expect(read).to.have.length(0);
  });

  it('goes at once where nothing that was read is kept: what an earlier setting left', async () => {
    read = [clock.now() - 1, clock.now()];
    running = startRetention({ ...surroundings(), store, retention: 0 });
    await settle();
    expect(read).to.deep.equal([]);
  });

  it('is found when another node marked it', async () => {
    read = [];
    running = startRetention({ ...surroundings(), store, retention: 1_000 });
    await settle();
    read = [clock.now()];
    await clock.advance(RETENTION_LIMITS.pollCeiling);
    expect(read).to.deep.equal([]);
  });

  it('is forgotten in bounded steps, each kind by itself, though another cannot be', async () => {
    const left = { first: 2 * FORGETTING_LIMITS.batch + 5, second: 3 };
    const forget =
      (kind: keyof typeof left): Forget =>
      (_, limit) => {
        const forgotten = Math.min(left[kind], limit);
        left[kind] -= forgotten;
        return Promise.resolve(forgotten);
      };
    const failing: Forget = () => Promise.reject(new StoreUnavailable('forget'));
    running = startForgetting([failing, forget('first'), forget('second')], surroundings());
    await settle();
    expect(left).to.deep.equal({ first: FORGETTING_LIMITS.batch + 5, second: 0 });
    left.second = 1;
    await clock.advance(2 * FORGETTING_LIMITS.gap);
    expect(left).to.deep.equal({ first: 0, second: 1 });
    await clock.advance(FORGETTING_LIMITS.pollCeiling);
    expect(left.second).to.equal(0);
  });
});
