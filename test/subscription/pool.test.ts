import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { SUBSCRIPTION_LIMITS } from '../../src/subscription/limits.ts';
import { SubscriptionPool } from '../../src/subscription/pool.ts';
import type { Notification, SubscribeResponse } from '../../src/subscription/ports.ts';
import { SteadyPace } from '../../src/subscription/steady-pace.ts';
import { FakeClock, settle } from '../doubles/fake-clock.ts';
import { seededRandom } from '../doubles/seeded-random.ts';

const ALICE = AddressOfRecord.parse('sip:alice@example.test');
const ENDED: Notification<string> = {
  state: 'terminated',
  expires: null,
  reason: 'timeout',
  retryAfter: null,
  body: null,
};

/** One SUBSCRIBE that began a subscription, answered by the test. */
interface Asked {
  readonly notify: (notification: Notification<string>) => void;
  readonly answer: (response: SubscribeResponse) => void;
  readonly refreshes: number[];
  isForgotten: boolean;
  readonly accept: () => void;
}

describe('many subscriptions', () => {
  let clock: FakeClock;
  let pool: SubscriptionPool<string>;
  let asked: Asked[];
  let told: string[];

  beforeEach(() => {
    clock = new FakeClock();
    asked = [];
    told = [];
    pool = new SubscriptionPool<string>({
      subscriber: {
        subscribe: (_target, _expires, notify) =>
          new Promise((answer) => {
            const each: Asked = {
              notify,
              answer,
              refreshes: [],
              isForgotten: false,
              accept: () => {
                const subscription = {
                  refresh: (expires: number) => {
                    each.refreshes.push(expires);
                    return Promise.resolve({ kind: 'accepted', expires } as const);
                  },
                  forget: () => {
                    each.isForgotten = true;
                  },
                };
                answer({ kind: 'accepted', expires: 600, subscription });
              },
            };
            asked.push(each);
          }),
      },
      pace: new SteadyPace(100, clock),
      rate: 100,
      maxInFlight: 4,
      onNotify: (_user, { body, state }) => told.push(body ?? state),
      onAnswer: () => undefined,
      clock,
      random: seededRandom(3),
    });
  });

  afterEach(() => {
    pool.stop();
    expect(clock.pendingTimers).to.equal(0);
  });

  function last(): Asked {
    return asked.at(-1) ?? expect.fail('nothing was asked');
  }

  it('are ended with Expires: 0, and their last NOTIFY is waited for', async () => {
    pool.add(ALICE);
    last().accept();
    await settle();
    pool.remove(ALICE);
    await clock.advance(100);
    expect(last().refreshes).to.deep.equal([0]);
    expect(last().isForgotten).to.equal(false);
    last().notify(ENDED);
    await settle();
    expect(last().isForgotten).to.equal(true);
    expect(told).to.deep.equal([]);
  });

  it('are forgotten when their last NOTIFY does not come', async () => {
    pool.add(ALICE);
    last().accept();
    await settle();
    pool.remove(ALICE);
    await clock.advance(SUBSCRIPTION_LIMITS.lastNotify + 100);
    expect(last().isForgotten).to.equal(true);
  });

  it('are ended that were given up before they were answered', async () => {
    pool.add(ALICE);
    pool.remove(ALICE);
    last().accept();
    await clock.advance(100);
    expect(last().refreshes).to.deep.equal([0]);
    expect(pool.size).to.equal(0);
  });

  it('are begun anew for a user who was given up meanwhile: the old one says nothing any more', async () => {
    pool.add(ALICE);
    const first = last();
    pool.remove(ALICE);
    pool.add(ALICE);
    await clock.advance(100);
    expect(asked).to.have.length(2);
    first.accept();
    last().accept();
    await clock.advance(100);
    first.notify({ ...ENDED, state: 'active', body: 'old' });
    last().notify({ ...ENDED, state: 'active', body: 'new' });
    expect(told).to.deep.equal(['new']);
    expect(first.refreshes).to.deep.equal([0]);
    expect(last().refreshes).to.deep.equal([]);
  });

  it('are dropped without a word where they are forgotten', async () => {
    pool.add(ALICE);
    last().accept();
    await settle();
    pool.forget(ALICE);
    expect(last().isForgotten).to.equal(true);
    await clock.advance(SUBSCRIPTION_LIMITS.lastNotify);
    expect(last().refreshes).to.deep.equal([]);
  });

  it('are forgotten that are answered after it was stopped, or too late', async () => {
    pool.add(ALICE);
    await clock.advance(SUBSCRIPTION_LIMITS.subscribeDeadline);
    const tooLate = last();
    tooLate.accept();
    await clock.advance(5_000);
    expect(tooLate.isForgotten).to.equal(true);
    const inFlight = last();
    expect(inFlight).not.to.equal(tooLate);
    pool.stop();
    await settle();
    inFlight.accept();
    await settle();
    expect(inFlight.isForgotten).to.equal(true);
  });
});
