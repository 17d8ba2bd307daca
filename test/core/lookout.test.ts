import { expect } from 'chai';
import type { Clock } from '../../src/core/clock.ts';
import type { LookoutOptions } from '../../src/core/lookout.ts';
import { Lookout } from '../../src/core/lookout.ts';
import { FakeClock, settle } from '../doubles/fake-clock.ts';

/** A clock whose hands are put back, as a machine's are; its timers wait as long as they were told to. */
class SetBackClock implements Clock {
  readonly hands = new FakeClock(0);
  putBack = 0;

  now(): number {
    return this.hands.now() - this.putBack;
  }

  after(delay: number, callback: () => void): ReturnType<Clock['after']> {
    return this.hands.after(delay, callback);
  }
}

/** A lookout whose looks begin when they may, and end when the test says so, or at once. */
function setUp(options: Partial<LookoutOptions> = {}) {
  const clock = new SetBackClock();
  /** When each look began, ms since the start. */
  const looks: number[] = [];
  const open: ((next: number) => void)[] = [];
  const mode = { slow: false };
  const lookout = new Lookout({
    clock,
    look: () => {
      looks.push(clock.hands.now());
      return mode.slow ? new Promise((resolve) => open.push(resolve)) : Promise.resolve(Infinity);
    },
    earliest: () => -Infinity,
    ...options,
  });
  return {
    clock,
    looks,
    mode,
    lookout,
    advance: (ms: number) => clock.hands.advance(ms),
    pendingTimers: () => clock.hands.pendingTimers,
    /** Ends the look under way, which says when to look next. */
    endLook: async (next = Infinity): Promise<void> => {
      const end = open.shift();
      if (end === undefined) throw new Error('no look is under way');
      end(next);
      await settle();
    },
    /** Looks that are under way. */
    underWay: () => open.length,
  };
}

describe('A lookout', () => {
  it('looks at once when it is asked to, and rests when there is nothing to wait for', async () => {
    const { lookout, looks, pendingTimers } = setUp();
    lookout.lookNow();
    expect(looks).to.deep.equal([0]);
    await settle();
    expect(pendingTimers()).to.equal(0);
  });

  it('looks at once for a time that is over', () => {
    const { lookout, looks } = setUp();
    lookout.lookAt(-1000);
    expect(looks).to.deep.equal([0]);
  });

  it('looks at the time it was asked for, and not a millisecond sooner', async () => {
    const { lookout, looks, advance } = setUp();
    lookout.lookAt(100);
    await advance(99);
    expect(looks).to.deep.equal([]);
    await advance(1);
    expect(looks).to.deep.equal([100]);
  });

  it('looks again when the look says so', async () => {
    const { lookout, looks, mode, advance, endLook } = setUp();
    mode.slow = true;
    lookout.lookNow();
    await advance(10);
    await endLook(50);
    await advance(1000);
    expect(looks).to.deep.equal([0, 50]);
  });

  it('makes one look of many that are asked for before it', async () => {
    const { lookout, looks, advance, pendingTimers } = setUp({ earliest: () => 20 });
    for (let i = 0; i < 100; i++) lookout.lookNow();
    expect(pendingTimers()).to.equal(1);
    await advance(1000);
    expect(looks).to.deep.equal([20]);
  });

  it('looks sooner when it is asked for sooner, and then not once more at the later time', async () => {
    const { lookout, looks, advance, pendingTimers } = setUp();
    lookout.lookAt(500);
    lookout.lookAt(100);
    expect(pendingTimers()).to.equal(1);
    await advance(1000);
    expect(looks).to.deep.equal([100]);
  });

  it('does not put off a look for a later one', async () => {
    const { lookout, looks, advance } = setUp();
    lookout.lookAt(100);
    lookout.lookAt(500);
    await advance(100);
    expect(looks).to.deep.equal([100]);
  });

  it('looks at once though it waits for a later time', async () => {
    const { lookout, looks, advance, pendingTimers } = setUp();
    lookout.lookAt(500);
    lookout.lookNow();
    expect(looks).to.deep.equal([0]);
    expect(pendingTimers()).to.equal(0);
    await advance(1000);
    expect(looks).to.deep.equal([0]);
  });

  it('never looks twice at once: what is asked for during a look comes after it, once', async () => {
    const { lookout, looks, mode, advance, underWay, endLook } = setUp();
    mode.slow = true;
    lookout.lookNow();
    await advance(10);
    lookout.lookNow();
    lookout.lookNow();
    await advance(10);
    expect(underWay()).to.equal(1);
    await endLook();
    expect(looks).to.deep.equal([0, 20]);
    await endLook();
    await advance(1000);
    expect(looks).to.deep.equal([0, 20]);
  });

  it('looks after a look at the sooner of what was asked for and what the look says', async () => {
    const { lookout, looks, mode, advance, endLook } = setUp();
    mode.slow = true;
    lookout.lookNow();
    lookout.lookAt(300);
    lookout.lookAt(200);
    lookout.lookAt(400);
    await endLook(250);
    await advance(200);
    expect(looks).to.deep.equal([0, 200]);
    lookout.lookAt(700);
    await endLook(600);
    await advance(400);
    expect(looks).to.deep.equal([0, 200, 600]);
  });

  it('keeps in mind what a look itself asks for as it begins', async () => {
    const looks: number[] = [];
    const { lookout, clock } = setUp({
      look: () => {
        looks.push(clock.now());
        if (looks.length === 1) lookout.lookNow();
        expect(looks, 'a look within a look').to.have.length.below(3);
        return Promise.resolve(Infinity);
      },
    });
    lookout.lookNow();
    expect(looks).to.have.length(1);
    await settle();
    expect(looks).to.have.length(2);
  });

  it('keeps the distance between two looks from the beginning of the first', async () => {
    const { lookout, looks, mode, advance, endLook } = setUp({ earliest: (lastLook) => lastLook + 20 });
    mode.slow = true;
    lookout.lookNow();
    lookout.lookNow();
    await advance(5);
    await endLook();
    await advance(14);
    expect(looks).to.deep.equal([0]);
    await advance(1);
    expect(looks).to.deep.equal([0, 20]);
    await advance(100);
    await endLook(0);
    expect(looks).to.deep.equal([0, 20, 120]);
  });

  it('waits no longer than the longest wait, whatever was asked for and may be', async () => {
    const { lookout, looks, advance } = setUp({ earliest: () => 10_000, longestWait: 5000 });
    lookout.lookAt(60_000);
    await advance(4999);
    expect(looks).to.deep.equal([]);
    await advance(1);
    expect(looks).to.deep.equal([5000]);
  });

  it('looks at once though it waits for a time before which the clock was put back', async () => {
    const { lookout, looks, clock, advance, pendingTimers } = setUp();
    lookout.lookAt(1000);
    await advance(100);
    clock.putBack = 3_600_000;
    lookout.lookNow();
    expect(looks).to.deep.equal([100]);
    expect(pendingTimers()).to.equal(0);
  });

  it('waits no longer than the longest wait though the clock was put back during a look', async () => {
    const { lookout, looks, mode, clock, advance, endLook } = setUp({ longestWait: 5000 });
    mode.slow = true;
    await advance(100);
    lookout.lookNow();
    clock.putBack = 3_600_000;
    await endLook(200);
    await advance(5000);
    expect(looks).to.deep.equal([100, 5100]);
  });

  it('tells what bounds a look when the last began and what the time is now, be it before that', async () => {
    const told: [number, number][] = [];
    const { lookout, clock, advance } = setUp({
      earliest: (lastLook, now) => {
        told.push([lastLook, now]);
        return now;
      },
    });
    lookout.lookNow();
    await advance(50);
    clock.putBack = 1000;
    lookout.lookNow();
    expect(told[0]).to.deep.equal([-Infinity, 0]);
    expect(told.at(-1)).to.deep.equal([0, -950]);
  });

  it('tells how late a look begins that it waited for, ahead of the look', () => {
    const events: string[] = [];
    const hands = { now: 0 };
    const timers: (() => void)[] = [];
    const clock: Clock = {
      now: () => hands.now,
      after: (_delay, callback) => {
        timers.push(callback);
        return { cancel: () => undefined };
      },
    };
    const lookout = new Lookout({
      clock,
      look: () => {
        events.push(`look at ${hands.now}`);
        return new Promise(() => undefined);
      },
      earliest: () => -Infinity,
      onWaited: (late) => events.push(`${late} ms late`),
    });
    lookout.lookAt(100);
    hands.now = 170;
    for (const fire of timers) fire();
    expect(events).to.deep.equal(['70 ms late', 'look at 170']);
  });

  it('says nothing of lateness about a look it did not wait for', () => {
    const waited: number[] = [];
    const { lookout, looks } = setUp({ onWaited: (late) => waited.push(late) });
    lookout.lookAt(-500);
    expect(looks).to.deep.equal([0]);
    expect(waited).to.deep.equal([]);
  });

  describe('that is stopped', () => {
    it('looks no more, and leaves no timer behind', async () => {
      const { lookout, looks, advance, pendingTimers } = setUp();
      lookout.lookAt(100);
      await lookout.stop();
      expect(pendingTimers()).to.equal(0);
      lookout.lookNow();
      lookout.lookAt(200);
      expect(pendingTimers()).to.equal(0);
      await advance(1000);
      expect(looks).to.deep.equal([]);
    });

    it('waits for the look under way, and begins none of those that were asked for meanwhile', async () => {
      const { lookout, looks, mode, advance, endLook, pendingTimers } = setUp();
      mode.slow = true;
      lookout.lookNow();
      lookout.lookAt(50);
      let over = false;
      const stopped = lookout.stop().then(() => {
        over = true;
      });
      await advance(10);
      expect(over).to.equal(false);
      await endLook(20);
      await stopped;
      expect(pendingTimers()).to.equal(0);
      await advance(1000);
      expect(looks).to.deep.equal([0]);
    });

    it('may be stopped twice', async () => {
      const { lookout } = setUp();
      await Promise.all([lookout.stop(), lookout.stop()]);
      await lookout.stop();
    });
  });
});
