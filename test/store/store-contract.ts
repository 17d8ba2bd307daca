import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { Clock } from '../../src/core/clock.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { NewMessage } from '../../src/mailbox/ports.ts';
import type { PublicationState } from '../../src/mwi/ports.ts';
import type { Store } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';

export const ALICE = AddressOfRecord.parse('sip:alice@example.test');
export const CAROL = AddressOfRecord.parse('sip:carol@example.test');
const BOB = 'sip:bob@example.test';
const NODE = 'node-1';
const MINUTE = 60_000;

/** A clock that runs, and that a test can set forward. */
class ShiftedClock implements Clock {
  shift = 0;
  now(): number {
    return systemClock.now() + this.shift;
  }
  after: Clock['after'] = (delay, callback) => systemClock.after(delay, callback);
}

/** Opens a store for a test; `dirty` collects whose lamps it said to look at. */
export async function openForTest(
  url: string,
  options: { readonly maxNewMessages?: number; readonly clock?: Clock; readonly dirty?: string[] } = {},
): Promise<Store> {
  return await openStore({
    url,
    limits: { maxNewMessages: options.maxNewMessages ?? 1000, maxMessageBytes: 65_536 },
    clock: options.clock ?? systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: noMetrics,
    onSummaryDirty: (owner) => options.dirty?.push(owner.toString()),
  });
}

let serial = 0;

/** A text that differs from all others unless its key is given. */
export function text(parts: Partial<NewMessage> = {}): NewMessage {
  const key = `${BOB}\n${++serial}`;
  return {
    owner: ALICE,
    author: BOB,
    authorName: 'Bob',
    uniqueKey: key,
    messageId: key,
    contentType: 'text/plain; charset=utf-8',
    content: Buffer.from(`text ${serial}`),
    subject: '',
    urgent: false,
    sentAt: null,
    receivedAt: 1_700_000_000_000 + serial,
    ...parts,
  };
}

/** What every store holds to. `newUrl` names a database that nobody used. */
export function storeContract(newUrl: () => Promise<string>): void {
  let url: string;
  let store: Store;
  let clock: ShiftedClock;
  let dirty: string[];

  beforeEach(async () => {
    url = await newUrl();
    clock = new ShiftedClock();
    dirty = [];
    store = await openForTest(url, { clock, dirty, maxNewMessages: 50 });
  });

  afterEach(async () => {
    await store.close();
  });

  const lease = (token: string, limit = 10, owner = ALICE): ReturnType<Store['lease']> =>
    store.lease(owner, token, clock.now() + MINUTE, limit);
  const claim = (node = NODE, limit = 10): ReturnType<Store['claimDue']> =>
    store.claimDue(node, clock.now(), clock.now() + MINUTE, limit);

  describe('a deposit', () => {
    it('is there after the store was closed and opened again, byte for byte', async () => {
      const content = Buffer.from([0, 255, 13, 10, 10, 0xf0, 0x9f, 0x8c, 0x8d, 0x27, 0x5c]);
      const kept = text({
        content,
        subject: 'Grüße 🌍',
        authorName: "B'o\\b",
        urgent: true,
        sentAt: 1_600_000_000_000,
      });
      expect(await store.deposit(kept)).to.equal('stored');
      await store.close();
      store = await openForTest(url, { clock });
      const [read] = await lease('t');
      expect(read).to.deep.include({
        author: kept.author,
        authorName: kept.authorName,
        messageId: kept.messageId,
        contentType: kept.contentType,
        subject: kept.subject,
        urgent: true,
        sentAt: kept.sentAt,
        receivedAt: kept.receivedAt,
      });
      expect(read?.content.equals(content)).to.equal(true);
    });

    it('counts, marks the summary dirty, and says so after the commit', async () => {
      await store.deposit(text());
      await store.deposit(text({ urgent: true }));
      expect(await store.counts(ALICE)).to.deep.equal({ new: 2, old: 0, newUrgent: 1, oldUrgent: 0 });
      expect(await store.counts(CAROL)).to.deep.equal({ new: 0, old: 0, newUrgent: 0, oldUrgent: 0 });
      expect(new Set(dirty)).to.deep.equal(new Set([ALICE.toString()]));
    });

    it('sent again is a duplicate, also beside the first in one commit, and also after it was read', async () => {
      const same = text();
      expect((await Promise.all([store.deposit(same), store.deposit(same)])).sort()).to.deep.equal([
        'duplicate',
        'stored',
      ]);
      const [leased] = await lease('t');
      await store.markRead('t', leased?.id ?? 0);
      expect(await store.deposit(same)).to.equal('duplicate');
      expect(await store.counts(ALICE)).to.deep.equal({ new: 0, old: 1, newUrgent: 0, oldUrgent: 0 });
    });

    it('with the same key for another mailbox is another text', async () => {
      expect(await store.deposit(text({ uniqueKey: 'k' }))).to.equal('stored');
      expect(await store.deposit(text({ uniqueKey: 'k', owner: CAROL }))).to.equal('stored');
    });

    it('into a full mailbox keeps nothing, while others go on', async () => {
      const outcomes = await Promise.all(Array.from({ length: 52 }, () => store.deposit(text())));
      expect(outcomes.filter((outcome) => outcome === 'stored')).to.have.length(50);
      expect(outcomes.filter((outcome) => outcome === 'full')).to.have.length(2);
      expect(await store.deposit(text({ owner: CAROL }))).to.equal('stored');
    });

    it('of hundreds at once, some of them doubled, keeps each once and in the order of arrival', async () => {
      const wide = await openForTest(url);
      const texts = Array.from({ length: 300 }, () => text());
      const outcomes = await Promise.all(
        [...texts, ...texts.slice(0, 100)].map((each) => wide.deposit(each)),
      );
      expect(outcomes.filter((outcome) => outcome === 'stored')).to.have.length(300);
      const read = await wide.lease(ALICE, 'all', clock.now() + MINUTE, 1000);
      expect(read.map(({ messageId }) => messageId)).to.deep.equal(texts.map(({ messageId }) => messageId));
      await wide.close();
    });

    it('whose mailbox differs only by case is for another user', async () => {
      await store.deposit(text({ owner: AddressOfRecord.parse('sip:Alice@example.test') }));
      expect((await store.counts(ALICE)).new).to.equal(0);
    });
  });

  describe('a lease', () => {
    beforeEach(async () => {
      for (let i = 0; i < 6; i++) await store.deposit(text());
    });

    it('hands out the oldest new texts and holds them', async () => {
      const first = await lease('a', 4);
      const second = await lease('b', 4);
      expect(first).to.have.length(4);
      expect(second).to.have.length(2);
      expect(first.map(({ id }) => id)).not.to.include.members(second.map(({ id }) => id));
      expect(await lease('c')).to.have.length(0);
    });

    it('is never shared by two that come at the same time over two connections', async () => {
      const other = await openForTest(url, { clock });
      try {
        const until = clock.now() + MINUTE;
        const [a, b] = await Promise.all([
          store.lease(ALICE, 'a', until, 6),
          other.lease(ALICE, 'b', until, 6),
        ]);
        const ids = [...a, ...b].map(({ id }) => id);
        expect(new Set(ids).size).to.equal(ids.length);
        const rest = await store.lease(ALICE, 'c', until, 6);
        expect(ids.length + rest.length).to.equal(6);
      } finally {
        await other.close();
      }
    });

    it('that lapsed or was released frees its texts; one that was renewed does not', async () => {
      await lease('a', 2);
      await lease('b', 2);
      await lease('c', 2);
      await store.releaseLease('b');
      clock.shift = MINUTE - 1_000;
      await store.renewLease('c', clock.now() + MINUTE);
      clock.shift = MINUTE + 1_000;
      expect(await lease('d')).to.have.length(4);
    });

    it('alone lets a text be marked read, and once only', async () => {
      const [one] = await lease('a', 1);
      const id = one?.id ?? 0;
      expect(await store.markRead('b', id)).to.equal(false);
      expect(await store.markRead('a', id)).to.equal(true);
      expect(await store.markRead('a', id)).to.equal(false);
      expect(await store.counts(ALICE)).to.deep.equal({ new: 5, old: 1, newUrgent: 0, oldUrgent: 0 });
      await store.releaseLease('a');
      expect((await lease('c')).map((leased) => leased.id)).not.to.include(id);
    });

    it('that was lost does not mark read what another has now', async () => {
      const [one] = await lease('a', 1);
      clock.shift = MINUTE + 1_000;
      await lease('b', 1);
      expect(await store.markRead('a', one?.id ?? 0)).to.equal(false);
    });
  });

  describe('a summary', () => {
    const published = (version: number): PublicationState => ({
      entityTag: 'tag',
      expiresAt: 1_900_000_000_000,
      publishedVersion: version,
      failures: 0,
    });

    it('is due at once after a deposit, with the counts of that moment', async () => {
      await store.deposit(text());
      await store.deposit(text({ urgent: true }));
      const [due] = await claim();
      expect(due?.owner.toString()).to.equal(ALICE.toString());
      expect(due?.counts).to.deep.equal({ new: 2, old: 0, newUrgent: 1, oldUrgent: 0 });
      expect(due?.state).to.deep.equal({
        entityTag: null,
        expiresAt: null,
        publishedVersion: 0,
        failures: 0,
      });
    });

    it('is claimed by one node at a time, until the claim lapses or is released', async () => {
      await store.deposit(text());
      expect(await claim()).to.have.length(1);
      expect(await claim('node-2')).to.have.length(0);
      clock.shift = MINUTE + 1_000;
      expect(await claim('node-2')).to.have.length(1);
      await store.releaseClaims('node-2');
      expect(await claim()).to.have.length(1);
    });

    it('is claimed once by nodes that look at the same time', async () => {
      const other = await openForTest(url, { clock });
      try {
        for (let i = 0; i < 20; i++) {
          await store.deposit(text({ owner: AddressOfRecord.parse(`sip:user${i}@example.test`) }));
        }
        const [a, b] = await Promise.all([
          claim('node-1', 20),
          other.claimDue('node-2', clock.now(), clock.now() + MINUTE, 20),
        ]);
        const owners = [...a, ...b].map(({ owner }) => owner.toString());
        expect(new Set(owners).size).to.equal(owners.length);
      } finally {
        await other.close();
      }
    });

    it('once settled is due at the time given, with what was kept', async () => {
      await store.deposit(text());
      const [due] = await claim();
      const dueAt = clock.now() + 2 * MINUTE;
      expect(
        await store.settle(NODE, ALICE, published(due?.wantedVersion ?? 0), { dueAt, notBefore: 0 }),
      ).to.equal(true);
      expect(await claim()).to.have.length(0);
      expect(await store.nextDueAt()).to.equal(dueAt);
      clock.shift = 2 * MINUTE + 1_000;
      const [again] = await claim();
      expect(again?.state).to.deep.equal(published(due?.wantedVersion ?? 0));
    });

    it('that changed while it was claimed is due again, not before the pause is over', async () => {
      await store.deposit(text());
      const [due] = await claim();
      await store.deposit(text());
      const notBefore = clock.now() + 5_000;
      await store.settle(NODE, ALICE, published(due?.wantedVersion ?? 0), { dueAt: null, notBefore });
      expect(await store.nextDueAt()).to.equal(notBefore);
      clock.shift = 6_000;
      expect((await claim())[0]?.counts.new).to.equal(2);
    });

    it('in back-off stays so when another text comes', async () => {
      await store.deposit(text());
      await claim();
      const notBefore = clock.now() + 30_000;
      await store.settle(
        NODE,
        ALICE,
        { ...published(0), entityTag: null, expiresAt: null, failures: 3 },
        { dueAt: notBefore, notBefore },
      );
      await store.deposit(text());
      expect(await claim()).to.have.length(0);
      expect(await store.nextDueAt()).to.equal(notBefore);
    });

    it('cannot be settled by a node that lost its claim', async () => {
      await store.deposit(text());
      await claim();
      clock.shift = MINUTE + 1_000;
      await claim('node-2');
      expect(await store.settle(NODE, ALICE, published(1), { dueAt: null, notBefore: 0 })).to.equal(false);
      expect(await store.settle('node-2', ALICE, published(1), { dueAt: null, notBefore: 0 })).to.equal(true);
    });

    it('turns dirty again with each text that is read', async () => {
      await store.deposit(text());
      const [due] = await claim();
      await store.settle(NODE, ALICE, published(due?.wantedVersion ?? 0), { dueAt: null, notBefore: 0 });
      expect(await store.nextDueAt()).to.equal(null);
      const [one] = await lease('t');
      await store.markRead('t', one?.id ?? 0);
      expect((await claim())[0]?.counts).to.deep.equal({ new: 0, old: 1, newUrgent: 0, oldUrgent: 0 });
    });

    it('is not made dirty by a duplicate', async () => {
      const same = text();
      await store.deposit(same);
      const [due] = await claim();
      await store.settle(NODE, ALICE, published(due?.wantedVersion ?? 0), { dueAt: null, notBefore: 0 });
      await store.deposit(same);
      expect(await store.nextDueAt()).to.equal(null);
    });
  });

  it('opens at the same time on several nodes', async () => {
    const fresh = await newUrl();
    const stores = await Promise.all([1, 2, 3].map(() => openForTest(fresh)));
    await Promise.all(stores.map((each) => each.deposit(text())));
    expect((await stores[0]?.counts(ALICE))?.new).to.equal(3);
    await Promise.all(stores.map((each) => each.close()));
  });

  it('holds its counts true under deposits and reads at the same time', async () => {
    const other = await openForTest(url, { clock, maxNewMessages: 50 });
    try {
      const reads = async (from: Store, token: string): Promise<void> => {
        for (let round = 0; round < 10; round++) {
          for (const { id } of await from.lease(ALICE, token, clock.now() + MINUTE, 3))
            await from.markRead(token, id);
        }
      };
      const deposits = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? store : other).deposit(text()));
      await Promise.all([...deposits, reads(store, 'a'), reads(other, 'b')]);
      const counts = await store.counts(ALICE);
      const left = await store.lease(ALICE, 'rest', clock.now() + MINUTE, 100);
      expect(counts.new + counts.old).to.equal(40);
      expect(left).to.have.length(counts.new);
    } finally {
      await other.close();
    }
  });
}
