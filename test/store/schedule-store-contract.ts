import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { NewMessage } from '../../src/mailbox/ports.ts';
import { STORE_LIMITS } from '../../src/store/limits.ts';
import type { Store } from '../../src/store/store.ts';
import { trueMailbox } from './beside.ts';
import { asked } from './receipt-store-contract.ts';
import { ALICE, ShiftedClock, openForTest, text } from './store-contract.ts';

const MINUTE = 60_000;

/** How every store keeps texts that are due later. `newUrl` names a database that nobody used. */
export function scheduleStoreContract(newUrl: () => Promise<string>): void {
  let url: string;
  let store: Store;
  let clock: ShiftedClock;
  let dirty: string[];
  let woken: number;

  const open = (): Promise<Store> => openForTest(url, { clock, dirty, onScheduled: () => (woken += 1) });

  beforeEach(async () => {
    url = await newUrl();
    clock = new ShiftedClock();
    dirty = [];
    woken = 0;
    store = await open();
  });

  afterEach(async () => {
    await store.close();
  });

  /** A text that is due in so many ms. */
  const later = (after: number, parts: Partial<NewMessage> = {}): NewMessage => {
    const deliverAt = clock.now() + after;
    return text({ deliverAt, receivedAt: deliverAt, ...parts });
  };
  const deliver = (limit = 100, from = store): Promise<number> => from.deliverScheduled(clock.now(), limit);
  const lease = (token = 't'): ReturnType<Store['lease']> =>
    store.lease(ALICE, token, clock.now() + MINUTE, 100);

  describe('a text that is due later', () => {
    it('is neither counted, nor lit, nor handed out, nor shown before', async () => {
      expect(await store.deposit(later(MINUTE, { urgent: true }))).to.equal('stored');
      expect(woken).to.equal(1);
      expect(dirty).to.deep.equal([]);
      expect(await store.counts(ALICE)).to.deep.equal({ new: 0, old: 0, newUrgent: 0, oldUrgent: 0 });
      expect(await store.claimDue({ node: 'n', until: clock.now() + MINUTE }, clock.now(), 10)).to.deep.equal(
        [],
      );
      expect(await lease()).to.deep.equal([]);
      expect(await store.newestTexts(ALICE, 10)).to.deep.equal([]);
      const [lamp] = await store.lamps({ only: ALICE });
      expect(lamp?.counted).to.deep.equal(lamp?.counts);
      expect(await deliver()).to.equal(0);
      expect(await trueMailbox(url, ALICE)).to.include({ new: 0, scheduled: 1 });
    });

    it('beside new ones lets these be counted and lit alone', async () => {
      await Promise.all([store.deposit(later(MINUTE)), store.deposit(text()), store.deposit(later(MINUTE))]);
      expect(dirty).to.deep.equal([ALICE.toString()]);
      const [due] = await store.claimDue({ node: 'n', until: clock.now() + MINUTE }, clock.now(), 10);
      expect(due?.counts).to.include({ new: 1 });
      expect(await trueMailbox(url, ALICE)).to.include({ new: 1, scheduled: 2 });
    });

    it('is new once it was delivered, also after a restart: counted, lit, and handed out as of then', async () => {
      const kept = later(MINUTE, { urgent: true });
      await store.deposit(kept);
      await store.close();
      clock.shift = MINUTE;
      store = await open();
      expect(await lease(), 'due, and not delivered yet').to.deep.equal([]);
      expect(await deliver()).to.equal(1);
      expect(dirty).to.deep.equal([ALICE.toString()]);
      expect(await trueMailbox(url, ALICE)).to.include({ new: 1, scheduled: 0 });
      const [due] = await store.claimDue({ node: 'n', until: clock.now() + MINUTE }, clock.now(), 10);
      expect(due?.counts).to.deep.equal({ new: 1, old: 0, newUrgent: 1, oldUrgent: 0 });
      const [leased] = await lease();
      expect(leased).to.include({ deliverAt: null, receivedAt: kept.receivedAt });
      expect(await deliver()).to.equal(0);
    });

    it('sent again is a duplicate, before and after', async () => {
      const kept = later(MINUTE);
      await store.deposit(kept);
      expect(await store.deposit(kept)).to.equal('duplicate');
      clock.shift = MINUTE;
      await deliver();
      expect(await store.deposit(kept)).to.equal('duplicate');
    });

    it('does not expire before it is due; one that is too late then goes, and its sender is told', async () => {
      const receipts = asked(['negative-delivery']);
      await store.deposit(later(2 * MINUTE, { expiresAt: clock.now() + MINUTE, receipts }));
      clock.shift = MINUTE;
      expect(await store.nextExpiryAt()).to.equal(null);
      expect(await store.expireTexts(clock.now(), 10)).to.equal(0);
      clock.shift = 2 * MINUTE;
      expect(await deliver()).to.equal(1);
      expect(await lease()).to.deep.equal([]);
      expect(await store.expireTexts(clock.now(), 10)).to.equal(1);
      const told = await store.claimReceipts({ node: 'n', until: clock.now() + MINUTE }, clock.now(), 10);
      expect(told.map(({ status }) => status)).to.deep.equal(['failed']);
      expect(await trueMailbox(url, ALICE)).to.deep.equal({ new: 0, old: 0, scheduled: 0, bytes: 0 });
    });

    it('tells when it is due', async () => {
      expect(await store.nextScheduledAt()).to.equal(null);
      await store.deposit(text());
      expect(await store.nextScheduledAt()).to.equal(null);
      const [second, first] = [later(2 * MINUTE), later(MINUTE)];
      await store.deposit(second);
      await store.deposit(first);
      expect(await store.nextScheduledAt()).to.equal(first.deliverAt);
      clock.shift = MINUTE;
      await deliver();
      expect(await store.nextScheduledAt()).to.equal(second.deliverAt);
    });
  });

  it('delivers within the limit, those due longest first, however many', async () => {
    const many = STORE_LIMITS.sweepBatch + 20;
    const owners = Array.from({ length: 20 }, (_, i) => AddressOfRecord.parse(`sip:u${i}@example.test`));
    await Promise.all(
      Array.from({ length: many }, (_, i) => {
        const owner = owners[i % owners.length] ?? ALICE;
        return store.deposit(later(MINUTE + many - i, { owner }));
      }),
    );
    clock.shift = 2 * MINUTE;
    expect(await deliver(many - 5)).to.equal(many - 5);
    const waiting = await Promise.all(owners.map(async (owner) => (await trueMailbox(url, owner)).scheduled));
    expect(waiting).to.deep.equal(waiting.map((_, i) => (i < 5 ? 1 : 0)));
    expect(await deliver(1_000)).to.equal(5);
    expect(await deliver(0)).to.equal(0);
  });

  it('makes each new once while nodes deliver, delete, fetch and keep at the same time', async () => {
    const other = await open();
    try {
      const texts = Array.from({ length: 60 }, (_, i) =>
        later(i % 3 === 0 ? MINUTE : 0, { urgent: i % 2 === 0 }),
      );
      let delivered = 0;
      const sweep = async (from: Store): Promise<void> => {
        for (let round = 0; round < 15; round++) {
          const due = await deliver(5, from);
          delivered += due;
        }
      };
      const fetch = async (from: Store, token: string): Promise<void> => {
        for (let round = 0; round < 10; round++) {
          for (const { id } of await from.lease(ALICE, token, clock.now() + MINUTE, 3)) {
            expect(await from.markRead(token, id)).to.equal(true);
          }
        }
      };
      await Promise.all([
        ...texts.map((each, i) => (i % 2 === 0 ? store : other).deposit(each)),
        sweep(store),
        sweep(other),
        fetch(store, 'a'),
        fetch(other, 'b'),
      ]);
      delivered += await deliver();
      expect(delivered).to.equal(40);
      const { new: unread, old, scheduled } = await trueMailbox(url, ALICE);
      expect([unread + old, scheduled]).to.deep.equal([40, 20]);
    } finally {
      await other.close();
    }
  });
}
