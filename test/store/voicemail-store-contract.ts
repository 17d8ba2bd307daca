import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Clock } from '../../src/core/clock.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { DueSummary } from '../../src/mwi/ports.ts';
import { NOTHING_PUBLISHED } from '../../src/mwi/ports.ts';
import type { Store } from '../../src/store/store.ts';
import { ALICE, CAROL, openForTest, text } from './store-contract.ts';

const MINUTE = 60_000;
const TWO = 'Messages-Waiting: yes\r\nVoice-Message: 2/0\r\n';
const NONE = 'Messages-Waiting: no\r\nVoice-Message: 0/2\r\n';
const DAVE = AddressOfRecord.parse('sip:dave@example.test');

/** What every store keeps of voicemails. `newUrl` names a database that nobody used. */
export function voicemailStoreContract(newUrl: () => Promise<string>): void {
  let url: string;
  let store: Store;
  let dirty: string[];
  let shift: number;
  const clock: Clock = {
    now: () => systemClock.now() + shift,
    after: (delay, callback) => systemClock.after(delay, callback),
  };

  beforeEach(async () => {
    shift = 0;
    dirty = [];
    url = await newUrl();
    store = await openForTest(url, { clock, dirty });
  });

  afterEach(async () => {
    await store.close();
  });

  const soon = (): number => clock.now() + MINUTE;
  const claim = async (): Promise<DueSummary | undefined> => {
    const [summary] = await store.claimDue({ node: 'one', until: soon() }, clock.now(), 10);
    return summary;
  };
  /** Claims the one lamp that is due and tells that it was published; what it said. */
  const publish = async (): Promise<DueSummary | undefined> => {
    const summary = await claim();
    if (summary === undefined) return undefined;
    const state = { ...NOTHING_PUBLISHED, publishedVersion: summary.wantedVersion };
    await store.settle(summary.claim, summary.target, state, { dueAt: null, notBefore: 0 });
    return summary;
  };
  const watches = async (node: string, limit = 10, until = soon()): Promise<string[]> => {
    const users = await store.claimWatches({ node, until }, clock.now(), limit);
    return users.map(String).sort();
  };

  describe('what the voicemail says', () => {
    it('makes a mailbox, and its lamp due at once', async () => {
      const until = soon();
      await store.reportVoicemail(ALICE, { body: TWO, until });
      expect(dirty).to.deep.equal([ALICE.toString()]);
      const summary = await publish();
      expect(summary?.target.toString()).to.equal(ALICE.toString());
      expect(summary?.voicemail).to.deep.equal({ body: TWO, until });
      expect(summary?.counts.new).to.equal(0);
    });

    it('stands beside the texts and survives a restart', async () => {
      await store.deposit(text());
      await store.reportVoicemail(ALICE, { body: TWO, until: soon() });
      await store.close();
      store = await openForTest(url, { clock });
      const summary = await claim();
      expect(summary?.counts.new).to.equal(1);
      expect(summary?.voicemail?.body).to.equal(TWO);
    });

    it('again only stands longer: the lamp is left alone', async () => {
      await store.reportVoicemail(ALICE, { body: TWO, until: soon() });
      await publish();
      const until = soon() + MINUTE;
      await store.reportVoicemail(ALICE, { body: TWO, until });
      expect(await claim()).to.equal(undefined);
      expect(dirty).to.have.length(1);
      await store.deposit(text());
      expect((await claim())?.voicemail).to.deep.equal({ body: TWO, until });
    });

    it('otherwise makes the lamp due', async () => {
      await store.reportVoicemail(ALICE, { body: TWO, until: soon() });
      const first = await publish();
      await store.reportVoicemail(ALICE, { body: NONE, until: soon() });
      const second = await publish();
      expect(second?.voicemail?.body).to.equal(NONE);
      expect(second?.wantedVersion).to.equal((first?.wantedVersion ?? 0) + 1);
    });

    it('makes the lamp due when it stands again after it had expired', async () => {
      await store.reportVoicemail(ALICE, { body: TWO, until: soon() });
      await publish();
      shift = 2 * MINUTE;
      await store.reportVoicemail(ALICE, { body: TWO, until: soon() });
      expect((await claim())?.voicemail?.body).to.equal(TWO);
    });

    it('makes the lamp due when it is to end sooner than was said', async () => {
      await store.reportVoicemail(ALICE, { body: TWO, until: soon() + 10 * MINUTE });
      await publish();
      await store.reportVoicemail(ALICE, { body: TWO, until: soon() });
      expect((await claim())?.voicemail?.body).to.equal(TWO);
    });

    it('stands no longer once it is taken back', async () => {
      await store.reportVoicemail(ALICE, { body: TWO, until: soon() });
      await publish();
      await store.reportVoicemail(ALICE, null);
      const after = await publish();
      expect(after?.voicemail?.body).to.equal(TWO);
      expect(after?.voicemail?.until).to.be.at.most(clock.now());
      await store.reportVoicemail(ALICE, null);
      expect(await claim()).to.equal(undefined);
    });

    it('makes nobody a mailbox when there is nothing to say', async () => {
      await store.reportVoicemail(ALICE, null);
      expect(await claim()).to.equal(undefined);
      expect(await watches('one')).to.deep.equal([]);
    });

    it('of an alias is said of its owner, and lights both lamps', async () => {
      await store.addAlias(ALICE, CAROL);
      const drained = await store.claimDue({ node: 'none', until: clock.now() + 1 }, clock.now(), 10);
      for (const { claim: held, target, wantedVersion } of drained) {
        const state = { ...NOTHING_PUBLISHED, publishedVersion: wantedVersion };
        await store.settle(held, target, state, { dueAt: null, notBefore: 0 });
      }
      await store.reportVoicemail(CAROL, { body: TWO, until: soon() });
      const due = await store.claimDue({ node: 'one', until: soon() }, clock.now(), 10);
      expect(due.map(({ target }) => target.toString()).sort()).to.deep.equal([
        ALICE.toString(),
        CAROL.toString(),
      ]);
      expect(due.map(({ voicemail }) => voicemail?.body)).to.deep.equal([TWO, TWO]);
    });

    it('of many users at once, and twice of one, counts as it came last', async () => {
      const users = Array.from({ length: 300 }, (_, i) => AddressOfRecord.parse(`sip:u${i}@example.test`));
      await Promise.all([
        ...users.map((user) => store.reportVoicemail(user, { body: TWO, until: soon() })),
        ...users.map((user) => store.reportVoicemail(user, { body: NONE, until: soon() })),
      ]);
      const due = await store.claimDue({ node: 'one', until: soon() }, clock.now(), 1000);
      expect(due).to.have.length(300);
      expect(new Set(due.map(({ voicemail }) => voicemail?.body))).to.deep.equal(new Set([NONE]));
    });

    it('over two connections at once is kept, whoever comes last', async () => {
      const other = await openForTest(url, { clock });
      try {
        const until = soon();
        await Promise.all([
          ...Array.from({ length: 20 }, () => store.reportVoicemail(ALICE, { body: TWO, until })),
          ...Array.from({ length: 20 }, () => other.reportVoicemail(ALICE, { body: NONE, until })),
          ...Array.from({ length: 20 }, () => other.deposit(text())),
        ]);
        const summary = await claim();
        expect(summary?.counts.new).to.equal(20);
        expect([TWO, NONE]).to.include(summary?.voicemail?.body);
      } finally {
        await other.close();
      }
    });
  });

  describe('a watch', () => {
    it('is there for every mailbox, old or new, and claimed by one node alone', async () => {
      await store.deposit(text());
      await store.reportVoicemail(DAVE, { body: TWO, until: soon() });
      expect(await watches('one')).to.deep.equal([ALICE.toString(), DAVE.toString()]);
      expect(await watches('two')).to.deep.equal([]);
      await store.deposit(text({ owner: CAROL }));
      expect(await watches('two')).to.deep.equal([CAROL.toString()]);
    });

    it('is claimed up to the limit, and by two nodes at once by either', async () => {
      const users = Array.from({ length: 40 }, (_, i) => AddressOfRecord.parse(`sip:u${i}@example.test`));
      await Promise.all(users.map((owner) => store.deposit(text({ owner }))));
      expect(await watches('one', 10)).to.have.length(10);
      const other = await openForTest(url, { clock });
      try {
        const until = soon();
        const [mine, theirs] = await Promise.all([
          store.claimWatches({ node: 'one', until }, clock.now(), 30),
          other.claimWatches({ node: 'two', until: until + 1 }, clock.now(), 30),
        ]);
        const all = [...mine, ...theirs].map(String);
        expect(new Set(all).size).to.equal(all.length);
        const rest = await watches('three', 40);
        expect(all.length + rest.length).to.equal(30);
      } finally {
        await other.close();
      }
    });

    it('finds mailboxes that were there before anybody looked, however many', async () => {
      const users = Array.from({ length: 2_500 }, (_, i) => AddressOfRecord.parse(`sip:u${i}@example.test`));
      await Promise.all(users.map((owner) => store.deposit(text({ owner }))));
      const found = new Set<string>();
      for (let look = 0; look < 8; look++) {
        for (const user of await watches('one', 5_000)) found.add(user);
      }
      expect(found.size).to.equal(2_500);
    });

    it('that is kept stays; one whose claim lapsed is another node’s, and can no longer be kept', async () => {
      await store.deposit(text());
      await watches('one');
      const claimUntil = soon() + 2 * MINUTE;
      expect(await store.keepWatch('one', ALICE, { claimUntil })).to.equal(true);
      expect(await store.nextWatchAt()).to.equal(claimUntil);
      shift = 2 * MINUTE;
      expect(await watches('two')).to.deep.equal([]);
      shift = 4 * MINUTE;
      expect(await watches('two')).to.deep.equal([ALICE.toString()]);
      expect(await store.keepWatch('one', ALICE, { claimUntil: soon() })).to.equal(false);
      expect(await store.keepWatch('two', ALICE, { claimUntil: soon() })).to.equal(true);
    });

    it('that is let go is due when it was said', async () => {
      await store.deposit(text());
      await watches('one');
      const dueAt = clock.now() + MINUTE;
      expect(await store.keepWatch('one', ALICE, { dueAt })).to.equal(true);
      expect(await store.nextWatchAt()).to.equal(dueAt);
      expect(await watches('two')).to.deep.equal([]);
      shift = MINUTE + 1;
      expect(await watches('two')).to.deep.equal([ALICE.toString()]);
    });

    it('of a node that stops is free at once', async () => {
      await store.deposit(text());
      await store.deposit(text({ owner: CAROL }));
      await watches('one', 1);
      await watches('two', 1);
      await store.releaseWatches('one');
      expect(await watches('three')).to.have.length(1);
    });

    it('is no reason to publish', async () => {
      await store.deposit(text());
      await publish();
      await watches('one');
      await store.keepWatch('one', ALICE, { claimUntil: soon() });
      expect(await claim()).to.equal(undefined);
    });

    it('of a mailbox that another took over is gone', async () => {
      await store.deposit(text());
      await store.deposit(text({ owner: CAROL }));
      await watches('one');
      await store.addAlias(ALICE, CAROL);
      expect(await store.keepWatch('one', CAROL, { claimUntil: soon() })).to.equal(false);
      expect(await store.keepWatch('one', ALICE, { claimUntil: soon() })).to.equal(true);
    });

    it('that nobody has is due never', async () => {
      expect(await store.nextWatchAt()).to.equal(null);
    });
  });
}
