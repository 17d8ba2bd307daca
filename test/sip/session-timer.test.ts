import { expect } from 'chai';
import type { Refreshed } from '../../src/sip/session-timer.ts';
import { SessionTimer, glarePause, refreshTimes } from '../../src/sip/session-timer.ts';
import { FakeClock } from '../doubles/fake-clock.ts';

describe('a session timer', () => {
  let clock: FakeClock;
  let start: number;
  let told: string[];
  let answers: (Refreshed | Promise<Refreshed>)[];
  let timer: SessionTimer;
  const second = (): number => (clock.now() - start) / 1000;

  beforeEach(() => {
    clock = new FakeClock();
    start = clock.now();
    told = [];
    answers = [];
    timer = new SessionTimer({
      clock,
      refresh: async (seconds) => {
        told.push(`${second()} refresh ${seconds}`);
        return await (answers.shift() ?? { kind: 'gone' });
      },
      onLapsed: (why) => told.push(`${second()} ${why}`),
    });
  });

  afterEach(() => expect(clock.pendingTimers).to.equal(0));

  it('knows when a session is refreshed and when it has lapsed (RFC 4028 §10)', () => {
    expect(refreshTimes(90)).to.deep.equal({ refresh: 45_000, lapse: 60_000 });
    expect(refreshTimes(1800)).to.deep.equal({ refresh: 900_000, lapse: 1_768_000 });
  });

  it('ends the session a little before its time when the peer does not refresh it', async () => {
    timer.agree({ seconds: 90, refresher: 'peer' });
    expect(timer.state).to.equal('peer refreshes');
    await clock.advance(59_999);
    expect(told).to.deep.equal([]);
    await clock.advance(1);
    expect(told).to.deep.equal(['60 the session was not refreshed in time']);
    expect(timer.state).to.equal('over');
  });

  it('begins anew with each refresh of the peer', async () => {
    timer.agree({ seconds: 90, refresher: 'peer' });
    for (let round = 0; round < 5; round++) {
      await clock.advance(45_000);
      timer.agree({ seconds: 90, refresher: 'peer' });
    }
    expect(told).to.deep.equal([]);
    timer.agree(undefined);
    expect(timer.state).to.equal('off');
  });

  it('refreshes at half the interval where that is ours to do', async () => {
    timer.agree({ seconds: 90, refresher: 'us' });
    answers = [
      { kind: 'agreed', interval: { seconds: 90, refresher: 'us' } },
      { kind: 'agreed', interval: { seconds: 120, refresher: 'peer' } },
    ];
    await clock.advance(90_000);
    expect(told).to.deep.equal(['45 refresh 90', '90 refresh 90']);
    expect(timer.state).to.equal('peer refreshes');
    await clock.advance(88_000);
    expect(told[2]).to.equal('178 the session was not refreshed in time');
  });

  it('ends at once when the peer does not know the session, or does not answer', async () => {
    timer.agree({ seconds: 90, refresher: 'us' });
    await clock.advance(45_000);
    expect(told).to.deep.equal(['45 refresh 90', '45 the session is not known any more']);
  });

  it('tries again till time is up, with a longer interval when it is told one', async () => {
    timer.agree({ seconds: 90, refresher: 'us' });
    answers = [
      { kind: 'later', after: 0, seconds: 600 },
      { kind: 'later', after: 10_000 },
      { kind: 'later', after: 10_000 },
    ];
    await clock.advance(120_000);
    expect(told).to.deep.equal([
      '45 refresh 90',
      '45 refresh 600',
      '55 refresh 600',
      '60 the session was not refreshed in time',
    ]);
  });

  it('passes over the answer to a refresh when something else was agreed on meanwhile, or all is over', async () => {
    for (const next of [(): void => timer.agree(undefined), (): void => timer.stop()]) {
      const answer: { give?: (refreshed: Refreshed) => void } = {};
      answers = [new Promise((resolve) => (answer.give = resolve))];
      timer.agree({ seconds: 90, refresher: 'us' });
      await clock.advance(45_000);
      expect(timer.state).to.equal('refreshing');
      next();
      answer.give?.({ kind: 'gone' });
      await clock.advance(200_000);
    }
    expect(told).to.have.length(2);
    timer.agree({ seconds: 90, refresher: 'us' });
    expect(timer.state).to.equal('over');
  });

  it('waits up to two seconds, in steps of 10 ms, after a request that crossed one of the peer’s', () => {
    expect([glarePause(0), glarePause(0.5), glarePause(0.9999)]).to.deep.equal([0, 1_000, 2_000]);
  });
});
