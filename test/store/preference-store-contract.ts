import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { STORE_LIMITS } from '../../src/store/limits.ts';
import type { Store } from '../../src/store/store.ts';
import { ALICE, CAROL, openForTest, text } from './store-contract.ts';

const DESK = AddressOfRecord.parse('sip:1001@example.test');
const NOBODY = AddressOfRecord.parse('sip:nobody@example.test');
const BOB = 'sip:bob@example.test';
const NOTHING_SET = { language: null, timeZone: null, greeting: null };

/** What every store keeps of what owners set. `newUrl` names a database that nobody used. */
export function preferenceStoreContract(newUrl: () => Promise<string>): void {
  let url: string;
  let store: Store;

  beforeEach(async () => {
    url = await newUrl();
    store = await openForTest(url);
  });

  afterEach(async () => {
    await store.close();
  });

  describe('preferences', () => {
    it('of an owner without a mailbox, or who set nothing, are all null', async () => {
      expect(await store.preferences(NOBODY)).to.deep.equal(NOTHING_SET);
      await store.deposit(text());
      expect(await store.preferences(ALICE)).to.deep.equal(NOTHING_SET);
    });

    it('are there after the store was opened again, and are nobody else’s', async () => {
      const greeting = 'Zurück am Montag 🌍 — «Ñandú»\nund Grüße';
      await store.setPreferences(ALICE, { greeting, language: 'de', timeZone: 'Europe/Berlin' });
      await store.setPreferences(CAROL, { language: 'es' });
      await store.close();
      store = await openForTest(url);
      expect(await store.preferences(ALICE)).to.deep.equal({
        greeting,
        language: 'de',
        timeZone: 'Europe/Berlin',
      });
      expect(await store.preferences(CAROL)).to.deep.equal({ ...NOTHING_SET, language: 'es' });
    });

    it('change by what is named only, and go by null', async () => {
      await store.setPreferences(ALICE, { language: 'fr', greeting: 'Salut' });
      await store.setPreferences(ALICE, { timeZone: 'Europe/Paris' });
      await store.setPreferences(ALICE, { greeting: null });
      await store.setPreferences(ALICE, {});
      expect(await store.preferences(ALICE)).to.deep.equal({
        language: 'fr',
        timeZone: 'Europe/Paris',
        greeting: null,
      });
    });

    it('are one owner’s under each of her addresses', async () => {
      await store.addAlias(ALICE, DESK);
      await store.setPreferences(DESK, { language: 'en' });
      expect(await store.preferences(ALICE)).to.deep.equal({ ...NOTHING_SET, language: 'en' });
    });

    it('do not touch what was listed', async () => {
      await store.deposit(text());
      await store.keepListing(ALICE, [3, 1]);
      await store.setPreferences(ALICE, { language: 'en' });
      await store.keepListing(ALICE, [2]);
      expect(await store.listing(ALICE)).to.deep.equal([2]);
      expect((await store.preferences(ALICE)).language).to.equal('en');
    });

    it('set in different words at the same time are all kept', async () => {
      const other = await openForTest(url);
      try {
        await Promise.all([
          store.setPreferences(ALICE, { language: 'es' }),
          other.setPreferences(ALICE, { greeting: 'Hola' }),
          store.setPreferences(ALICE, { timeZone: 'UTC' }),
        ]);
      } finally {
        await other.close();
      }
      expect(await store.preferences(ALICE)).to.deep.equal({
        language: 'es',
        timeZone: 'UTC',
        greeting: 'Hola',
      });
    });

    it('take a greeting as long as it may be, and none that is longer', async () => {
      const greeting = 'ß'.repeat(STORE_LIMITS.preference.greeting);
      await store.setPreferences(ALICE, { greeting });
      const refused = await store
        .setPreferences(ALICE, { greeting: `${greeting}ß` })
        .catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(RangeError);
      expect((await store.preferences(ALICE)).greeting).to.equal(greeting);
    });
  });

  describe('a blocked author', () => {
    it('leaves nothing more, at any address of that owner, until she is unblocked', async () => {
      await store.addAlias(ALICE, DESK);
      expect(await store.block(DESK, BOB)).to.equal(true);
      expect(await store.deposit(text({ owner: ALICE }))).to.equal('blocked');
      expect(await store.deposit(text({ owner: DESK }))).to.equal('blocked');
      expect(await store.deposit(text({ owner: CAROL }))).to.equal('stored');
      expect(await store.isBlocked(ALICE, BOB)).to.equal(true);
      expect(await store.isBlocked(CAROL, BOB)).to.equal(false);
      expect(await store.unblock(ALICE, BOB)).to.equal(true);
      expect(await store.unblock(ALICE, BOB)).to.equal(false);
      expect(await store.isBlocked(DESK, BOB)).to.equal(false);
      expect(await store.deposit(text())).to.equal('stored');
    });

    it('is known letter by letter', async () => {
      await store.block(ALICE, 'sip:Bob@example.test');
      expect(await store.isBlocked(ALICE, 'sip:bob@example.test')).to.equal(false);
      expect(await store.isBlocked(ALICE, 'sip:Böb@example.test')).to.equal(false);
    });

    it('is listed once, in the order of the URIs', async () => {
      const authors = ['tel:+34911', 'sip:zoë@example.test', 'sip:Zed@example.test', BOB];
      for (const author of [...authors, BOB]) expect(await store.block(ALICE, author)).to.equal(true);
      expect(await store.blocked(ALICE)).to.deep.equal([
        'sip:Zed@example.test',
        BOB,
        'sip:zoë@example.test',
        'tel:+34911',
      ]);
      expect(await store.blocked(CAROL)).to.deep.equal([]);
      expect(await store.blocked(NOBODY)).to.deep.equal([]);
      expect(await store.unblock(NOBODY, BOB)).to.equal(false);
    });

    it('at the same time on two nodes is one', async () => {
      const other = await openForTest(url);
      try {
        const outcomes = await Promise.all(
          [store, other, store, other].map((each) => each.block(ALICE, BOB)),
        );
        expect(outcomes).to.deep.equal([true, true, true, true]);
      } finally {
        await other.close();
      }
      expect(await store.blocked(ALICE)).to.deep.equal([BOB]);
    });

    it('beyond the last that there is room for is refused; those who are there are blocked again', async () => {
      const most = STORE_LIMITS.blockedAuthors;
      for (let i = 1; i < most; i++) await store.block(ALICE, `sip:${i}@example.test`);
      expect(await store.block(ALICE, BOB)).to.equal(true);
      expect(await store.block(ALICE, 'sip:late@example.test')).to.equal(false);
      expect(await store.isBlocked(ALICE, 'sip:late@example.test')).to.equal(false);
      expect(await store.block(ALICE, BOB)).to.equal(true);
      expect(await store.block(CAROL, 'sip:late@example.test')).to.equal(true);
      expect(await store.blocked(ALICE)).to.have.length(most);
    }).timeout(30_000);
  });
}
