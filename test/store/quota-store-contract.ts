import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { NewMessage } from '../../src/mailbox/ports.ts';
import { STORE_LIMITS } from '../../src/store/limits.ts';
import type { Store } from '../../src/store/store.ts';
import { beside, trueMailbox } from './beside.ts';
import { ALICE, CAROL, ShiftedClock, openForTest, text } from './store-contract.ts';

const MINUTE = 60_000;
const DESK = AddressOfRecord.parse('sip:1001@example.test');

/** How much every store takes, of whom, and what gives way. `newUrl` names a database that nobody used. */
export function quotaStoreContract(newUrl: () => Promise<string>): void {
  let url: string;
  let clock: ShiftedClock;
  let stores: Store[];

  const open = async (options: Parameters<typeof openForTest>[1] = {}): Promise<Store> => {
    const store = await openForTest(url, { clock, ...options });
    stores.push(store);
    return store;
  };

  beforeEach(async () => {
    url = await newUrl();
    clock = new ShiftedClock();
    stores = [];
  });

  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
  });

  /** A text of so many bytes. */
  const sized = (bytes: number, parts: Partial<NewMessage> = {}): NewMessage =>
    text({ content: Buffer.alloc(bytes, 'x'), ...parts });
  const scheduled = (parts: Partial<NewMessage> = {}): NewMessage => {
    const deliverAt = clock.now() + 60 * MINUTE;
    return text({ deliverAt, receivedAt: deliverAt, ...parts });
  };
  /** Reads up to `limit` new texts, one a minute; their ids. */
  const read = async (store: Store, limit = 100): Promise<number[]> => {
    const texts = await store.lease(ALICE, 't', clock.now() + 1_000 * MINUTE, limit);
    for (const { id } of texts) {
      clock.shift += MINUTE;
      expect(await store.markRead('t', id)).to.equal(true);
    }
    return texts.map(({ id }) => id);
  };
  /** As a mailbox is that took and read so many short texts under other settings. */
  const fillWithRead = async (many: number): Promise<void> => {
    const store = await open();
    await store.deposit(text({ expiresAt: clock.now() }));
    await store.expireTexts(clock.now(), 1);
    const knex = beside(url);
    try {
      const mailbox: { id: number } | undefined = await knex('mailbox')
        .where({ aor: ALICE.toString() })
        .first('id');
      const rows = Array.from({ length: many }, (_, index) => ({
        mailbox_id: mailbox?.id ?? 0,
        unique_hash: createHash('sha256').update(`read ${index}`).digest(),
        author: 'sip:bob@example.test',
        author_name: '',
        message_id: `read ${index}`,
        content_type: 'text/plain',
        content: Buffer.from('read'),
        subject: '',
        urgent: false,
        received_at: index,
        read_at: index,
        bytes: 4,
      }));
      for (let start = 0; start < many; start += 400)
        await knex('message').insert(rows.slice(start, start + 400));
      await knex('mailbox').update({ old_count: many, bytes: 4 * many });
    } finally {
      await knex.destroy();
    }
  };
  const left = async (store: Store, ids: readonly number[]): Promise<boolean[]> => {
    const there = new Set((await store.textsById(ALICE, ids)).map(({ id }) => id));
    return ids.map((id) => there.has(id));
  };

  describe('a mailbox', () => {
    it('takes so many texts: new, read and scheduled ones together', async () => {
      const store = await open({ maxTexts: 3 });
      await store.deposit(text());
      await read(store);
      await store.deposit(scheduled());
      expect(await store.deposit(text())).to.equal('stored');
      expect(await store.deposit(text())).to.equal('full');
      expect(await store.deposit(scheduled())).to.equal('full');
      expect(await trueMailbox(url, ALICE)).to.include({ new: 1, old: 1, scheduled: 1 });
    });

    it('takes so many bytes of them: content, headers and subject', async () => {
      const store = await open({ maxBytes: 100 });
      expect(await store.deposit(sized(40, { wrapper: Buffer.alloc(20), subject: 'ü' }))).to.equal('stored');
      expect(await store.deposit(sized(39))).to.equal('full');
      expect(await store.deposit(sized(38))).to.equal('stored');
      expect(await store.deposit(sized(1))).to.equal('full');
      expect(await trueMailbox(url, ALICE)).to.include({ new: 2, bytes: 100 });
    });

    it('never takes one that is larger than all of it, and drops nothing for it', async () => {
      const store = await open({ maxBytes: 100, dropRead: true });
      await store.deposit(sized(10));
      await read(store);
      expect(await store.deposit(sized(101))).to.equal('full');
      expect(await trueMailbox(url, ALICE)).to.include({ old: 1, bytes: 10 });
      expect(await store.deposit(sized(100))).to.equal('stored');
    });

    it('that is full still knows a text it has', async () => {
      const store = await open({ maxTexts: 1 });
      const same = text();
      await store.deposit(same);
      expect(await store.deposit(same)).to.equal('duplicate');
    });

    it('has the room again that a text had', async () => {
      const store = await open({ maxTexts: 1, maxBytes: 10 });
      await store.deposit(sized(10, { expiresAt: clock.now() }));
      expect(await store.deposit(sized(1))).to.equal('full');
      await store.expireTexts(clock.now(), 10);
      expect(await store.deposit(sized(10))).to.equal('stored');
      expect(await trueMailbox(url, ALICE)).to.include({ new: 1, bytes: 10 });
    });

    it('gives its last place to one of those that race for it', async () => {
      const [one, other] = [await open({ maxTexts: 5 }), await open({ maxTexts: 5 })];
      for (let i = 0; i < 4; i++) await one.deposit(text());
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          (i % 2 === 0 ? one : other).deposit(text({ author: `sip:a${i}@example.test` })),
        ),
      );
      expect(outcomes.filter((outcome) => outcome === 'stored')).to.have.length(1);
      expect(outcomes.filter((outcome) => outcome === 'full')).to.have.length(19);
      expect(await trueMailbox(url, ALICE)).to.include({ new: 5 });
    });
  });

  describe('where read texts give way', () => {
    it('the one read longest ago goes first, as many as are needed', async () => {
      const store = await open({ maxTexts: 4, dropRead: true });
      for (let i = 0; i < 4; i++) await store.deposit(text({ urgent: i % 2 === 0 }));
      const ids = await read(store);
      expect(await store.deposit(text())).to.equal('stored');
      expect(await left(store, ids)).to.deep.equal([false, true, true, true]);
      expect(await Promise.all([store.deposit(text()), store.deposit(text())])).to.deep.equal([
        'stored',
        'stored',
      ]);
      expect(await left(store, ids)).to.deep.equal([false, false, false, true]);
      expect(await trueMailbox(url, ALICE)).to.include({ new: 3, old: 1 });
    });

    it('as many go as a large text needs, and no more', async () => {
      const store = await open({ maxBytes: 1_000, dropRead: true });
      for (let i = 0; i < 100; i++) await store.deposit(sized(10));
      const ids = await read(store);
      expect(await store.deposit(sized(555))).to.equal('stored');
      expect(await left(store, ids)).to.deep.equal(ids.map((_, i) => i >= 56));
      expect(await trueMailbox(url, ALICE)).to.include({ new: 1, old: 44, bytes: 995 });
    });

    it('none does when even all would not make room', async () => {
      const store = await open({ maxTexts: 100, maxBytes: 100, dropRead: true });
      await store.deposit(sized(20));
      await store.deposit(sized(20));
      const ids = await read(store);
      await store.deposit(sized(50));
      expect(await store.deposit(sized(51))).to.equal('full');
      expect(await left(store, ids)).to.deep.equal([true, true]);
      // One that comes after it, in the same commit too, may well find room.
      expect(await Promise.all([store.deposit(sized(60)), store.deposit(sized(30))])).to.deep.equal([
        'full',
        'stored',
      ]);
      expect(await left(store, ids)).to.deep.equal([false, true]);
    });

    it('neither a new, nor a saved, nor a scheduled, nor a held one does', async () => {
      const store = await open({ maxTexts: 4, dropRead: true });
      await store.deposit(text());
      const [saved = 0] = await read(store);
      await store.saveTexts(ALICE, [saved]);
      await store.deposit(scheduled());
      await store.deposit(text());
      await store.lease(ALICE, 'held', clock.now() + 100 * MINUTE, 1);
      await store.deposit(text());
      expect(await store.deposit(text())).to.equal('full');
      expect(await trueMailbox(url, ALICE)).to.include({ new: 2, old: 1, scheduled: 1 });
    });

    it('and the new one is scheduled, the lamp still learns of the old one that went', async () => {
      const dirty: string[] = [];
      const store = await open({ maxTexts: 1, dropRead: true, dirty });
      await store.deposit(text());
      await read(store);
      dirty.length = 0;
      expect(await store.deposit(scheduled())).to.equal('stored');
      expect(dirty).to.deep.equal([ALICE.toString()]);
      const due = await store.claimDue({ node: 'n', until: clock.now() + MINUTE }, clock.now(), 1);
      expect(due[0]?.counts).to.include({ new: 0, old: 0 });
    });

    it('and it holds far more than it may now, they go a bounded number at a time, and each text is taken', async () => {
      const many = 2 * STORE_LIMITS.givingWay + 500;
      await fillWithRead(many);
      const store = await open({ maxTexts: 100, dropRead: true });
      const held = async (): Promise<number> => {
        const { new: unread, old } = await trueMailbox(url, ALICE);
        return unread + old;
      };
      expect(await store.deposit(text())).to.equal('stored');
      expect(await held()).to.equal(many + 1 - STORE_LIMITS.givingWay);
      // One more commit takes away no more for there being several texts in it.
      const burst = await Promise.all([store.deposit(text()), store.deposit(text()), store.deposit(text())]);
      expect(burst).to.deep.equal(['stored', 'stored', 'stored']);
      expect(await held()).to.equal(many + 1 + 1 - 2 * STORE_LIMITS.givingWay);
      expect(await store.deposit(text())).to.equal('stored');
      expect(await held()).to.equal(100);
      expect(await trueMailbox(url, ALICE)).to.include({ new: 5 });
    });

    it('and it holds far more bytes than it may now, it holds no more of them for a text that is taken', async () => {
      const many = STORE_LIMITS.givingWay + 500;
      await fillWithRead(many);
      const store = await open({ maxTexts: 2 * many, maxBytes: 1_000, dropRead: true });
      const { bytes } = await trueMailbox(url, ALICE);
      expect(await store.deposit(sized(900))).to.equal('stored');
      const after = await trueMailbox(url, ALICE);
      expect(after.bytes).to.be.below(bytes);
      expect(after.old).to.equal(many - STORE_LIMITS.givingWay);
      expect(await store.deposit(sized(50))).to.equal('stored');
      expect((await trueMailbox(url, ALICE)).bytes).to.be.within(900, 1_000);
    });

    it('they are told from others by reason', async () => {
      const counted: unknown[] = [];
      const store = await open({
        maxTexts: 2,
        dropRead: true,
        metrics: {
          gauge: () => ({ set: () => undefined }),
          counter: (name) => ({
            add: (labels, amount) => {
              if (name === 'texts_dropped_total') counted.push([labels, amount]);
            },
          }),
        },
      });
      for (let i = 0; i < 2; i++) await store.deposit(text());
      await read(store);
      await Promise.all([store.deposit(text()), store.deposit(text())]);
      expect(counted).to.deep.equal([[{ reason: 'full' }, 2]]);
    });

    it('one that its owner saves at the same time goes or is saved, never both', async () => {
      for (let round = 0; round < 10; round++) {
        const owner = AddressOfRecord.parse(`sip:r${round}@example.test`);
        const [store, other] = [
          await open({ maxTexts: 1, dropRead: true }),
          await open({ maxTexts: 1, dropRead: true }),
        ];
        await store.deposit(text({ owner }));
        const [held] = await store.lease(owner, `t${round}`, clock.now() + MINUTE, 1);
        await store.markRead(`t${round}`, held?.id ?? 0);
        const [outcome, saved] = await Promise.all([
          store.deposit(text({ owner })),
          other.saveTexts(owner, [held?.id ?? 0]),
        ]);
        expect([outcome, saved]).to.be.deep.oneOf([
          ['stored', 0],
          ['full', 1],
        ]);
        await trueMailbox(url, owner);
      }
    });
  });

  describe('a text that is gone', () => {
    it('because it gave way is known again for as long as it may be sent again', async () => {
      const store = await open({ maxTexts: 1, dropRead: true });
      const first = text();
      await store.deposit(first);
      await read(store);
      await store.deposit(text());
      expect(await store.deposit(first)).to.equal('duplicate');
      await read(store);
      clock.shift += STORE_LIMITS.resendWindow + MINUTE;
      expect(await store.deposit(first)).to.equal('stored');
    });

    it('and that comes again in the commit in which it gives way is known, too', async () => {
      const store = await open({ maxTexts: 1, dropRead: true });
      const first = text();
      await store.deposit(first);
      await read(store);
      expect(await Promise.all([store.deposit(text()), store.deposit(first)])).to.deep.equal([
        'stored',
        'duplicate',
      ]);
    });
  });

  describe('a blocked author', () => {
    const nasty = 'sip:nasty@example.test';

    it('is told so, and nothing is kept; others are taken, and so is she by others', async () => {
      const store = await open();
      await store.block(ALICE, nasty);
      const outcomes = await Promise.all([
        store.deposit(text({ author: nasty })),
        store.deposit(text()),
        store.deposit(text({ author: nasty, owner: CAROL })),
      ]);
      expect(outcomes).to.deep.equal(['blocked', 'stored', 'stored']);
      expect(await trueMailbox(url, ALICE)).to.include({ new: 1 });
      await store.unblock(ALICE, nasty);
      expect(await store.deposit(text({ author: nasty }))).to.equal('stored');
    });

    it('hears of it rather than that the mailbox is full, but not of what was kept before', async () => {
      const store = await open({ maxTexts: 1 });
      const before = text({ author: nasty });
      await store.deposit(before);
      await store.block(ALICE, nasty);
      expect(await store.deposit(text({ author: nasty }))).to.equal('blocked');
      expect(await store.deposit(before)).to.equal('duplicate');
    });

    it('drops no text of a full mailbox', async () => {
      const store = await open({ maxTexts: 1, dropRead: true });
      await store.deposit(text());
      const ids = await read(store);
      await store.block(ALICE, nasty);
      expect(await store.deposit(text({ author: nasty }))).to.equal('blocked');
      expect(await left(store, ids)).to.deep.equal([true]);
    });
  });

  it('an address that becomes an alias brings its texts’ bytes, what is gone, and what its owner set', async () => {
    const store = await open({ keepsRead: false });
    const [gone, both] = [text({ owner: DESK }), text({ uniqueKey: 'both' })];
    await store.deposit(gone);
    const [held] = await store.lease(DESK, 'd', clock.now() + MINUTE, 1);
    await store.markRead('d', held?.id ?? 0);
    await store.deposit(sized(7, { owner: DESK, urgent: true }));
    await store.deposit(scheduled({ owner: DESK }));
    await store.deposit(both);
    await store.deposit({ ...both, owner: DESK });
    await store.setPreferences(ALICE, { language: 'de' });
    await store.setPreferences(DESK, { language: 'fr', greeting: 'Allô' });
    await store.block(DESK, 'sip:nasty@example.test');
    for (const owner of [ALICE, DESK]) await store.block(owner, 'sip:worse@example.test');
    // What both know of is known for as long as either knew it.
    const knex = beside(url);
    try {
      const [a, d] = await Promise.all(
        [ALICE, DESK].map(async (owner): Promise<number> => {
          const row: { id: number } | undefined = await knex('mailbox')
            .where({ aor: owner.toString() })
            .first('id');
          return row?.id ?? 0;
        }),
      );
      const hashes = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
      await knex('gone_text').insert([
        { mailbox_id: a, unique_hash: hashes[0], forget_at: 10 },
        { mailbox_id: d, unique_hash: hashes[0], forget_at: 20 },
        { mailbox_id: a, unique_hash: hashes[1], forget_at: 40 },
        { mailbox_id: d, unique_hash: hashes[1], forget_at: 30 },
      ]);
      await knex('sender_notice').insert([
        { mailbox_id: a, author: 'sip:b@x', told_at: 1 },
        { mailbox_id: d, author: 'sip:b@x', told_at: 2 },
        { mailbox_id: d, author: 'sip:c@x', told_at: 3 },
      ]);
      expect(await store.addAlias(ALICE, DESK)).to.equal('added');
      expect(
        await knex('gone_text').where('forget_at', '<', 50).orderBy('forget_at').pluck('forget_at'),
      ).to.deep.equal([20, 40]);
      expect(
        await knex('sender_notice').where({ mailbox_id: a }).orderBy('told_at').pluck('told_at'),
      ).to.deep.equal([2, 3]);
    } finally {
      await knex.destroy();
    }
    expect(await trueMailbox(url, ALICE)).to.include({ new: 2, scheduled: 1 });
    expect(await store.deposit({ ...gone, owner: ALICE })).to.equal('duplicate');
    expect(await store.preferences(DESK)).to.deep.equal({ language: 'de', timeZone: null, greeting: 'Allô' });
    expect(await store.blocked(ALICE)).to.deep.equal(['sip:nasty@example.test', 'sip:worse@example.test']);
    expect(await store.deposit(text({ author: 'sip:nasty@example.test' }))).to.equal('blocked');
  });
}
