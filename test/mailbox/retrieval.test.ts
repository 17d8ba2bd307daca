import { expect } from 'chai';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { MAILBOX_LIMITS } from '../../src/mailbox/limits.ts';
import type { RetrievalStore } from '../../src/mailbox/ports.ts';
import { StoreUnavailable, TextRefused } from '../../src/mailbox/ports.ts';
import { Retrievals } from '../../src/mailbox/retrieval.ts';
import type { Store } from '../../src/store/store.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { seededRandom } from '../doubles/seeded-random.ts';
import { ALICE, openForTest, text } from '../store/store-contract.ts';

describe('a retrieval', () => {
  let store: Store;
  let clock: FakeClock;

  beforeEach(async () => {
    store = await openForTest('sqlite::memory:');
    clock = new FakeClock(Date.now());
  });

  afterEach(async () => {
    await store.close();
    expect(clock.pendingTimers).to.equal(0);
  });

  const retrievals = (over: RetrievalStore = store, node = 'one'): Retrievals =>
    new Retrievals({
      store: over,
      node,
      clock,
      random: seededRandom(),
      logger: silentLogger,
      metrics: noMetrics,
    });

  async function deposit(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await store.deposit(text());
  }

  it('delivers more than one batch, in order, and the texts that come meanwhile', async () => {
    await deposit(MAILBOX_LIMITS.leaseBatch + 3);
    const seen: number[] = [];
    const result = await retrievals().run(ALICE, async ({ id }) => {
      seen.push(id);
      if (seen.length === 10) await deposit(1);
    });
    expect(result).to.deep.equal({ delivered: MAILBOX_LIMITS.leaseBatch + 4, refused: 0, elsewhere: 0 });
    expect(seen).to.deep.equal([...seen].sort((a, b) => a - b));
    expect((await store.counts(ALICE)).new).to.equal(0);
  });

  it('that breaks leaves new what was not acknowledged, and only that', async () => {
    await deposit(5);
    let count = 0;
    const broken = await retrievals()
      .run(ALICE, () => (++count > 3 ? Promise.reject(new Error('gone')) : Promise.resolve()))
      .catch((error: unknown) => error);
    expect(broken).to.have.property('message', 'gone');
    expect(await store.counts(ALICE)).to.deep.include({ new: 2, old: 3 });
    const { delivered } = await retrievals().run(ALICE, () => Promise.resolve());
    expect(delivered).to.equal(2);
  });

  it('goes on past a text that the client does not take, and leaves it new', async () => {
    await deposit(MAILBOX_LIMITS.leaseBatch + 5);
    let first: number | undefined;
    const result = await retrievals().run(ALICE, ({ id }) => {
      first ??= id;
      return id === first ? Promise.reject(new TextRefused()) : Promise.resolve();
    });
    expect(result).to.deep.equal({ delivered: MAILBOX_LIMITS.leaseBatch + 4, refused: 1, elsewhere: 0 });
    expect((await store.counts(ALICE)).new).to.equal(1);
  });

  it('says that texts are with another one, and takes none of them', async () => {
    await deposit(2);
    await store.lease(ALICE, 'another', Date.now() + 60_000, 10);
    const result = await retrievals().run(ALICE, () => Promise.reject(new Error('not ours')));
    expect(result).to.deep.equal({ delivered: 0, refused: 0, elsewhere: 2 });
  });

  it('after a crash brings what the same node held at once, and leaves what another holds', async () => {
    await deposit(2);
    const crashed: RetrievalStore = { ...store, releaseLease: () => Promise.reject(new Error('crashed')) };
    const broken = retrievals(crashed).run(ALICE, () => Promise.reject(new Error('gone')));
    expect(await broken.catch((error: unknown) => error)).to.have.property('message', 'gone');
    await deposit(1);
    const other = retrievals(store, 'another');
    await other.begin();
    expect(await other.run(ALICE, () => Promise.resolve())).to.deep.include({ delivered: 1, elsewhere: 2 });
    const restarted = retrievals();
    await restarted.begin();
    expect(await restarted.run(ALICE, () => Promise.resolve())).to.deep.include({ delivered: 2 });
  });

  it('marks an acknowledged text read though the database fails for a moment, and sends it once', async () => {
    await deposit(1);
    let failures = 3;
    const failing: RetrievalStore = {
      ...store,
      markRead: (token, id) =>
        failures-- > 0 ? Promise.reject(new StoreUnavailable('mark a text read')) : store.markRead(token, id),
    };
    let sent = 0;
    const run = retrievals(failing).run(ALICE, () => {
      sent++;
      return Promise.resolve();
    });
    while (failures >= 0) await clock.advance(MAILBOX_LIMITS.markReadRetry);
    expect(await run).to.deep.equal({ delivered: 1, refused: 0, elsewhere: 0 });
    expect(sent).to.equal(1);
    expect(await store.counts(ALICE)).to.deep.include({ new: 0, old: 1 });
  });

  it('renews its lease while a slow client reads', async () => {
    await deposit(1);
    let renewals = 0;
    const counting: RetrievalStore = {
      ...store,
      renewLease: async (token, until) => {
        renewals++;
        await store.renewLease(token, until);
      },
    };
    let acknowledge = (): void => undefined;
    const run = retrievals(counting).run(
      ALICE,
      () =>
        new Promise((resolve) => {
          acknowledge = resolve;
        }),
    );
    while (renewals < 3) await clock.advance(MAILBOX_LIMITS.leaseRenewal);
    acknowledge();
    await run;
    expect((await store.counts(ALICE)).old).to.equal(1);
  });
});
