import { expect } from 'chai';
import { silentLogger } from '../../../src/core/logger.ts';
import { noMetrics } from '../../../src/core/metrics.ts';
import { expiresAt, startExpiry } from '../../../src/mailbox/sweeps/expiry.ts';
import type { ExpiryStore } from '../../../src/mailbox/ports.ts';
import { StoreUnavailable } from '../../../src/mailbox/ports.ts';
import { EXPIRY_LIMITS } from '../../../src/mailbox/sweeps/sweep-limits.ts';
import type { Sweeper } from '../../../src/mailbox/sweeps/sweeper.ts';
import { FakeClock, settle } from '../../doubles/fake-clock.ts';
import { seededRandom } from '../../doubles/seeded-random.ts';

describe('the life of a text', () => {
  const at = (ttl: number, expires: number | null): number | null => expiresAt(1_000, { ttl, expires });

  it('has no end unless somebody sets one', () => expect(at(0, null)).to.equal(null));
  it('is the operator’s', () => expect(at(60, null)).to.equal(61_000));
  it('is the sender’s', () => expect(at(0, 30)).to.equal(31_000));
  it('is the shorter of both', () => {
    expect(at(60, 30)).to.equal(31_000);
    expect(at(60, 90)).to.equal(61_000);
  });
});

/** Texts by the instant they expire. */
class Texts implements ExpiryStore {
  ends: number[] = [];
  readonly sweeps: number[] = [];
  down = false;

  expireTexts(now: number, limit: number): Promise<number> {
    if (this.down) return Promise.reject(new StoreUnavailable('sweep'));
    const gone = this.ends.filter((end) => end <= now).slice(0, limit);
    this.ends = this.ends.filter((end) => !gone.includes(end));
    this.sweeps.push(gone.length);
    return Promise.resolve(gone.length);
  }

  nextExpiryAt(): Promise<number | null> {
    return Promise.resolve(this.ends.length === 0 ? null : Math.min(...this.ends));
  }
}

describe('the sweep of texts that are too old', () => {
  let clock: FakeClock;
  let texts: Texts;
  let expiry: Sweeper;

  beforeEach(() => {
    clock = new FakeClock();
    texts = new Texts();
  });

  afterEach(async () => {
    await expiry.stop();
    expect(clock.pendingTimers).to.equal(0);
  });

  async function start(): Promise<void> {
    expiry = startExpiry({
      store: texts,
      clock,
      random: seededRandom(),
      logger: silentLogger,
      metrics: noMetrics,
    });
    await settle();
  }

  it('takes away at the start what went by meanwhile', async () => {
    texts.ends = [clock.now() - 5, clock.now()];
    await start();
    expect(texts.ends).to.deep.equal([]);
  });

  it('comes when the next one’s time is over', async () => {
    texts.ends = [clock.now() + 1_000];
    await start();
    await clock.advance(999);
    expect(texts.ends).to.have.length(1);
    await clock.advance(1);
    expect(texts.ends).to.have.length(0);
  });

  it('finds in time what came after it looked', async () => {
    await start();
    texts.ends = [clock.now() + 100];
    await clock.advance(EXPIRY_LIMITS.pollCeiling);
    expect(texts.ends).to.have.length(0);
  });

  it('works off a backlog in bounded steps with rests between', async () => {
    texts.ends = Array.from({ length: 2 * EXPIRY_LIMITS.batch + 1 }, (_, i) => clock.now() - 1 - i);
    await start();
    expect(texts.sweeps).to.deep.equal([EXPIRY_LIMITS.batch]);
    await clock.advance(2 * EXPIRY_LIMITS.gap);
    expect(texts.sweeps).to.deep.equal([EXPIRY_LIMITS.batch, EXPIRY_LIMITS.batch, 1]);
  });

  it('does not spin over a text that is being handed over just now', async () => {
    texts.ends = [clock.now() - 1];
    texts.expireTexts = () => {
      texts.sweeps.push(0);
      return Promise.resolve(0);
    };
    await start();
    await clock.advance(10 * EXPIRY_LIMITS.gap);
    expect(texts.sweeps.length).to.be.within(10, 11);
  });

  it('goes on after the database was down', async () => {
    texts.down = true;
    texts.ends = [clock.now()];
    await start();
    await clock.advance(60_000);
    texts.down = false;
    await clock.advance(EXPIRY_LIMITS.storeBackoff.ceiling);
    expect(texts.ends).to.have.length(0);
  });
});
