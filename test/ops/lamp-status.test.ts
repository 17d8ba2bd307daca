import { expect } from 'chai';
import type { LampTotals } from '../../src/mwi/ports.ts';
import { LampStatus } from '../../src/ops/lamp-status.ts';
import { PrometheusMetrics } from '../../src/ops/prometheus.ts';
import { FakeClock } from '../doubles/fake-clock.ts';

const NONE: LampTotals = { lamps: 4, behind: 0, due: 0, failing: 0, refused: new Map() };

describe('the totals of lamps for those who ask often', () => {
  let clock: FakeClock;
  let metrics: PrometheusMetrics;
  let answer: () => Promise<LampTotals>;
  let counted: number;
  let status: LampStatus;

  beforeEach(() => {
    clock = new FakeClock();
    metrics = new PrometheusMetrics(false);
    counted = 0;
    answer = () => Promise.resolve(NONE);
    const totals = (): Promise<LampTotals> => {
      counted += 1;
      return answer();
    };
    status = new LampStatus({ totals, clock, metrics });
  });

  it('counts once for all who ask within five seconds', async () => {
    await Promise.all([status.report(), status.report(), status.measure()]);
    await clock.advance(4_999);
    await status.report();
    expect(counted).to.equal(1);
    await clock.advance(1);
    await status.report();
    expect(counted).to.equal(2);
  });

  it('measures what is behind and what is refused, by status, and takes back what is no more', async () => {
    answer = () => Promise.resolve({ ...NONE, behind: 3, refused: new Map([[489, 2]]) });
    await status.measure();
    expect(await metrics.exposition()).to.include('text_mailbox_lamps_behind 3');
    expect(await metrics.exposition()).to.include('text_mailbox_lamps_refused{status="489"} 2');
    answer = () => Promise.resolve(NONE);
    await clock.advance(5_000);
    await status.measure();
    expect(await metrics.exposition()).to.include('text_mailbox_lamps_behind 0');
    expect(await metrics.exposition()).to.include('text_mailbox_lamps_refused{status="489"} 0');
  });

  it('says that it does not know when the database does not answer in time', async () => {
    answer = () => new Promise(() => undefined);
    const asked = status.report().then(
      () => 'answered',
      (error: unknown) => String(error),
    );
    const measured = status.measure();
    await clock.advance(2_000);
    expect(await asked).to.include('counting lamps took longer than 2000 ms');
    await measured;
    expect((await metrics.exposition()).toLowerCase()).to.include('text_mailbox_lamps_behind nan');
    expect(clock.pendingTimers).to.equal(0);
  });
});
