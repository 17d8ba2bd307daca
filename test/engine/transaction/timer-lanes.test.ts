import { expect } from 'chai';
import { TimerLanes } from '../../../src/engine/transaction/timer-lanes.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';

describe('timers of one length share one of the clock', () => {
  let clock: FakeClock;
  let lanes: TimerLanes;
  let rung: string[];

  beforeEach(() => {
    clock = new FakeClock();
    lanes = new TimerLanes(clock);
    rung = [];
  });

  const ring = (name: string) => (): void => void rung.push(`${name} ${clock.now() - start}`);
  const start = new FakeClock().now();

  it('ring each at its own time', async () => {
    lanes.after(100, ring('first'));
    await clock.advance(30);
    lanes.after(100, ring('second'));
    lanes.after(20, ring('short'));
    expect(clock.pendingTimers).to.equal(2);
    await clock.advance(200);
    expect(rung).to.deep.equal(['short 50', 'first 100', 'second 130']);
    expect(clock.pendingTimers).to.equal(0);
  });

  it('do not ring once cancelled, first or last, and leave nothing behind', async () => {
    const timers = ['a', 'b', 'c'].map((name) => lanes.after(100, ring(name)));
    timers[0]?.cancel();
    timers[2]?.cancel();
    timers[2]?.cancel();
    await clock.advance(100);
    expect(rung).to.deep.equal(['b 100']);
    lanes.after(100, ring('d')).cancel();
    expect(clock.pendingTimers).to.equal(0);
  });

  it('that start one of their own length as they ring do not keep the others waiting', async () => {
    lanes.after(100, () => {
      ring('first')();
      lanes.after(100, ring('again'));
    });
    await clock.advance(30);
    lanes.after(100, ring('second'));
    await clock.advance(300);
    expect(rung).to.deep.equal(['first 100', 'second 130', 'again 200']);
    expect(clock.pendingTimers).to.equal(0);
  });

  it('may start and cancel others as they ring', async () => {
    const later = lanes.after(100, ring('later'));
    const earlier: { cancel(): void }[] = [];
    lanes.after(50, () => {
      later.cancel();
      earlier.push(lanes.after(50, ring('again')));
    });
    await clock.advance(100);
    expect(rung).to.deep.equal(['again 100']);
  });

  it('keep their length when the hands of the clock are put back', async () => {
    lanes.after(100, ring('before'));
    await clock.advance(50);
    clock.putBack(3_600_000);
    lanes.after(100, () => rung.push('after'));
    await clock.advance(50);
    expect(rung).to.have.length(1);
    await clock.advance(49);
    expect(rung).to.have.length(1);
    await clock.advance(1);
    expect(rung).to.have.length(2);
  });
});
