import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Store } from '../../src/store/store.ts';
import { ALICE, CAROL, openForTest } from './store-contract.ts';

const MINUTE = 60_000;
const DESK = AddressOfRecord.parse('sip:1001@example.test');
const BOB = 'sip:bob@example.test';
const DAVE = 'sip:dave@example.test';

/** What every store keeps of who was told that a text was kept. `newUrl` names a database that nobody used. */
export function noticeStoreContract(newUrl: () => Promise<string>): void {
  let url: string;
  let store: Store;
  const now = 1_700_000_000_000;

  beforeEach(async () => {
    url = await newUrl();
    store = await openForTest(url);
  });

  afterEach(async () => {
    await store.close();
  });

  const tell = (author: string, at: number, owner = ALICE): Promise<boolean> =>
    store.claimNotice(owner, author, at, 10 * MINUTE);

  describe('a notice', () => {
    it('is for an author once of one owner, until the window is over since she was told', async () => {
      expect(await tell(BOB, now)).to.equal(true);
      expect(await tell(BOB, now)).to.equal(false);
      expect(await tell(DAVE, now)).to.equal(true);
      expect(await tell(BOB, now, CAROL)).to.equal(true);
      expect(await tell(BOB, now + 10 * MINUTE - 1)).to.equal(false);
      expect(await tell(BOB, now + 10 * MINUTE)).to.equal(true);
      expect(await tell(BOB, now + 11 * MINUTE)).to.equal(false);
    });

    it('is one for all addresses of the owner, and known after the store was opened again', async () => {
      await store.addAlias(ALICE, DESK);
      expect(await tell(BOB, now, DESK)).to.equal(true);
      await store.close();
      store = await openForTest(url);
      expect(await tell(BOB, now, ALICE)).to.equal(false);
    });

    it('is one of two that are asked for at the same time, by two nodes, the first time and later', async () => {
      const other = await openForTest(url);
      try {
        for (let round = 0; round < 10; round++) {
          const at = now + Math.floor(round / 2) * 10 * MINUTE;
          const author = `sip:${round % 2}@example.test`;
          const claimed = await Promise.all(
            [store, other, store, other].map((each, index) =>
              each.claimNotice(ALICE, author, at + index, 10 * MINUTE - 10),
            ),
          );
          expect(claimed.filter((isMine) => isMine)).to.have.length(1);
        }
      } finally {
        await other.close();
      }
    });

    it('waits for no clock that was far ahead and put back', async () => {
      expect(await tell(BOB, now + 1_000 * MINUTE)).to.equal(true);
      expect(await tell(BOB, now)).to.equal(true);
      expect(await tell(BOB, now + MINUTE)).to.equal(false);
    });

    it('that is old enough is forgotten, no more at a time than it is told to', async () => {
      for (let i = 0; i < 5; i++) await tell(`sip:${i}@example.test`, now + i);
      expect(await store.forgetNotices(now, 10)).to.equal(0);
      expect(await store.forgetNotices(now + 4, 3)).to.equal(3);
      expect(await store.forgetNotices(now + 4, 3)).to.equal(1);
      expect(await store.forgetNotices(now + 4, 3)).to.equal(0);
      expect(await tell('sip:4@example.test', now + 4)).to.equal(false);
      expect(await tell('sip:3@example.test', now + 4)).to.equal(true);
    });
  });
}
