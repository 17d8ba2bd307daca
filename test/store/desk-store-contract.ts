import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { DESK_LIMITS } from '../../src/mailbox/desk/limits.ts';
import type { NewMessage, StoredMessage } from '../../src/mailbox/ports.ts';
import { STORE_LIMITS } from '../../src/store/limits.ts';
import type { Store } from '../../src/store/store.ts';
import { asked } from './receipt-store-contract.ts';
import { ALICE, CAROL, ShiftedClock, openForTest, text } from './store-contract.ts';

const MINUTE = 60_000;
const DESK = AddressOfRecord.parse('sip:1001@example.test');
const NOBODY = AddressOfRecord.parse('sip:nobody@example.test');
const BOB = 'sip:bob@example.test';
const DAVE = 'sip:dave@example.test';

/** What an owner does with read and scheduled texts in every store. `newUrl` names a database that nobody used. */
export function deskStoreContract(newUrl: () => Promise<string>): void {
  let url: string;
  let store: Store;
  let clock: ShiftedClock;
  let dirty: string[];

  const open = (): Promise<Store> => openForTest(url, { clock, dirty, maxTexts: 5_000 });

  beforeEach(async () => {
    clock = new ShiftedClock();
    dirty = [];
    url = await newUrl();
    store = await open();
  });

  afterEach(async () => {
    await store.close();
  });

  /** Deposits them one after the other and reads all that are new then, a second later. */
  const readThem = async (...texts: Partial<NewMessage>[]): Promise<void> => {
    for (const each of texts) await store.deposit(text(each));
    clock.shift += 1_000;
    for (const owner of new Set(texts.map((each) => each.owner ?? ALICE))) {
      const leased = await store.lease(owner, 'reader', clock.now() + MINUTE, 1_000);
      await Promise.all(leased.map(({ id }) => store.markRead('reader', id)));
    }
  };
  const subjects = (texts: readonly StoredMessage[]): string[] => texts.map(({ subject }) => subject);
  const idsOf = (texts: readonly StoredMessage[]): number[] => texts.map(({ id }) => id);
  const readIds = async (owner = ALICE): Promise<number[]> => idsOf(await store.readTexts(owner, 1_000));
  const later = (subject: string, after: number, parts: Partial<NewMessage> = {}): NewMessage => {
    const deliverAt = clock.now() + after;
    return text({ subject, deliverAt, receivedAt: deliverAt, ...parts });
  };
  /** The counts, which must be those of the rows. */
  const trueCounts = async (owner = ALICE): Promise<unknown> => {
    const [lamp] = await store.lamps({ only: owner });
    expect(lamp?.counted).to.deep.equal(lamp?.counts);
    return lamp?.counts;
  };

  describe('the texts that were read', () => {
    it('are those read last, as they were left, the one that came first ahead', async () => {
      const wrapper = Buffer.from('From: <sip:bob@example.test>\r\n\r\n');
      await readThem({ subject: 'one' });
      await readThem({ subject: 'three', receivedAt: 3_000 }, { subject: 'two', receivedAt: 2_000, wrapper });
      await store.deposit(text({ subject: 'new' }));
      await store.deposit(later('scheduled', MINUTE));
      const texts = await store.readTexts(ALICE, 2);
      expect(subjects(texts)).to.deep.equal(['two', 'three']);
      expect(texts[0]).to.deep.include({ author: BOB, authorName: 'Bob', saved: false, receivedAt: 2_000 });
      expect(texts[0]?.wrapper?.equals(wrapper)).to.equal(true);
      expect(texts[0]?.readAt).to.be.within(clock.now() - MINUTE, clock.now());
      expect(texts[0]?.owner).to.equal(ALICE);
      expect(subjects(await store.readTexts(ALICE, 10))).to.have.members(['one', 'two', 'three']);
      expect(await store.readTexts(NOBODY, 10)).to.deep.equal([]);
      expect(await store.readTexts(CAROL, 10)).to.deep.equal([]);
    });

    it('of one author are hers alone', async () => {
      await readThem({ subject: 'a' }, { author: DAVE, subject: 'b' }, { subject: 'c' }, { subject: 'd' });
      expect(subjects(await store.readTextsFrom(ALICE, BOB, 2))).to.deep.equal(['c', 'd']);
      expect(subjects(await store.readTextsFrom(ALICE, DAVE, 10))).to.deep.equal(['b']);
      expect(await store.readTextsFrom(ALICE, 'sip:BOB@example.test', 10)).to.deep.equal([]);
    });

    it('have authors, each once by her latest name, the one read last ahead', async () => {
      await readThem({ authorName: 'Bobby' }, { author: 'sip:eve@example.test', authorName: '' });
      await readThem({ author: DAVE, authorName: 'Dave' });
      await readThem({ authorName: 'Robert' });
      await store.deposit(text({ author: 'sip:new@example.test' }));
      expect(await store.authorsOfRead(ALICE, 10)).to.deep.equal([
        { author: BOB, authorName: 'Robert' },
        { author: DAVE, authorName: 'Dave' },
        { author: 'sip:eve@example.test', authorName: '' },
      ]);
      expect(await store.authorsOfRead(ALICE, 1)).to.deep.equal([{ author: BOB, authorName: 'Robert' }]);
      expect(await store.authorsOfRead(CAROL, 10)).to.deep.equal([]);
    });

    it('are the same at each address of the owner', async () => {
      await store.addAlias(ALICE, DESK);
      await readThem({ subject: 'to the desk', owner: DESK });
      expect(subjects(await store.readTexts(ALICE, 10))).to.deep.equal(['to the desk']);
      expect(subjects(await store.readTexts(DESK, 10))).to.deep.equal(['to the desk']);
      expect(await store.authorsOfRead(DESK, 10)).to.have.length(1);
      expect(subjects(await store.textsById(DESK, await readIds()))).to.deep.equal(['to the desk']);
    });
  });

  describe('texts by their ids', () => {
    it('come in the order of the ids, read, new or scheduled, with what their senders asked', async () => {
      const receipts = asked(['display']);
      await readThem({ subject: 'read', receipts });
      await store.deposit(text({ subject: 'new' }));
      await store.deposit(later('scheduled', MINUTE));
      const [read = 0] = await readIds();
      const ids = [read + 2, 987_654, read, read + 1, read];
      const texts = await store.textsById(ALICE, ids);
      expect(subjects(texts)).to.deep.equal(['scheduled', 'read', 'new']);
      expect(texts.map((each) => each.receipts)).to.deep.equal([null, receipts, null]);
      expect(await store.textsById(ALICE, [])).to.deep.equal([]);
    });

    it('of another’s mailbox are none', async () => {
      await readThem({ owner: CAROL });
      const ids = await readIds(CAROL);
      expect(await store.textsById(ALICE, ids)).to.deep.equal([]);
      expect(await store.textsById(NOBODY, ids)).to.deep.equal([]);
    });
  });

  describe('scheduled texts', () => {
    it('are shown to their author until they are due, the one due first ahead', async () => {
      await store.deposit(later('third', 3 * MINUTE));
      await store.deposit(later('second', 2 * MINUTE));
      await store.deposit(later('of another', MINUTE, { author: DAVE }));
      await store.deposit(later('to another', MINUTE, { owner: CAROL }));
      await store.deposit(later('first', MINUTE));
      await store.deposit(text({ subject: 'new' }));
      expect(subjects(await store.scheduledBy(ALICE, BOB, 2))).to.deep.equal(['first', 'second']);
      clock.shift += MINUTE;
      expect(subjects(await store.scheduledBy(ALICE, BOB, 10))).to.deep.equal(['second', 'third']);
      await store.deliverScheduled(clock.now(), 10);
      expect(subjects(await store.scheduledBy(ALICE, BOB, 10))).to.deep.equal(['second', 'third']);
      expect(await store.scheduledBy(NOBODY, BOB, 10)).to.deep.equal([]);
    });

    it('that are deleted leave no trace in counts and lamp; who asked is told that they will not come', async () => {
      const receipts = asked(['negative-delivery']);
      await store.deposit(text({ subject: 'new' }));
      await store.deposit(later('gone', MINUTE, { receipts }));
      await store.deposit(later('stays', MINUTE));
      dirty.length = 0;
      const [before] = await store.lamps({ only: ALICE });
      const [gone] = await store.scheduledBy(ALICE, BOB, 1);
      expect(await store.deleteTexts(ALICE, [gone?.id ?? 0])).to.equal(1);
      expect(dirty).to.deep.equal([]);
      const [after] = await store.lamps({ only: ALICE });
      expect(after?.wantedVersion).to.equal(before?.wantedVersion);
      expect(subjects(await store.scheduledBy(ALICE, BOB, 10))).to.deep.equal(['stays']);
      const told = await store.claimReceipts({ node: 'n', until: clock.now() + MINUTE }, clock.now(), 10);
      expect(told.map(({ status, messageId }) => [status, messageId])).to.deep.equal([
        ['failed', receipts.messageId],
      ]);
      expect(await store.deliverScheduled(clock.now() + 2 * MINUTE, 10)).to.equal(1);
      expect(await trueCounts()).to.deep.equal({ new: 2, old: 0, newUrgent: 0, oldUrgent: 0 });
    });
  });

  describe('deleting', () => {
    it('takes the named read texts out of counts and lamp, saved or not, and says so after the commit', async () => {
      await readThem({ subject: 'a', urgent: true }, { subject: 'b' }, { subject: 'c', urgent: true });
      const [a = 0, b = 0] = await readIds();
      await store.saveTexts(ALICE, [a]);
      dirty.length = 0;
      expect(await store.deleteTexts(ALICE, [a, b, 987_654, a])).to.equal(2);
      expect(dirty).to.deep.equal([ALICE.toString()]);
      expect(subjects(await store.readTexts(ALICE, 10))).to.deep.equal(['c']);
      expect(await trueCounts()).to.deep.equal({ new: 0, old: 1, newUrgent: 0, oldUrgent: 1 });
      const [due] = await store.claimDue({ node: 'n', until: clock.now() + MINUTE }, clock.now(), 10);
      expect(due?.counts.old).to.equal(1);
      dirty.length = 0;
      expect(await store.deleteTexts(ALICE, [a, b])).to.equal(0);
      expect(dirty).to.deep.equal([]);
    });

    it('leaves new texts, held or not, and those of others', async () => {
      await readThem({ owner: CAROL });
      await store.deposit(text());
      await store.deposit(text());
      const held = await store.lease(ALICE, 't', clock.now() + MINUTE, 1);
      const fresh = (held[0]?.id ?? 0) + 1;
      const theirs = await readIds(CAROL);
      expect(await store.deleteTexts(ALICE, [...idsOf(held), fresh, ...theirs])).to.equal(0);
      expect(await store.deleteTexts(ALICE, 'all read')).to.equal(0);
      expect(await store.deleteTexts(NOBODY, theirs)).to.equal(0);
      expect(await store.deleteTexts(NOBODY, 'all read')).to.equal(0);
      expect(await trueCounts()).to.deep.include({ new: 2, old: 0 });
      expect(await trueCounts(CAROL)).to.deep.include({ new: 0, old: 1 });
    });

    it('of all that was read leaves new and scheduled texts', async () => {
      await store.addAlias(ALICE, DESK);
      await readThem({}, {}, { owner: DESK });
      await store.saveTexts(ALICE, (await readIds()).slice(0, 1));
      await store.deposit(text());
      await store.deposit(later('scheduled', MINUTE));
      expect(await store.deleteTexts(DESK, 'all read')).to.equal(3);
      expect(await trueCounts()).to.deep.equal({ new: 1, old: 0, newUrgent: 0, oldUrgent: 0 });
      expect(await store.scheduledBy(ALICE, BOB, 10)).to.have.length(1);
    });

    it('of more than one transaction takes deletes all of them', async () => {
      const count = STORE_LIMITS.rows + 5;
      await Promise.all(Array.from({ length: count }, () => store.deposit(text())));
      await readThem({});
      expect(await store.deleteTexts(ALICE, 'all read')).to.equal(count + 1);
      expect(await trueCounts()).to.deep.include({ new: 0, old: 0 });
    });

    it('frees the room they took, and knows them again when they are sent once more', async () => {
      await store.close();
      store = await openForTest(url, { clock, dirty, maxTexts: 2, maxBytes: 1_000 });
      const heavy = text({ content: Buffer.alloc(900) });
      await readThem(heavy);
      expect(await store.deposit(text({ content: Buffer.alloc(200) }))).to.equal('full');
      expect(await store.deleteTexts(ALICE, 'all read')).to.equal(1);
      expect(await store.deposit(heavy)).to.equal('duplicate');
      expect(await store.deposit(text({ content: Buffer.alloc(900) }))).to.equal('stored');
    });

    it('at the same time on two nodes counts each text once', async () => {
      const other = await open();
      try {
        await readThem(...Array.from({ length: 20 }, () => ({})));
        const ids = await readIds();
        const outcomes = await Promise.all([
          store.deleteTexts(ALICE, ids.slice(0, 15)),
          other.deleteTexts(ALICE, ids.slice(5)),
          other.deposit(text()),
          store.deleteTexts(ALICE, 'all read'),
          other.deleteTexts(ALICE, 'all read'),
        ]);
        const deleted = outcomes.filter((outcome) => typeof outcome === 'number');
        expect(deleted.reduce((sum, count) => sum + count, 0)).to.equal(20);
      } finally {
        await other.close();
      }
      expect(await trueCounts()).to.deep.equal({ new: 1, old: 0, newUrgent: 0, oldUrgent: 0 });
    });
  });

  describe('saving', () => {
    it('keeps read texts from the sweep, until they are deleted', async () => {
      await readThem({ subject: 'kept' }, { subject: 'swept' });
      const [kept = 0] = await readIds();
      dirty.length = 0;
      expect(await store.saveTexts(ALICE, [kept])).to.equal(1);
      expect(await store.saveTexts(ALICE, [kept])).to.equal(1);
      expect(dirty).to.deep.equal([]);
      expect(await store.dropRead(clock.now() + MINUTE, 10)).to.equal(1);
      const texts = await store.readTexts(ALICE, 10);
      expect(texts.map(({ subject, saved }) => [subject, saved])).to.deep.equal([['kept', true]]);
      expect(await store.deleteTexts(ALICE, [kept])).to.equal(1);
      expect(await trueCounts()).to.deep.include({ old: 0 });
    });

    it('is for read texts of her own', async () => {
      await readThem({}, { owner: CAROL });
      const [own = 0] = await readIds();
      await store.deposit(text());
      await store.deposit(later('scheduled', MINUTE));
      const others = [...(await readIds(CAROL)), own + 2, own + 3, 987_654];
      expect(await store.saveTexts(ALICE, [own, ...others])).to.equal(1);
      expect(await store.saveTexts(NOBODY, [own])).to.equal(0);
      expect((await store.readTexts(CAROL, 1))[0]?.saved).to.equal(false);
    });
  });

  describe('what was listed', () => {
    it('is kept in its order, over a restart, for each address of the owner', async () => {
      await store.addAlias(ALICE, DESK);
      expect(await store.listing(ALICE)).to.deep.equal([]);
      await store.keepListing(ALICE, [9, 3, 7]);
      await store.close();
      store = await open();
      expect(await store.listing(DESK)).to.deep.equal([9, 3, 7]);
      await store.keepListing(DESK, []);
      expect(await store.listing(ALICE)).to.deep.equal([]);
    });

    it('has as many ids as it may have', async () => {
      await store.addAlias(ALICE, DESK);
      const ids = Array.from({ length: DESK_LIMITS.listing + 1 }, (_, index) => 2 ** 50 + index);
      await store.keepListing(ALICE, ids);
      expect(await store.listing(ALICE)).to.deep.equal(ids.slice(0, DESK_LIMITS.listing));
    });

    it('of an owner without a mailbox is nothing, and makes none', async () => {
      await store.keepListing(NOBODY, [1]);
      expect(await store.listing(NOBODY)).to.deep.equal([]);
      expect(await store.lamps({ only: NOBODY })).to.deep.equal([]);
    });
  });
}
