import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Metrics } from '../../src/core/metrics.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { Clock } from '../../src/core/clock.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { NewMessage } from '../../src/mailbox/ports.ts';
import type { DueSummary, PublicationState } from '../../src/mwi/ports.ts';
import { NOTHING_PUBLISHED } from '../../src/mwi/ports.ts';
import type { Store } from '../../src/store/store.ts';
import { openStore } from '../../src/store/store.ts';

export const ALICE = AddressOfRecord.parse('sip:alice@example.test');
export const CAROL = AddressOfRecord.parse('sip:carol@example.test');
const BOB = 'sip:bob@example.test';
const NODE = 'node-1';
const MINUTE = 60_000;

/** A clock that runs, and that a test can set forward. */
export class ShiftedClock implements Clock {
  shift = 0;
  now(): number {
    return systemClock.now() + this.shift;
  }
  after: Clock['after'] = (delay, callback) => systemClock.after(delay, callback);
}

/** Opens a store for a test; `dirty` collects whose lamps it said to look at. */
export async function openForTest(
  url: string,
  options: {
    readonly maxTexts?: number;
    readonly maxBytes?: number;
    readonly dropRead?: boolean;
    readonly keepsRead?: boolean;
    readonly clock?: Clock;
    readonly dirty?: string[];
    readonly onlyLook?: boolean;
    readonly metrics?: Metrics;
    readonly onReceiptDue?: () => void;
    readonly onScheduled?: () => void;
    /** Texts are brought to users who are online; called when some are due to be. */
    readonly onPushDue?: () => void;
  } = {},
): Promise<Store> {
  return await openStore({
    url,
    limits: {
      maxTexts: options.maxTexts ?? 1000,
      maxBytes: options.maxBytes ?? 100_000_000,
      maxMessageBytes: 65_536,
      dropRead: options.dropRead ?? false,
    },
    keepsRead: options.keepsRead ?? true,
    clock: options.clock ?? systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: options.metrics ?? noMetrics,
    onReceiptDue: () => options.onReceiptDue?.(),
    onScheduled: () => options.onScheduled?.(),
    pushes: options.onPushDue !== undefined,
    onPushDue: () => options.onPushDue?.(),
    onlyLook: options.onlyLook ?? false,
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
    expiresAt: null,
    deliverAt: null,
    wrapper: null,
    receipts: null,
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
    store = await openForTest(url, { clock, dirty, maxTexts: 50 });
  });

  afterEach(async () => {
    await store.close();
  });

  const lease = (token: string, limit = 10, owner = ALICE): ReturnType<Store['lease']> =>
    store.lease(owner, token, clock.now() + MINUTE, limit);
  const claim = (node = NODE, limit = 10, from = store): ReturnType<Store['claimDue']> =>
    from.claimDue({ node, until: clock.now() + MINUTE }, clock.now(), limit);
  /** Claims the one lamp that is due. */
  const claimOne = async (node = NODE): Promise<DueSummary> => {
    const [due, ...more] = await claim(node);
    if (due === undefined || more.length > 0) throw new Error('not exactly one lamp is due');
    return due;
  };

  const published = (version: number): PublicationState => ({
    ...NOTHING_PUBLISHED,
    entityTag: 'tag',
    expiresAt: 1_900_000_000_000,
    publishedVersion: version,
  });
  /** Settles what is claimed, or else all that is due, as published. */
  const settleAll = async (claimed?: readonly DueSummary[]): Promise<void> => {
    for (const due of claimed ?? (await claim())) {
      const schedule = { dueAt: null, notBefore: 0 };
      await store.settle(due.claim, due.target, published(due.wantedVersion), schedule);
    }
  };

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

    it('is freed with all whose tokens begin alike, as those of a node that crashed do, and with no others', async () => {
      await lease('0a1b', 1);
      await lease('0a1bff', 1);
      await lease('0a1c', 1);
      await lease('0a1', 1);
      await store.releaseLeases('0a1b');
      expect(await lease('next')).to.have.length(4);
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
    it('is due at once after a deposit, with the counts of that moment', async () => {
      await store.deposit(text());
      await store.deposit(text({ urgent: true }));
      const due = await claimOne();
      expect(due.target.toString()).to.equal(ALICE.toString());
      expect(due.counts).to.deep.equal({ new: 2, old: 0, newUrgent: 1, oldUrgent: 0 });
      expect(due.state).to.deep.equal(NOTHING_PUBLISHED);
      expect(due.changedAt).to.be.within(clock.now() - 10_000, clock.now());
      expect(due.voicemail).to.equal(null);
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
        const [a, b] = await Promise.all([claim('node-1', 20), claim('node-2', 20, other)]);
        const owners = [...a, ...b].map(({ target }) => target.toString());
        expect(new Set(owners).size).to.equal(owners.length);
      } finally {
        await other.close();
      }
    });

    it('once settled is due at the time given, with what was kept', async () => {
      await store.deposit(text());
      const due = await claimOne();
      const dueAt = clock.now() + 2 * MINUTE;
      const kept = { ...published(due.wantedVersion), failures: 2, restoreAt: dueAt, refusedWith: 489 };
      expect(await store.settle(due.claim, ALICE, kept, { dueAt, notBefore: 0 })).to.equal(true);
      expect(await claim()).to.have.length(0);
      expect(await store.nextDueAt()).to.equal(dueAt);
      clock.shift = 2 * MINUTE + 1_000;
      expect((await claimOne()).state).to.deep.equal(kept);
    });

    it('that changed while it was claimed is due again, not before the pause is over', async () => {
      await store.deposit(text());
      const due = await claimOne();
      await store.deposit(text());
      const notBefore = clock.now() + 5_000;
      await store.settle(due.claim, ALICE, published(due.wantedVersion), { dueAt: null, notBefore });
      expect(await store.nextDueAt()).to.equal(notBefore);
      clock.shift = 6_000;
      expect((await claimOne()).counts.new).to.equal(2);
    });

    it('in back-off stays so when another text comes', async () => {
      await store.deposit(text());
      const due = await claimOne();
      const notBefore = clock.now() + 30_000;
      const failed = { ...NOTHING_PUBLISHED, failures: 3 };
      await store.settle(due.claim, ALICE, failed, { dueAt: notBefore, notBefore });
      await store.deposit(text());
      expect(await claim()).to.have.length(0);
      expect(await store.nextDueAt()).to.equal(notBefore);
    });

    it('cannot be settled by a node that lost its claim', async () => {
      await store.deposit(text());
      const first = await claimOne();
      clock.shift = MINUTE + 1_000;
      const second = await claimOne('node-2');
      const schedule = { dueAt: null, notBefore: 0 };
      expect(await store.settle(first.claim, ALICE, published(1), schedule)).to.equal(false);
      expect(await store.settle(second.claim, ALICE, published(1), schedule)).to.equal(true);
    });

    it('cannot be settled under an older claim of the same node', async () => {
      await store.deposit(text());
      const first = await claimOne();
      clock.shift = MINUTE + 1_000;
      const second = await claimOne();
      const schedule = { dueAt: null, notBefore: 0 };
      expect(await store.settle(first.claim, ALICE, published(0), schedule)).to.equal(false);
      expect(await store.settle(second.claim, ALICE, published(1), schedule)).to.equal(true);
    });

    it('turns dirty again with each text that is read', async () => {
      await store.deposit(text());
      await settleAll();
      expect(await store.nextDueAt()).to.equal(null);
      const [one] = await lease('t');
      await store.markRead('t', one?.id ?? 0);
      expect((await claimOne()).counts).to.deep.equal({ new: 0, old: 1, newUrgent: 0, oldUrgent: 0 });
    });

    it('is not made dirty by a duplicate', async () => {
      const same = text();
      await store.deposit(same);
      await settleAll();
      await store.deposit(same);
      expect(await store.nextDueAt()).to.equal(null);
    });

    it('is not kept waiting by a long queue: half of a claim is what became due last', async () => {
      for (let i = 0; i < 20; i++) {
        await store.deposit(text({ owner: AddressOfRecord.parse(`sip:user${i}@example.test`) }));
        clock.shift += 10;
      }
      const targets = (await claim(NODE, 6)).map(({ target }) => target.user).sort();
      expect(targets).to.deep.equal(['user0', 'user1', 'user17', 'user18', 'user19', 'user2']);
      // With one hand free the two ends take turns.
      const ends = [...(await claim(NODE, 1)), ...(await claim(NODE, 1))].map(({ target }) => target.user);
      expect(ends.sort()).to.deep.equal(['user16', 'user3']);
      await store.deposit(text({ owner: AddressOfRecord.parse('sip:user5@example.test') }));
      // A change moves a lamp ahead of those that merely wait.
      expect((await claim(NODE, 2)).map(({ target }) => target.user)).to.include('user5');
    });

    it('is due at once for all that live when the presence server forgot them', async () => {
      await store.deposit(text());
      await store.deposit(text({ owner: CAROL }));
      for (const due of await claim()) {
        const isAlice = due.target.equals(ALICE);
        const state = { ...published(due.wantedVersion), expiresAt: clock.now() + (isAlice ? MINUTE : -1) };
        await store.settle(due.claim, due.target, state, { dueAt: clock.now() + MINUTE, notBefore: 0 });
      }
      await store.hasten('live', clock.now());
      expect((await claimOne()).target.toString()).to.equal(ALICE.toString());
    });

    it('is due at once for those that failed when the presence server is back, not for those it refused', async () => {
      await store.deposit(text());
      await store.deposit(text({ owner: CAROL }));
      const later = clock.now() + MINUTE;
      for (const due of await claim()) {
        const refusedWith = due.target.equals(ALICE) ? null : 403;
        const state = { ...NOTHING_PUBLISHED, failures: 1, refusedWith };
        await store.settle(due.claim, due.target, state, { dueAt: later, notBefore: later });
      }
      await store.hasten('failed', clock.now());
      expect((await claimOne()).target.toString()).to.equal(ALICE.toString());
    });

    it('is there for the beacon, due, however often it is asked for', async () => {
      const beacon = AddressOfRecord.parse('sip:mailbox@example.test');
      await store.keepBeacon(beacon, clock.now());
      await store.keepBeacon(beacon, clock.now());
      const due = await claimOne();
      expect([due.target.toString(), due.counts.new]).to.deep.equal([beacon.toString(), 0]);
      await store.settle(due.claim, beacon, published(due.wantedVersion), { dueAt: null, notBefore: 0 });
      await store.keepBeacon(beacon, clock.now());
      expect((await claimOne()).target.toString()).to.equal(beacon.toString());
    });

    it('can tell of the newest new texts, newest first', async () => {
      for (const subject of ['one', 'two', 'three']) await store.deposit(text({ subject, urgent: true }));
      const [first] = await lease('t', 1);
      await store.markRead('t', first?.id ?? 0);
      const newest = await store.newestTexts(ALICE, 5);
      expect(newest.map(({ subject }) => subject)).to.deep.equal(['three', 'two']);
      expect(newest[0]).to.include({ author: BOB, authorName: 'Bob', urgent: true });
      expect(await store.newestTexts(ALICE, 1)).to.have.length(1);
      expect(await store.newestTexts(CAROL, 5)).to.deep.equal([]);
    });
  });

  describe('an alias', () => {
    const DESK = AddressOfRecord.parse('sip:1001@example.test');

    it('owns the same texts, and has a lamp of its own', async () => {
      expect(await store.addAlias(ALICE, DESK)).to.equal('added');
      await store.deposit(text());
      await store.deposit(text({ owner: DESK }));
      const due = await claim();
      expect(due.map(({ target }) => target.user).sort()).to.deep.equal(['1001', 'alice']);
      expect(due.map(({ counts }) => counts.new)).to.deep.equal([2, 2]);
      const leased = await lease('t', 10, DESK);
      expect(leased).to.have.length(2);
      expect((await store.counts(DESK)).new).to.equal(2);
      await settleAll(due);
      await store.markRead('t', leased[0]?.id ?? 0);
      expect((await claim()).map(({ counts }) => counts)).to.deep.equal([
        { new: 1, old: 1, newUrgent: 0, oldUrgent: 0 },
        { new: 1, old: 1, newUrgent: 0, oldUrgent: 0 },
      ]);
    });

    it('brings the texts along that it had by itself; one that both had is there once', async () => {
      await store.deposit(text({ uniqueKey: 'both' }));
      await store.deposit(text({ uniqueKey: 'both', owner: DESK }));
      await store.deposit(text({ owner: DESK, urgent: true }));
      await settleAll();
      expect(await store.addAlias(ALICE, DESK)).to.equal('added');
      for (const due of await claim()) {
        expect(due.counts).to.deep.equal({ new: 2, old: 0, newUrgent: 1, oldUrgent: 0 });
        expect(due.state.publishedVersion).to.be.below(due.wantedVersion);
      }
      expect(await store.addAlias(ALICE, DESK)).to.equal('there already');
    });

    it('of many mailboxes in one commit keeps none of their texts out (rows of one statement)', async () => {
      const user = (name: string): AddressOfRecord => AddressOfRecord.parse(`sip:${name}@example.test`);
      const owners = Array.from({ length: 170 }, (_, i) => `u${i}`);
      for (const name of owners) {
        await store.addAlias(user(name), user(`${name}-desk`));
        await store.addAlias(user(name), user(`${name}-home`));
      }
      const outcomes = await Promise.all(owners.map((name) => store.deposit(text({ owner: user(name) }))));
      expect(new Set(outcomes)).to.deep.equal(new Set(['stored']));
    });

    it('belongs to one mailbox, and to none that is an alias itself', async () => {
      await store.addAlias(ALICE, DESK);
      expect(await store.addAlias(CAROL, DESK)).to.equal('belongs to another');
      expect(await store.addAlias(CAROL, ALICE)).to.equal('is an owner with aliases');
      expect(await store.addAlias(ALICE, ALICE)).to.equal('there already');
    });

    it('that two owners are given at the same time becomes one’s', async () => {
      const other = await openForTest(url, { clock });
      try {
        for (let round = 0; round < 20; round++) {
          const alias = AddressOfRecord.parse(`sip:${2000 + round}@example.test`);
          await store.deposit(text({ owner: alias }));
          const outcomes = await Promise.all([store.addAlias(ALICE, alias), other.addAlias(CAROL, alias)]);
          expect(outcomes).to.have.members(['added', 'belongs to another']);
        }
      } finally {
        await other.close();
      }
    });

    it('that is taken away leaves its texts with the owner; its lamp goes out', async () => {
      await store.addAlias(ALICE, DESK);
      await store.deposit(text({ owner: DESK }));
      await settleAll();
      expect(await store.removeAlias(DESK)).to.equal(true);
      expect(await store.removeAlias(DESK)).to.equal(false);
      expect(await store.removeAlias(ALICE)).to.equal(false);
      const due = await claimOne();
      expect([due.target.user, due.counts.new]).to.deep.equal(['1001', 0]);
      expect((await store.counts(ALICE)).new).to.equal(1);
    });

    it('is listed with its owner', async () => {
      await store.addAlias(ALICE, DESK);
      await store.addAlias(ALICE, AddressOfRecord.parse('sip:a.smith@example.test'));
      const names = (list: Awaited<ReturnType<Store['aliases']>>): string[] =>
        list.map(({ owner, alias }) => `${owner.user} ${alias.user}`);
      expect(names(await store.aliases(null, 10))).to.deep.equal(['alice 1001', 'alice a.smith']);
      expect(names(await store.aliases(DESK, 10))).to.deep.equal(['alice a.smith']);
      expect(names(await store.aliases(null, 1))).to.deep.equal(['alice 1001']);
    });
  });

  describe('the audit', () => {
    it('shows every lamp, page by page, with the texts counted one by one', async () => {
      await store.deposit(text({ urgent: true }));
      await store.deposit(text());
      await store.addAlias(ALICE, AddressOfRecord.parse('sip:1001@example.test'));
      await store.deposit(text({ owner: CAROL }));
      const [first] = await lease('t', 1);
      await store.markRead('t', first?.id ?? 0);
      const pages = [
        await store.lamps({ after: null, limit: 2 }),
        await store.lamps({ after: 'sip:alice@example.test', limit: 2 }),
        await store.lamps({ only: CAROL }),
      ];
      expect(pages.map((page) => page.map(({ target }) => target.user))).to.deep.equal([
        ['1001', 'alice'],
        ['carol'],
        ['carol'],
      ]);
      for (const lamp of pages[0] ?? []) {
        expect(lamp.owner.user).to.equal('alice');
        expect(lamp.counted).to.deep.equal({ new: 1, old: 1, newUrgent: 0, oldUrgent: 1 });
        expect(lamp.counts).to.deep.equal(lamp.counted);
        expect(lamp.claim).to.equal(null);
      }
    });

    it('counts what is behind, due, failing and refused', async () => {
      await store.deposit(text());
      await store.deposit(text({ owner: CAROL }));
      const now = clock.now();
      expect(await store.totals(now)).to.deep.equal({
        lamps: 2,
        behind: 2,
        due: 2,
        failing: 0,
        refused: new Map(),
      });
      for (const { claim: held, target, wantedVersion } of await claim()) {
        const later = { dueAt: now + MINUTE, notBefore: now + MINUTE };
        const refused = { ...NOTHING_PUBLISHED, failures: 1, refusedWith: 489 };
        await store.settle(held, target, target.equals(ALICE) ? refused : published(wantedVersion), later);
      }
      expect(await store.totals(now)).to.deep.equal({
        lamps: 2,
        behind: 1,
        due: 0,
        failing: 1,
        refused: new Map([[489, 1]]),
      });
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
    const other = await openForTest(url, { clock, maxTexts: 50 });
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
