import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { NewMessage } from '../../src/mailbox/ports.ts';
import { NOTHING_PUBLISHED } from '../../src/mwi/ports.ts';
import { STORE_LIMITS } from '../../src/store/limits.ts';
import type { Store } from '../../src/store/store.ts';
import { asked } from './receipt-store-contract.ts';
import { ALICE, CAROL, ShiftedClock, openForTest, text } from './store-contract.ts';

const MINUTE = 60_000;

/** What every store keeps of wrappers, and how it lets texts expire. `newUrl` names a database that nobody used. */
export function expiryStoreContract(newUrl: () => Promise<string>): void {
  let url: string;
  let store: Store;
  let clock: ShiftedClock;
  let dirty: string[];
  let woken: number;

  const open = (): Promise<Store> =>
    openForTest(url, { clock, dirty, maxTexts: 5_000, onReceiptDue: () => (woken += 1) });

  beforeEach(async () => {
    clock = new ShiftedClock();
    dirty = [];
    woken = 0;
    url = await newUrl();
    store = await open();
  });

  afterEach(async () => {
    await store.close();
  });

  const lease = (token = 't', limit = 100, owner = ALICE): ReturnType<Store['lease']> =>
    store.lease(owner, token, clock.now() + MINUTE, limit);
  const dying = (after: number, parts: Partial<NewMessage> = {}): NewMessage =>
    text({ expiresAt: clock.now() + after, ...parts });
  const expire = (limit = 100, from = store): Promise<number> => from.expireTexts(clock.now(), limit);
  const settleAll = async (): Promise<void> => {
    for (const due of await store.claimDue({ node: 'n', until: clock.now() + MINUTE }, clock.now(), 10)) {
      const state = { ...NOTHING_PUBLISHED, publishedVersion: due.wantedVersion };
      await store.settle(due.claim, due.target, state, { dueAt: null, notBefore: 0 });
    }
  };
  /** The counts, which must be those of the rows. */
  const trueCounts = async (owner = ALICE): Promise<unknown> => {
    const [lamp] = await store.lamps({ only: owner });
    expect(lamp?.counted).to.deep.equal(lamp?.counts);
    return lamp?.counts;
  };

  it('keeps the wrapper of a text byte for byte, and when it expires', async () => {
    const wrapper = Buffer.from('From: <sip:b@x>\r\nNS: Ü <urn:\u{1f30d}>\r\n\r\n\0\n\r\xff', 'latin1');
    const expiresAt = clock.now() + MINUTE;
    const texts = [
      text({ wrapper }),
      text(),
      text({ expiresAt }),
      text({ wrapper: Buffer.alloc(0), expiresAt }),
    ];
    await Promise.all(texts.map((each) => store.deposit(each)));
    await store.close();
    store = await open();
    const leased = await lease();
    expect(leased.map((each) => each.wrapper?.toString('hex') ?? null)).to.deep.equal([
      wrapper.toString('hex'),
      null,
      null,
      '',
    ]);
    expect(leased.map((each) => each.expiresAt)).to.deep.equal([null, null, expiresAt, expiresAt]);
  });

  it('bounds a commit by wrappers too', async () => {
    const wrapper = Buffer.alloc(STORE_LIMITS.batchBytes / 4, 'x');
    const texts = Array.from({ length: 12 }, () => text({ wrapper }));
    expect(await Promise.all(texts.map((each) => store.deposit(each)))).to.deep.equal(
      texts.map(() => 'stored'),
    );
  });

  describe('a text that expired', () => {
    it('is never handed out, swept or not, from the instant it names', async () => {
      await store.deposit(dying(MINUTE));
      await store.deposit(text());
      clock.shift = MINUTE;
      expect((await lease()).map(({ expiresAt }) => expiresAt)).to.deep.equal([null]);
      expect((await store.counts(ALICE)).new).to.equal(2);
    });

    it('leaves the counts and the lamp, urgent or not, and says so after the commit', async () => {
      await store.deposit(dying(MINUTE, { urgent: true }));
      await store.deposit(dying(MINUTE));
      await store.deposit(dying(3 * MINUTE, { urgent: true }));
      await store.deposit(text());
      await store.deposit(dying(MINUTE, { owner: CAROL }));
      await settleAll();
      dirty.length = 0;
      expect(await expire()).to.equal(0);
      expect(dirty).to.deep.equal([]);
      clock.shift = 2 * MINUTE;
      expect(await expire()).to.equal(3);
      expect(dirty.sort()).to.deep.equal([ALICE, CAROL].map(String));
      expect(await trueCounts()).to.deep.equal({ new: 2, old: 0, newUrgent: 1, oldUrgent: 0 });
      expect(await trueCounts(CAROL)).to.deep.equal({ new: 0, old: 0, newUrgent: 0, oldUrgent: 0 });
      const due = await store.claimDue({ node: 'n', until: clock.now() + MINUTE }, clock.now(), 10);
      expect(due.map(({ counts }) => counts.new).sort()).to.deep.equal([0, 2]);
      expect(await expire()).to.equal(0);
    });

    it('is not taken from who holds it, until the hold ends', async () => {
      for (let i = 0; i < 2; i++) await store.deposit(dying(MINUTE));
      const [first] = await lease();
      clock.shift = MINUTE - 1_000;
      await store.renewLease('t', clock.now() + 2 * MINUTE);
      clock.shift = 2 * MINUTE;
      expect(await expire()).to.equal(0);
      expect(await store.markRead('t', first?.id ?? 0)).to.equal(true);
      await store.releaseLease('t');
      expect(await expire()).to.equal(1);
      expect(await trueCounts()).to.deep.equal({ new: 0, old: 1, newUrgent: 0, oldUrgent: 0 });
    });

    it('whose hold lapsed goes, and cannot be marked read after', async () => {
      await store.deposit(dying(1_000));
      const [held] = await lease();
      clock.shift = 2 * MINUTE;
      expect(await expire()).to.equal(1);
      expect(await store.markRead('t', held?.id ?? 0)).to.equal(false);
      expect(await trueCounts()).to.deep.equal({ new: 0, old: 0, newUrgent: 0, oldUrgent: 0 });
    });

    it('after it was read stays read', async () => {
      await store.deposit(dying(MINUTE));
      const [held] = await lease();
      await store.markRead('t', held?.id ?? 0);
      clock.shift = 2 * MINUTE;
      expect(await store.nextExpiryAt()).to.equal(null);
      expect(await expire()).to.equal(0);
      expect(await trueCounts()).to.deep.equal({ new: 0, old: 1, newUrgent: 0, oldUrgent: 0 });
    });

    it('is told of to who asked for that', async () => {
      await store.deposit(dying(0, { receipts: asked(['negative-delivery'], { messageId: 'tell' }) }));
      await store.deposit(dying(0, { receipts: asked(['positive-delivery', 'display']) }));
      await store.deposit(dying(0));
      expect(woken).to.equal(0);
      expect(await expire()).to.equal(3);
      expect(woken).to.equal(1);
      const until = clock.now() + MINUTE;
      const receipts = await store.claimReceipts({ node: 'n', until }, clock.now(), 10);
      expect(receipts.map(({ status, messageId }) => [status, messageId])).to.deep.equal([
        ['failed', 'tell'],
      ]);
      expect(await store.markDisplayed(ALICE, 'tell', null)).to.equal(false);
    });

    it('and is sent again is known, until nobody does so any more', async () => {
      const same = dying(0);
      await store.deposit(same);
      await expire();
      expect(await store.deposit(same)).to.equal('duplicate');
      clock.shift = STORE_LIMITS.resendWindow + 1_000;
      expect(await store.deposit(same)).to.equal('stored');
    });

    it('goes within the limit, those that are too old for longest first, however many', async () => {
      const many = STORE_LIMITS.sweepBatch * 2 + 10;
      const now = clock.now();
      await Promise.all(
        Array.from({ length: many }, (_, i) =>
          store.deposit(
            dying(0, {
              expiresAt: now + many - i,
              owner: AddressOfRecord.parse(`sip:u${i % 30}@example.test`),
              subject: String(i),
            }),
          ),
        ),
      );
      await store.deposit(dying(MINUTE));
      clock.shift = 30_000;
      expect(await expire(many - 7)).to.equal(many - 7);
      expect(await expire(0)).to.equal(0);
      // The last seven are those that lived longest.
      const left: number[] = [];
      for (let i = 0; i < 30; i++) {
        const owner = AddressOfRecord.parse(`sip:u${i}@example.test`);
        left.push((await store.counts(owner)).new);
        await trueCounts(owner);
      }
      expect(left).to.deep.equal(left.map((_, i) => (i < 7 ? 1 : 0)));
      expect(await expire(1_000)).to.equal(7);
      expect(await expire(1_000)).to.equal(0);
    });

    it('is due when it says, or when its hold ends; never before', async () => {
      expect(await store.nextExpiryAt()).to.equal(null);
      await store.deposit(text());
      expect(await store.nextExpiryAt()).to.equal(null);
      const at = clock.now() + MINUTE;
      await store.deposit(text({ expiresAt: at, receivedAt: 1 }));
      await store.deposit(text({ expiresAt: at + 10 * MINUTE }));
      expect(await store.nextExpiryAt()).to.equal(at);
      const held = at + 5 * MINUTE;
      await store.lease(ALICE, 't', held, 1);
      expect(await store.nextExpiryAt()).to.equal(held);
      clock.shift = 3 * MINUTE;
      expect(await expire()).to.equal(0);
      await store.lease(ALICE, 'u', at + 20 * MINUTE, 2);
      expect(await store.nextExpiryAt()).to.equal(held);
      await store.renewLease('t', at + 25 * MINUTE);
      expect(await store.nextExpiryAt()).to.equal(at + 20 * MINUTE);
      await store.releaseLease('t');
      expect(await store.nextExpiryAt()).to.equal(at);
      expect(await expire()).to.equal(1);
    });

    it('under an alias leaves every lamp of its mailbox', async () => {
      const desk = AddressOfRecord.parse('sip:1001@example.test');
      await store.deposit(dying(MINUTE, { owner: desk, urgent: true }));
      await store.deposit(text());
      await store.addAlias(ALICE, desk);
      await settleAll();
      clock.shift = MINUTE;
      expect(await expire()).to.equal(1);
      const due = await store.claimDue({ node: 'n', until: clock.now() + MINUTE }, clock.now(), 10);
      expect(
        due.map(({ target, counts }) => [target.user, counts.new, counts.newUrgent]),
      ).to.have.deep.members([
        ['alice', 1, 0],
        ['1001', 1, 0],
      ]);
    });
  });

  it('holds counts and receipts true while nodes sweep, fetch and keep at the same time', async () => {
    const other = await open();
    try {
      const receipts = ['positive-delivery', 'negative-delivery', 'processing'] as const;
      const total = 60;
      const texts = Array.from({ length: total }, (_, i) =>
        dying(i % 3 === 0 ? MINUTE : 0, { urgent: i % 2 === 0, receipts: asked(receipts) }),
      );
      let swept = 0;
      const sweep = async (from: Store): Promise<void> => {
        for (let round = 0; round < 15; round++) {
          const taken = await expire(5, from);
          swept += taken;
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
      swept += await expire(100);
      await fetch(store, 'c');
      expect(swept).to.equal((total * 2) / 3);
      expect(await trueCounts()).to.deep.include({ new: 0, old: total / 3, newUrgent: 0 });
      const until = clock.now() + MINUTE;
      const told = await store.claimReceipts({ node: 'n', until }, clock.now(), 1_000);
      const of = (status: string): number => told.filter((receipt) => receipt.status === status).length;
      expect([of('stored'), of('failed'), of('delivered')]).to.deep.equal([total, swept, total / 3]);
    } finally {
      await other.close();
    }
  });
}
