import { expect } from 'chai';
import { repeatUntilAcknowledged } from '../../../src/engine/dialog/accepted-invite.ts';
import { DEFAULT_SIP_TIMERS } from '../../../src/engine/transaction/timers.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';

describe('a 2xx to INVITE (RFC 3261 §13.3.1.4)', () => {
  let clock: FakeClock;
  let log: string[];
  let stop: () => void;

  beforeEach(() => {
    clock = new FakeClock();
    log = [];
    const began = clock.now();
    stop = repeatUntilAcknowledged({
      clock,
      timers: DEFAULT_SIP_TIMERS,
      repeat: () => log.push(`${clock.now() - began} repeat`),
      unacknowledged: () => log.push(`${clock.now() - began} unacknowledged`),
    });
  });

  it('is repeated after T1, doubling up to T2, and given up after 64*T1', async () => {
    await clock.advance(60_000);
    const times = [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500];
    expect(log).to.deep.equal([...times.map((time) => `${time} repeat`), '32000 unacknowledged']);
    expect(clock.pendingTimers).to.equal(0);
  });

  it('is repeated no more once it is acknowledged', async () => {
    await clock.advance(600);
    stop();
    await clock.advance(60_000);
    expect(log).to.deep.equal(['500 repeat']);
    expect(clock.pendingTimers).to.equal(0);
  });
});
