import { expect } from 'chai';
import type { NewMessage } from '../../src/mailbox/ports.ts';
import { STORE_LIMITS } from '../../src/store/limits.ts';
import type { Store } from '../../src/store/store.ts';
import { beside, trueMailbox } from './beside.ts';
import { asked } from './receipt-store-contract.ts';
import { ALICE, CAROL, ShiftedClock, openForTest, text } from './store-contract.ts';

const MINUTE = 60_000;
const BOB = 'sip:bob@example.test';

/** For how long every store keeps what was read, and knows what is gone. `newUrl` names a database that nobody used. */
export function retentionStoreContract(newUrl: () => Promise<string>): void {
  let url: string;
  let store: Store;
  let clock: ShiftedClock;
  let dirty: string[];

  const open = (keepsRead: boolean): Promise<Store> => openForTest(url, { clock, dirty, keepsRead });

  beforeEach(async () => {
    url = await newUrl();
    clock = new ShiftedClock();
    dirty = [];
    store = await open(true);
  });

  afterEach(async () => {
    await store.close();
  });

  /** Keeps and reads texts, one a minute; their ids. */
  const read = async (texts: readonly Partial<NewMessage>[]): Promise<number[]> => {
    const ids: number[] = [];
    for (const parts of texts) {
      const { owner } = text(parts);
      await store.deposit(text(parts));
      const [held] = await store.lease(owner, 't', clock.now() + MINUTE, 1);
      expect(await store.markRead('t', held?.id ?? 0)).to.equal(true);
      ids.push(held?.id ?? 0);
      clock.shift += MINUTE;
    }
    return ids;
  };
  const statuses = async (): Promise<unknown[]> => {
    const until = clock.now() + MINUTE;
    const receipts = await store.claimReceipts({ node: 'n', until }, clock.now(), 100);
    return receipts.map(({ status, to, messageId }) => [status, to, messageId]);
  };
  const rows = async (table: string): Promise<number> => {
    const knex = beside(url);
    try {
      const found: unknown[] = await knex(table).select('*');
      return found.length;
    } finally {
      await knex.destroy();
    }
  };

  describe('a text that was read', () => {
    it('goes when its time is over, not sooner, and leaves the counts and the lamp', async () => {
      const started = clock.now();
      await read([{ urgent: true }, {}, { owner: CAROL }]);
      await store.deposit(text());
      dirty.length = 0;
      expect(await store.dropRead(started - 1, 10)).to.equal(0);
      expect(dirty).to.deep.equal([]);
      const oldest = (await store.oldestReadAt()) ?? 0;
      expect(oldest).to.be.within(started, clock.now());
      expect(await store.dropRead(oldest, 10)).to.equal(1);
      expect(await trueMailbox(url, ALICE)).to.include({ new: 1, old: 1 });
      expect(await store.oldestReadAt()).to.be.above(oldest);
      expect(await store.dropRead(clock.now(), 10)).to.equal(2);
      expect(await store.oldestReadAt()).to.equal(null);
      expect(new Set(dirty)).to.deep.equal(new Set([ALICE, CAROL].map(String)));
      expect(await trueMailbox(url, ALICE)).to.include({ new: 1, old: 0 });
    });

    it('stays when its owner saved it', async () => {
      const ids = await read([{}, {}]);
      await store.saveTexts(ALICE, ids.slice(0, 1));
      expect(await store.dropRead(clock.now(), 10)).to.equal(1);
      expect(await store.oldestReadAt()).to.equal(null);
      expect(await trueMailbox(url, ALICE)).to.include({ old: 1 });
    });

    it('goes within the limit, those read longest ago first, however many', async () => {
      const many = STORE_LIMITS.sweepBatch + 20;
      await Promise.all(Array.from({ length: many }, () => store.deposit(text())));
      for (const { id } of await store.lease(ALICE, 't', clock.now() + MINUTE, 10))
        await store.markRead('t', id);
      clock.shift = MINUTE;
      const rest = await store.lease(ALICE, 't', clock.now() + MINUTE, many);
      await Promise.all(rest.map(({ id }) => store.markRead('t', id)));
      const later = (await store.readTexts(ALICE, 1))[0]?.readAt ?? 0;
      expect(await store.dropRead(clock.now(), 10)).to.equal(10);
      expect(await store.oldestReadAt()).to.be.at.least(later - MINUTE / 2);
      expect(await store.dropRead(clock.now(), 1_000)).to.equal(many - 10);
      expect(await trueMailbox(url, ALICE)).to.deep.equal({ new: 0, old: 0, scheduled: 0, bytes: 0 });
    });

    it('and went is known again, until nobody sends it again any more', async () => {
      const same = text();
      await read([same]);
      await store.dropRead(clock.now(), 10);
      expect(await store.deposit(same)).to.equal('duplicate');
      expect(await store.counts(ALICE)).to.include({ new: 0, old: 0 });
      expect(await store.forgetGone(clock.now(), 10)).to.equal(0);
      clock.shift += STORE_LIMITS.resendWindow;
      expect(await store.forgetGone(clock.now(), 10)).to.equal(1);
      expect(await rows('gone_text')).to.equal(0);
      expect(await store.deposit(same)).to.equal('stored');
    });

    it('may be said to be displayed after it went, once, for as long as it is known', async () => {
      const receipts = asked(['display'], { messageId: 'seen' });
      await read([{ receipts }, { receipts: asked(['positive-delivery'], { messageId: 'other' }) }]);
      await store.dropRead(clock.now(), 10);
      expect(await rows('receipt_request')).to.equal(0);
      expect(await store.markDisplayed(ALICE, 'other', null)).to.equal(false);
      expect(await store.markDisplayed(CAROL, 'seen', null)).to.equal(false);
      expect(await store.markDisplayed(ALICE, 'seen', BOB)).to.equal(true);
      expect(await store.markDisplayed(ALICE, 'seen', null)).to.equal(true);
      expect(await statuses()).to.deep.equal([
        ['delivered', BOB, 'other'],
        ['displayed', BOB, 'seen'],
      ]);
      clock.shift += STORE_LIMITS.resendWindow;
      await store.forgetGone(clock.now(), 10);
      expect(await rows('display_request')).to.equal(0);
      expect(await store.markDisplayed(ALICE, 'seen', null)).to.equal(false);
    });

    it('is told apart from others with its id by its author, whether these are there still or not', async () => {
      const receipts = asked(['display'], { messageId: 'same' });
      const [first] = await read([
        { receipts, author: 'sip:one@x' },
        { receipts, author: 'sip:two@x' },
      ]);
      await store.saveTexts(ALICE, [first ?? 0]);
      await store.dropRead(clock.now(), 10);
      await store.deposit(text({ receipts, author: 'sip:three@x' }));
      expect(await store.markDisplayed(ALICE, 'same', 'sip:two@x')).to.equal(true);
      expect(await store.markDisplayed(ALICE, 'same', 'sip:three@x')).to.equal(true);
      expect(await store.markDisplayed(ALICE, 'same', 'sip:nobody@x')).to.equal(true);
      expect(await statuses()).to.deep.equal(
        ['two', 'three', 'one'].map((name) => ['displayed', `sip:${name}@x`, 'same']),
      );
    });
  });

  describe('where nothing that was read is kept', () => {
    beforeEach(async () => {
      await store.close();
      store = await open(false);
    });

    it('a text is gone when it is read, and its senders are told as ever', async () => {
      const receipts = asked(['positive-delivery', 'display'], { messageId: 'm' });
      const same = text({ receipts, urgent: true });
      await store.deposit(text());
      await read([]);
      await store.deposit(same);
      const held = await store.lease(ALICE, 't', clock.now() + MINUTE, 2);
      dirty.length = 0;
      for (const { id } of held) expect(await store.markRead('t', id)).to.equal(true);
      expect(await store.markRead('t', held[0]?.id ?? 0)).to.equal(false);
      expect(new Set(dirty)).to.deep.equal(new Set([ALICE.toString()]));
      expect(await trueMailbox(url, ALICE)).to.deep.equal({ new: 0, old: 0, scheduled: 0, bytes: 0 });
      expect(await rows('message')).to.equal(0);
      expect(await store.deposit(same)).to.equal('duplicate');
      expect(await store.markDisplayed(ALICE, 'm', BOB)).to.equal(true);
      expect((await statuses()).map((each) => (each as string[])[0])).to.deep.equal([
        'delivered',
        'displayed',
      ]);
    });

    it('a text is not gone for who no longer holds it', async () => {
      await store.deposit(text());
      const [held] = await store.lease(ALICE, 't', clock.now() + MINUTE, 1);
      await store.releaseLease('t');
      expect(await store.markRead('t', held?.id ?? 0)).to.equal(false);
      expect(await trueMailbox(url, ALICE)).to.include({ new: 1 });
    });
  });

  it('that a text expired is no reason to say it was displayed', async () => {
    const receipts = asked(['display', 'negative-delivery'], { messageId: 'late' });
    await store.deposit(text({ receipts, expiresAt: clock.now() }));
    expect(await store.expireTexts(clock.now(), 10)).to.equal(1);
    expect(await store.markDisplayed(ALICE, 'late', null)).to.equal(false);
  });

  it('forgets within the limit, and what is not over yet never', async () => {
    await read(Array.from({ length: 4 }, () => ({ receipts: asked(['display']) })));
    await store.dropRead(clock.now(), 3);
    clock.shift += MINUTE;
    await store.dropRead(clock.now(), 3);
    clock.shift += STORE_LIMITS.resendWindow - MINUTE / 2;
    expect(await store.forgetGone(clock.now(), 2)).to.equal(2);
    expect(await store.forgetGone(clock.now(), 2)).to.equal(1);
    expect(await store.forgetGone(clock.now(), 2)).to.equal(0);
    expect([await rows('gone_text'), await rows('display_request')]).to.deep.equal([1, 1]);
  });
}
