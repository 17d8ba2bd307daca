import { expect } from 'chai';
import { DeadlineExceeded, withDeadline } from '../../src/core/deadline.ts';
import { FakeClock } from '../doubles/fake-clock.ts';

describe('withDeadline', () => {
  it('settles as the work does and leaves no timer behind', async () => {
    const clock = new FakeClock();
    expect(await withDeadline(clock, 1000, 'work', Promise.resolve(7))).to.equal(7);
    const failure = await withDeadline(clock, 1000, 'work', Promise.reject(new Error('broken'))).catch(
      (error: unknown) => error,
    );
    expect(failure).to.have.property('message', 'broken');
    expect(clock.pendingTimers).to.equal(0);
  });

  it('rejects when the time is over', async () => {
    const clock = new FakeClock();
    const waiting = withDeadline(clock, 1000, 'work', new Promise<never>(() => undefined)).catch(
      (error: unknown) => error,
    );
    await clock.advance(1000);
    expect(await waiting).to.be.instanceOf(DeadlineExceeded);
  });
});
