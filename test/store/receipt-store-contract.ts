import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Metrics } from '../../src/core/metrics.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { Disposition, NewMessage, Receipt, ReceiptRequest } from '../../src/mailbox/ports.ts';
import { STORE_LIMITS } from '../../src/store/limits.ts';
import type { Store } from '../../src/store/store.ts';
import { ALICE, CAROL, ShiftedClock, openForTest, text } from './store-contract.ts';

const MINUTE = 60_000;
const DESK = AddressOfRecord.parse('sip:1001@example.test');
const ALL: readonly Disposition[] = ['positive-delivery', 'negative-delivery', 'processing', 'display'];

let serial = 0;

export function asked(
  dispositions: readonly Disposition[],
  parts: Partial<ReceiptRequest> = {},
): ReceiptRequest {
  return {
    dispositions,
    messageId: `imdn-${++serial}`,
    dateTime: '2026-05-04T03:02:01+02:00',
    returnHop: 'sip:192.0.2.7:5070;transport=tcp;lr',
    ...parts,
  };
}

/** A text whose sender wants to be told of it. */
function asking(
  dispositions: readonly Disposition[],
  parts: Partial<NewMessage> = {},
  request: Partial<ReceiptRequest> = {},
): NewMessage {
  return text({ receipts: asked(dispositions, request), ...parts });
}

/** What was dropped, by reason. */
function countingMetrics(dropped: Map<string, number>): Metrics {
  return {
    ...noMetrics,
    counter: (name) => ({
      add: (labels, amount = 1) => {
        if (name !== 'store_receipts_dropped_total') return;
        const reason = labels?.['reason'] ?? '';
        dropped.set(reason, (dropped.get(reason) ?? 0) + amount);
      },
    }),
  };
}

/** What every store keeps of receipts. `newUrl` names a database that nobody used. */
export function receiptStoreContract(newUrl: () => Promise<string>): void {
  let url: string;
  let store: Store;
  let clock: ShiftedClock;
  let woken: number;
  let dropped: Map<string, number>;

  const open = (): Promise<Store> =>
    openForTest(url, {
      clock,
      maxTexts: 5_000,
      metrics: countingMetrics(dropped),
      onReceiptDue: () => (woken += 1),
    });

  beforeEach(async () => {
    clock = new ShiftedClock();
    woken = 0;
    dropped = new Map();
    url = await newUrl();
    store = await open();
  });

  afterEach(async () => {
    await store.close();
  });

  const claim = (node = 'one', limit = 100, from = store): Promise<Receipt[]> =>
    from.claimReceipts({ node, until: clock.now() + MINUTE }, clock.now(), limit);
  /** Takes all that are due; what each says. */
  const sendAll = async (): Promise<string[]> => {
    const receipts = await claim();
    for (const { id } of receipts) await store.closeReceipt(id);
    return receipts.map(({ status, messageId }) => `${status} ${messageId}`);
  };
  const read = async (owner = ALICE): Promise<void> => {
    const texts = await store.lease(owner, 'reader', clock.now() + MINUTE, 100);
    const read = await Promise.all(texts.map(({ id }) => store.markRead('reader', id)));
    expect(read).to.deep.equal(texts.map(() => true));
  };
  const statuses = (receipts: readonly Receipt[]): string[] => receipts.map(({ status }) => status);

  describe('a request for receipts', () => {
    it('is there with the text, beside texts without, after the store was opened again', async () => {
      const wanted = asking(ALL);
      const plain = text();
      const bare = asking(['display'], {}, { dateTime: null, returnHop: null });
      await Promise.all([wanted, plain, bare].map((each) => store.deposit(each)));
      await store.close();
      store = await open();
      const leased = await store.lease(ALICE, 't', clock.now() + MINUTE, 10);
      expect(leased.map(({ receipts }) => receipts)).to.deep.equal([wanted.receipts, null, bare.receipts]);
    });

    it('for nothing is none', async () => {
      await store.deposit(asking([]));
      expect((await store.lease(ALICE, 't', clock.now() + MINUTE, 1))[0]?.receipts).to.equal(null);
    });

    it('with an id of emoji, of spaces at its end, or of thousands of characters comes back as it was', async () => {
      const ids = [
        '🧵🌍‍👩‍🚀',
        'same',
        'same ',
        'SAME',
        'x'.repeat(600),
        `${'x'.repeat(600)}y`,
        'ß'.repeat(8_000),
      ];
      for (const messageId of ids) await store.deposit(asking(['processing', 'display'], {}, { messageId }));
      expect(await sendAll()).to.deep.equal(ids.map((id) => `stored ${id}`));
      for (const messageId of ids) expect(await store.markDisplayed(ALICE, messageId, null)).to.equal(true);
      expect(await sendAll()).to.deep.equal(ids.map((id) => `displayed ${id}`));
    });

    it('that is too long is dropped and counted, never the text', async () => {
      const messageId = 'x'.repeat(STORE_LIMITS.receiptField);
      const texts = [
        asking(['processing'], {}, { messageId }),
        asking(['processing'], {}, { messageId: `${messageId}x` }),
        asking(['processing'], {}, { returnHop: `sip:${messageId}` }),
        asking(['processing'], {}, { dateTime: messageId.replaceAll('x', 'ü') }),
      ];
      const outcomes = await Promise.all(texts.map((each) => store.deposit(each)));
      expect(new Set(outcomes)).to.deep.equal(new Set(['stored']));
      expect(await sendAll()).to.deep.equal([`stored ${messageId}`]);
      expect(dropped.get('too_long')).to.equal(3);
    });
  });

  describe('a receipt', () => {
    it('says stored once the text is, with all that its sender needs', async () => {
      const kept = asking(['processing']);
      await store.deposit(kept);
      const [receipt, ...more] = await claim();
      expect(more).to.deep.equal([]);
      expect({ ...receipt, owner: receipt?.owner.toString() }).to.deep.include({
        to: kept.author,
        owner: ALICE.toString(),
        status: 'stored',
        messageId: kept.receipts?.messageId,
        dateTime: kept.receipts?.dateTime,
        returnHop: kept.receipts?.returnHop,
        attempts: 0,
      });
      expect(receipt?.createdAt).to.be.within(clock.now() - 10_000, clock.now());
    });

    it('is made once for a text that comes twice, also within one commit', async () => {
      const same = asking(['processing']);
      await Promise.all([store.deposit(same), store.deposit(same)]);
      await store.deposit(same);
      expect(await sendAll()).to.have.length(1);
      await read();
      await store.deposit(same);
      expect(await sendAll()).to.have.length(0);
    });

    it('is not made for a text that a full mailbox refused', async () => {
      const narrow = await openForTest(url, { clock, maxTexts: 1 });
      await narrow.deposit(text());
      expect(await narrow.deposit(asking(ALL))).to.equal('full');
      await narrow.close();
      expect(await claim()).to.deep.equal([]);
    });

    it('says delivered once the owner acknowledged the text, and no sooner', async () => {
      await store.deposit(asking(['positive-delivery']));
      await store.deposit(text());
      const [first] = await store.lease(ALICE, 't', clock.now() + MINUTE, 1);
      expect(await store.markRead('other', first?.id ?? 0)).to.equal(false);
      await store.releaseLease('t');
      expect(await claim()).to.deep.equal([]);
      await read();
      expect(statuses(await claim())).to.deep.equal(['delivered']);
    });

    it('is made only of what was asked for', async () => {
      for (const disposition of ALL) await store.deposit(asking([disposition]));
      expect(await claim()).to.have.length(1);
      await read();
      expect(statuses(await claim())).to.deep.equal(['delivered']);
      await store.deposit(asking(['positive-delivery', 'display'], { expiresAt: clock.now() - 1 }));
      expect(await store.expireTexts(clock.now(), 10)).to.equal(1);
      expect(await claim()).to.deep.equal([]);
    });

    it('wakes who sends it after the commit; a text without wakes nobody', async () => {
      await store.deposit(text());
      await store.deposit(asking(['negative-delivery', 'display']));
      await store.lease(ALICE, 't', clock.now() + MINUTE, 1);
      expect(woken).to.equal(0);
      await store.deposit(asking(['processing', 'positive-delivery']));
      expect(woken).to.equal(1);
      await store.releaseLease('t');
      await read();
      expect(woken).to.equal(2);
    });

    it('of many texts of many mailboxes at once is that of its text', async () => {
      const texts = Array.from({ length: 300 }, (_, i) =>
        asking(['processing', 'positive-delivery'], {
          owner: AddressOfRecord.parse(`sip:u${i % 40}@example.test`),
          author: `sip:author${i}@example.test`,
        }),
      );
      await Promise.all(texts.map((each) => store.deposit(each)));
      const wanted = texts.map(
        (each) => `${each.receipts?.messageId} ${each.author} ${each.owner.toString()}`,
      );
      const said = (receipts: readonly Receipt[]): string[] =>
        receipts.map(({ messageId, to, owner }) => `${messageId} ${to} ${owner.toString()}`);
      expect(said(await claim('one', 1_000))).to.have.members(wanted);
      await Promise.all(
        Array.from({ length: 40 }, (_, i) => read(AddressOfRecord.parse(`sip:u${i}@example.test`))),
      );
      expect(said(await claim('one', 1_000))).to.have.members(wanted);
    });

    it('beyond what a mailbox may have waiting is dropped and counted, never the text', async () => {
      const most = STORE_LIMITS.receiptsPerMailbox;
      const texts = Array.from({ length: most + 3 }, () => asking(['processing']));
      const outcomes = await Promise.all(texts.map((each) => store.deposit(each)));
      expect(new Set(outcomes)).to.deep.equal(new Set(['stored']));
      expect((await store.counts(ALICE)).new).to.equal(most + 3);
      expect(dropped.get('too_many')).to.equal(3);
      await store.deposit(asking(['processing'], { owner: CAROL }));
      const [first] = await claim('one', 1);
      await store.closeReceipt(first?.id ?? 0);
      await store.deposit(asking(['processing']));
      expect(await claim('two', 2 * most)).to.have.length(most + 1);
      expect(dropped.get('too_many')).to.equal(3);
    });
  });

  describe('the claim of a receipt', () => {
    it('takes the oldest first, up to the limit, for one node alone', async () => {
      for (let i = 0; i < 5; i++) await store.deposit(asking(['processing'], {}, { messageId: `m${i}` }));
      const [a, b] = [await claim('one', 2), await claim('two', 100)];
      expect(a.map(({ messageId }) => messageId)).to.deep.equal(['m0', 'm1']);
      expect(b.map(({ messageId }) => messageId)).to.deep.equal(['m2', 'm3', 'm4']);
      expect(await claim('three')).to.deep.equal([]);
    });

    it('is won by one of several that look at the same time, even under one name', async () => {
      await Promise.all(Array.from({ length: 60 }, () => store.deposit(asking(['processing']))));
      const other = await open();
      try {
        const until = clock.now() + MINUTE;
        const claims = await Promise.all(
          [store, other, store, other].map((each, i) =>
            each.claimReceipts({ node: i < 2 ? 'same' : `n${i}`, until }, clock.now(), 25),
          ),
        );
        const ids = [...claims.flat(), ...(await claim('rest'))].map(({ id }) => id);
        expect(ids).to.have.length(60);
        expect(new Set(ids).size).to.equal(60);
      } finally {
        await other.close();
      }
    });

    it('lapses when its node died before the end, which counts as a try', async () => {
      await store.deposit(asking(['processing']));
      await claim('died');
      expect(await store.nextReceiptAt()).to.be.within(clock.now() + MINUTE - 5_000, clock.now() + MINUTE);
      clock.shift = MINUTE - 5_000;
      expect(await claim('two')).to.deep.equal([]);
      clock.shift = MINUTE + 1_000;
      expect((await claim('two')).map(({ attempts }) => attempts)).to.deep.equal([1]);
    });

    it('that is closed leaves nothing behind, whoever closes it and however often', async () => {
      await store.deposit(asking(['processing']));
      const [receipt] = await claim();
      const id = receipt?.id ?? 0;
      await Promise.all([store.closeReceipt(id), store.closeReceipt(id)]);
      await store.closeReceipt(id);
      clock.shift = 2 * MINUTE;
      expect(await claim()).to.deep.equal([]);
      expect(await store.nextReceiptAt()).to.equal(null);
    });

    it('that is postponed is due then, for any node, with one try more', async () => {
      await store.deposit(asking(['processing']));
      const [receipt] = await claim();
      const dueAt = clock.now() + 10 * MINUTE;
      await store.postponeReceipt(receipt?.id ?? 0, dueAt);
      expect(await store.nextReceiptAt()).to.equal(dueAt);
      expect(await claim('two')).to.deep.equal([]);
      clock.shift = 10 * MINUTE;
      expect((await claim('two')).map(({ id, attempts }) => [id, attempts])).to.deep.equal([
        [receipt?.id, 1],
      ]);
    });

    it('takes those that are due together in the order they were made, whenever each was tried', async () => {
      for (let i = 0; i < 3; i++) await store.deposit(asking(['processing'], {}, { messageId: `m${i}` }));
      const claimed = await claim();
      for (const [i, { id }] of claimed.entries()) await store.postponeReceipt(id, clock.now() + MINUTE - i);
      clock.shift = MINUTE;
      expect((await claim()).map(({ messageId }) => messageId)).to.deep.equal(['m0', 'm1', 'm2']);
    });

    it('that was lost cannot free what another node has now', async () => {
      await store.deposit(asking(['processing']));
      const [receipt] = await claim('slow');
      clock.shift = MINUTE + 1_000;
      const other = await open();
      try {
        expect(await claim('quick', 1, other)).to.have.length(1);
        await store.postponeReceipt(receipt?.id ?? 0, clock.now());
        expect(await claim('third')).to.deep.equal([]);
        await other.postponeReceipt(receipt?.id ?? 0, clock.now());
        expect(await claim('third')).to.have.length(1);
      } finally {
        await other.close();
      }
    });

    it('of a node that stops is free at once, untried', async () => {
      for (let i = 0; i < 3; i++) await store.deposit(asking(['processing']));
      await claim('one', 2);
      await claim('two', 1);
      await store.releaseReceipts('one');
      expect((await claim('three')).map(({ attempts }) => attempts)).to.deep.equal([0, 0]);
    });

    it('comes when the next is due, or at once when one is', async () => {
      expect(await store.nextReceiptAt()).to.equal(null);
      await store.deposit(asking(['processing']));
      expect(await store.nextReceiptAt()).to.be.at.most(clock.now());
    });
  });

  describe('a text on the screen', () => {
    it('is told of once, new or read', async () => {
      const fresh = asking(['display']);
      const known = asking(['display']);
      await store.deposit(known);
      await read();
      await store.deposit(fresh);
      for (const { receipts } of [fresh, known, fresh, known]) {
        expect(await store.markDisplayed(ALICE, receipts?.messageId ?? '', null)).to.equal(true);
      }
      const said = [fresh, known].map(({ receipts }) => `displayed ${receipts?.messageId}`);
      expect(await sendAll()).to.deep.equal(said);
      expect(await store.markDisplayed(ALICE, known.receipts?.messageId ?? '', null)).to.equal(true);
      expect(await sendAll()).to.deep.equal([]);
      expect(woken).to.equal(2);
      expect(await store.counts(ALICE)).to.deep.include({ new: 1, old: 1 });
    });

    it('is told of once by two nodes at the same time', async () => {
      const kept = asking(['display']);
      await store.deposit(kept);
      const other = await open();
      try {
        const id = kept.receipts?.messageId ?? '';
        const said = await Promise.all(
          Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? store : other).markDisplayed(ALICE, id, null)),
        );
        expect(new Set(said)).to.deep.equal(new Set([true]));
        expect(await claim()).to.have.length(1);
      } finally {
        await other.close();
      }
    });

    it('is nobody’s business when none was asked for, it is not there, or it is another’s', async () => {
      const silent = asking(['positive-delivery', 'negative-delivery']);
      const loud = asking(['display']);
      await store.deposit(silent);
      await store.deposit(loud);
      await store.deposit(text({ owner: CAROL }));
      expect(await store.markDisplayed(ALICE, silent.receipts?.messageId ?? '', null)).to.equal(false);
      expect(await store.markDisplayed(ALICE, 'never', null)).to.equal(false);
      expect(await store.markDisplayed(CAROL, loud.receipts?.messageId ?? '', null)).to.equal(false);
      expect(await store.markDisplayed(DESK, loud.receipts?.messageId ?? '', null)).to.equal(false);
      expect(await claim()).to.deep.equal([]);
      expect((await store.counts(DESK)).new).to.equal(0);
    });

    it('is the first of those that carry its id', async () => {
      for (const author of ['sip:bob@example.test', 'sip:mallory@example.test']) {
        await store.deposit(asking(['display'], { author }, { messageId: 'twice' }));
      }
      await store.markDisplayed(ALICE, 'twice', null);
      await store.markDisplayed(ALICE, 'twice', null);
      expect((await claim()).map(({ to }) => to)).to.deep.equal(['sip:bob@example.test']);
    });

    it('is that of the author who is named, where several carry its id; the first when she left none', async () => {
      const [bob, mallory, erin] = [
        'sip:bob@example.test',
        'sip:mallory@example.test',
        'sip:erin@example.test',
      ];
      for (const author of [bob, mallory, erin]) {
        const dispositions: Disposition[] = author === erin ? ['processing'] : ['display'];
        await store.deposit(asking(dispositions, { author }, { messageId: 'shared' }));
      }
      await sendAll();
      const told = async (author: string): Promise<string[]> => {
        expect(await store.markDisplayed(ALICE, 'shared', author)).to.equal(true);
        return (await claim()).map(({ to }) => to);
      };
      expect(await told(mallory)).to.deep.equal([mallory]);
      expect(await told(mallory)).to.deep.equal([]);
      // Erin did not ask for it.
      expect(await told(erin)).to.deep.equal([bob]);
      expect(await told(bob)).to.deep.equal([]);
    });
  });

  describe('an alias', () => {
    it('is whom receipts speak as, for a text that was sent to it (the owner’s main address stays hers)', async () => {
      await store.addAlias(ALICE, DESK);
      await store.deposit(asking(ALL, { owner: ALICE, author: 'sip:erin@example.test' }));
      await store.deposit(asking(ALL, { owner: DESK, expiresAt: clock.now() + MINUTE / 2 }));
      await store.deposit(asking(ALL, { owner: DESK }));
      clock.shift = MINUTE / 2;
      expect(await store.expireTexts(clock.now(), 10)).to.equal(1);
      await read();
      const receipts = await claim();
      expect(receipts.map(({ status, owner }) => `${status} ${owner.toString()}`)).to.deep.equal([
        `stored ${ALICE.toString()}`,
        `stored ${DESK.toString()}`,
        `stored ${DESK.toString()}`,
        `failed ${DESK.toString()}`,
        `delivered ${ALICE.toString()}`,
        `delivered ${DESK.toString()}`,
      ]);
    });

    it('shares the texts, under whichever address they are said to be displayed', async () => {
      await store.addAlias(ALICE, DESK);
      const kept = asking(['processing', 'display'], { owner: DESK });
      await store.deposit(kept);
      expect(await store.markDisplayed(ALICE, kept.receipts?.messageId ?? '', null)).to.equal(true);
      expect(await store.markDisplayed(DESK, kept.receipts?.messageId ?? '', null)).to.equal(true);
      const receipts = await claim();
      expect(statuses(receipts)).to.deep.equal(['stored', 'displayed']);
      expect(receipts.map(({ owner }) => owner.toString())).to.deep.equal([DESK, DESK].map(String));
    });

    it('that joins brings requests and receipts along as they were, also those under way', async () => {
      const kept = asking(ALL, { owner: DESK });
      const both = { uniqueKey: 'both', receipts: asked(ALL) };
      await store.deposit(kept);
      await store.deposit(text({ ...both, owner: DESK }));
      await store.deposit(text({ ...both, owner: ALICE }));
      const [underWay] = await claim('one', 1);
      await store.addAlias(ALICE, DESK);
      await store.closeReceipt(underWay?.id ?? 0);
      const moved = await claim();
      expect(statuses(moved)).to.deep.equal(['stored', 'stored']);
      expect(moved.map(({ owner }) => owner.toString())).to.deep.equal([DESK, ALICE].map(String));
      expect(await store.markDisplayed(ALICE, kept.receipts?.messageId ?? '', null)).to.equal(true);
      await read();
      const later = await claim();
      expect(statuses(later)).to.deep.equal(['displayed', 'delivered', 'delivered']);
      expect(later.map(({ owner }) => owner.toString())).to.deep.equal([DESK, DESK, ALICE].map(String));
      await store.removeAlias(DESK);
      await store.deposit(asking(['processing'], { owner: DESK }));
      expect((await claim()).map(({ owner }) => owner.toString())).to.deep.equal([DESK.toString()]);
    });
  });
}
