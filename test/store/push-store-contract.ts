import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Push, Registration } from '../../src/mailbox/push/ports.ts';
import { STORE_LIMITS } from '../../src/store/limits.ts';
import type { Store } from '../../src/store/store.ts';
import { ALICE, CAROL, ShiftedClock, openForTest, text } from './store-contract.ts';

const MINUTE = 60_000;
const DESK = AddressOfRecord.parse('sip:1001@example.test');
const NOBODY = AddressOfRecord.parse('sip:nobody@example.test');
const NODE = 'one';

/** What every store keeps of who is online and of texts to be brought. `newUrl` names a database that nobody used. */
export function pushStoreContract(newUrl: () => Promise<string>): void {
  let url: string;
  let store: Store;
  let clock: ShiftedClock;
  let woken: number;

  const open = (): Promise<Store> => openForTest(url, { clock, onPushDue: () => (woken += 1) });

  beforeEach(async () => {
    clock = new ShiftedClock();
    woken = 0;
    url = await newUrl();
    store = await open();
  });

  afterEach(async () => {
    await store.close();
  });

  const online = (parts: Partial<Registration> = {}): Registration => ({
    user: ALICE,
    name: 'call-1',
    until: clock.now() + 60 * MINUTE,
    methods: null,
    hop: null,
    ...parts,
  });
  const register = (parts: Partial<Registration> = {}, to = store): Promise<boolean> =>
    to.registered(online(parts), clock.now());
  const claim = (node = NODE, from = store, limit = 100): Promise<Push[]> =>
    from.claimPushes({ node, until: clock.now() + MINUTE }, clock.now(), limit);
  const claimOne = async (node = NODE): Promise<Push> => {
    const [push, ...more] = await claim(node);
    expect(more).to.deep.equal([]);
    if (push === undefined) throw new Error('no push is due');
    return push;
  };
  const over = (push: Push, node = NODE): Promise<void> => store.settlePush(node, push, { kind: 'over' });
  const fail = (push: Push, retryAt: number | null, node = NODE): Promise<void> =>
    store.settlePush(node, push, { kind: 'failed', retryAt });
  const users = (pushes: readonly Push[]): string[] => pushes.map(({ user }) => user.toString());
  const read = async (owner = ALICE): Promise<void> => {
    for (const { id } of await store.lease(owner, 'reader', clock.now() + MINUTE, 100)) {
      expect(await store.markRead('reader', id)).to.equal(true);
    }
  };

  describe('a user who registers', () => {
    it('with new texts has a push due at once, with all that was told of her', async () => {
      await store.deposit(text());
      const told = online({
        methods: ['INVITE', 'MESSAGE', 'SUBSCRIBE'],
        hop: 'sip:192.0.2.1:5070;transport=tcp',
      });
      await store.registered(told, clock.now());
      expect(woken).to.equal(1);
      expect(await store.nextPushAt()).to.be.at.most(clock.now());
      const push = await claimOne();
      expect({ ...push, user: push.user.toString() }).to.deep.equal({
        ...told,
        user: ALICE.toString(),
        attempts: 0,
      });
      expect(await claim('two')).to.deep.equal([]);
    });

    it('without any has none, and nothing wakes', async () => {
      await store.deposit(text());
      await read();
      await store.deposit(text({ deliverAt: clock.now() + MINUTE, receivedAt: clock.now() + MINUTE }));
      await register();
      expect(woken).to.equal(0);
      expect(await store.nextPushAt()).to.equal(null);
      expect(await claim()).to.deep.equal([]);
    });

    it('and has no mailbox is not kept, and gets none by that', async () => {
      await register({ user: NOBODY });
      await store.unregistered(NOBODY);
      expect(await store.lamps({ only: NOBODY })).to.deep.equal([]);
      await store.deposit(text({ owner: NOBODY }));
      expect(await claim()).to.deep.equal([]);
    });

    it('at an alias has a push to that address, and one to each that is registered', async () => {
      await store.addAlias(ALICE, DESK);
      await store.deposit(text());
      await register({ user: DESK });
      expect(users(await claim())).to.deep.equal([DESK.toString()]);
      await register({ user: ALICE });
      expect(users(await claim())).to.deep.equal([ALICE.toString()]);
    });

    it('says no method, or did not say', async () => {
      await store.deposit(text());
      await register({ methods: [] });
      expect((await claimOne()).methods).to.deep.equal([]);
      await register({ methods: null, name: 'call-2' });
      await store.releasePushes(NODE);
      expect((await claimOne()).methods).to.equal(null);
    });

    it('with more methods and a longer hop than there is room for keeps what texts are brought by', async () => {
      await store.deposit(text());
      const methods = [...Array.from({ length: 200 }, (_, index) => `M${index}`), 'MESSAGE', 'INVITE'];
      await register({ methods, hop: `sip:${'x'.repeat(STORE_LIMITS.registrationField)}` });
      const push = await claimOne();
      expect(push.methods?.slice(0, 3)).to.deep.equal(['INVITE', 'MESSAGE', 'M0']);
      expect(push.hop).to.equal(null);
    });

    it('and is told of twice at the same moment, by two nodes, has one push', async () => {
      const other = await open();
      try {
        for (let round = 0; round < 5; round++) {
          await store.deposit(text());
          const name = `call-${round}`;
          await Promise.all([
            ...[store, other, store, other].map((each) => register({ name }, each)),
            ...[store, other].map((each) => each.unregistered(CAROL)),
          ]);
          const claimed = await Promise.all([claim(NODE, store), claim('two', other), claim('three', other)]);
          expect(claimed.flat()).to.have.length(1);
          const node = [NODE, 'two', 'three'][claimed.findIndex((each) => each.length > 0)] ?? '';
          for (const push of claimed.flat()) await over(push, node);
          expect(await claim()).to.deep.equal([]);
        }
      } finally {
        await other.close();
      }
    });
  });

  describe('a user who is registered', () => {
    it('has a push due when a text comes, at whichever address, and only she', async () => {
      await store.addAlias(ALICE, DESK);
      await store.deposit(text({ owner: CAROL }));
      await read(CAROL);
      await register();
      await register({ user: CAROL });
      expect(await claim()).to.deep.equal([]);
      await store.deposit(text({ owner: DESK }));
      expect(woken).to.equal(1);
      expect(users(await claim())).to.deep.equal([ALICE.toString()]);
    });

    it('has one when a scheduled text becomes due, not before', async () => {
      await store.deposit(text({ deliverAt: clock.now() + MINUTE, receivedAt: clock.now() + MINUTE }));
      await register();
      expect(await claim()).to.deep.equal([]);
      clock.shift = MINUTE;
      expect(await store.deliverScheduled(clock.now(), 10)).to.equal(1);
      expect(woken).to.equal(1);
      expect(users(await claim())).to.deep.equal([ALICE.toString()]);
    });

    it('has none for what is not kept', async () => {
      const kept = text();
      await store.deposit(kept);
      await read();
      await register();
      await store.block(ALICE, 'sip:eve@example.test');
      expect(await store.deposit(kept)).to.equal('duplicate');
      expect(await store.deposit(text({ author: 'sip:eve@example.test' }))).to.equal('blocked');
      expect(woken).to.equal(0);
      expect(await claim()).to.deep.equal([]);
    });

    it('has none any more once she is not, by her word or by the time', async () => {
      await store.deposit(text());
      await store.deposit(text({ owner: CAROL }));
      await register();
      await register({ user: CAROL, until: clock.now() + MINUTE });
      await store.unregistered(ALICE);
      clock.shift = MINUTE;
      expect(await claim()).to.deep.equal([]);
      await store.deposit(text());
      await store.deposit(text({ owner: CAROL }));
      expect(await claim()).to.deep.equal([]);
      expect(await store.nextPushAt()).to.equal(null);
    });

    it('is not forgotten when another phone of hers leaves', async () => {
      await store.deposit(text());
      await register({ name: 'desk' });
      await register({ name: 'mobile' });
      await store.unregistered(ALICE, 'desk');
      expect(await claimOne()).to.include({ name: 'mobile' });
      await store.unregistered(ALICE, 'mobile');
      await store.releasePushes(NODE);
      expect(await claim()).to.deep.equal([]);
    });

    it('stays so at another phone of hers, until that leaves as well or its time is over', async () => {
      await store.deposit(text());
      const until = clock.now() + 2 * MINUTE;
      await register({ name: 'desk', until });
      await register({ name: 'mobile', methods: ['MESSAGE'] });
      await store.unregistered(ALICE, 'mobile');
      const push = await claimOne();
      // What the one at the desk takes is not known any more.
      expect(push).to.deep.include({ until, methods: null, attempts: 0 });
      await store.releasePushes(NODE);
      clock.shift = 2 * MINUTE;
      expect(await claim()).to.deep.equal([]);
      await register({ name: 'desk' });
      await register({ name: 'mobile' });
      await store.unregistered(ALICE, 'mobile');
      await store.unregistered(ALICE, 'desk');
      expect(await claim()).to.deep.equal([]);
    });

    it('with very many phones is kept with as many as there is room for', async () => {
      await store.deposit(text());
      await read();
      for (let phone = 0; phone < 100; phone++) await register({ name: `call-${phone}` });
      await store.deposit(text());
      await fail(await claimOne(), null);
      await register({ name: 'call-98' });
      expect(await claim()).to.deep.equal([]);
      await register({ name: 'call-0' });
      expect(await claim()).to.have.length(1);
    });

    it('is not looked for where texts are brought to nobody', async () => {
      const plain = await openForTest(url, { clock });
      try {
        await store.deposit(text());
        await read();
        await register();
        await plain.deposit(text());
        expect(await plain.deliverScheduled(clock.now(), 10)).to.equal(0);
        expect(await claim()).to.deep.equal([]);
      } finally {
        await plain.close();
      }
    });

    it('misses no text that comes while she registers', async () => {
      const other = await open();
      try {
        await store.deposit(text());
        await read();
        for (let round = 0; round < 10; round++) {
          const name = `call-${round}`;
          await Promise.all([other.deposit(text()), register({ name })]);
          const push = await claimOne();
          expect(push.name).to.equal(name);
          await read();
          await over(push);
          expect(await claim()).to.deep.equal([]);
        }
      } finally {
        await other.close();
      }
    });
  });

  describe('a push', () => {
    it('that brought all is over, until the next text or a further registration', async () => {
      await store.deposit(text());
      await register();
      const push = await claimOne();
      await read();
      await over(push);
      expect(await store.nextPushAt()).to.equal(null);
      await register();
      expect(await claim()).to.deep.equal([]);
      await store.deposit(text());
      await over(await claimOne());
      await register({ name: 'call-2' });
      expect((await claimOne()).attempts).to.equal(0);
    });

    it('that failed waits until it is to be tried again, whatever text or refresh comes', async () => {
      await store.deposit(text());
      await register();
      const retryAt = clock.now() + 5 * MINUTE;
      await fail(await claimOne(), retryAt);
      await store.deposit(text());
      await register({ until: clock.now() + 90 * MINUTE });
      expect(await claim()).to.deep.equal([]);
      expect(await store.nextPushAt()).to.equal(retryAt);
      clock.shift = 5 * MINUTE;
      const again = await claimOne();
      expect(again.attempts).to.equal(1);
      expect(again.until).to.be.above(clock.now() + 80 * MINUTE);
      await over(again);
      await store.deposit(text());
      expect((await claimOne()).attempts).to.equal(0);
    });

    it('that waits is due at once, and counted anew, when she registers anew', async () => {
      await store.deposit(text());
      await register();
      await fail(await claimOne(), clock.now() + 5 * MINUTE);
      await register({ name: 'call-2' });
      expect(woken).to.equal(2);
      const push = await claimOne();
      expect([push.name, push.attempts]).to.deep.equal(['call-2', 0]);
    });

    it('of a registration that lapsed is due anew when the same one comes back', async () => {
      await store.deposit(text());
      await register({ until: clock.now() + MINUTE });
      await fail(await claimOne(), null);
      clock.shift = MINUTE;
      await register();
      expect((await claimOne()).attempts).to.equal(0);
    });

    it('that was given up is not tried for a refresh; a text is worth one attempt', async () => {
      await store.deposit(text());
      await register();
      await fail(await claimOne(), null);
      await register();
      expect(await claim()).to.deep.equal([]);
      expect(await store.nextPushAt()).to.equal(null);
      await store.deposit(text());
      const push = await claimOne();
      expect(push.attempts).to.equal(1);
      await fail(push, null);
      expect(await claim()).to.deep.equal([]);
    });

    it('that was given up for as often as it may be is tried for no text, but for a new registration', async () => {
      await store.deposit(text());
      await register();
      for (let attempt = 0; attempt < STORE_LIMITS.pushAttempts; attempt++) {
        await fail(await claimOne(), clock.now());
      }
      // So many in vain, and another one that is under way.
      const push = await claimOne();
      expect(push.attempts).to.equal(STORE_LIMITS.pushAttempts);
      await store.deposit(text());
      await fail(push, null);
      expect(await claim()).to.deep.equal([]);
      await store.deposit(text());
      expect(await claim()).to.deep.equal([]);
      await register({ name: 'call-2' });
      expect((await claimOne()).attempts).to.equal(0);
    }).timeout(30_000);

    it('is due again for a text that came while it was brought', async () => {
      await store.deposit(text());
      await register();
      const push = await claimOne();
      await store.deposit(text());
      expect(await claim('two')).to.deep.equal([]);
      await over(push);
      const again = await claimOne('two');
      expect(again.attempts).to.equal(0);
      await over(again, 'two');
      expect(await claim()).to.deep.equal([]);
    });

    it('that failed waits with the text that came meanwhile; given up, it is tried once more for it', async () => {
      await store.deposit(text());
      await register();
      const push = await claimOne();
      await store.deposit(text());
      const retryAt = clock.now() + MINUTE;
      await fail(push, retryAt);
      expect(await store.nextPushAt()).to.equal(retryAt);
      clock.shift = MINUTE;
      const second = await claimOne();
      await store.deposit(text());
      await fail(second, null);
      const third = await claimOne();
      expect(third.attempts).to.equal(2);
      await fail(third, null);
      expect(await claim()).to.deep.equal([]);
    });

    it('that was given up is not tried anew because her two phones refresh their registrations in turn', async () => {
      await store.deposit(text());
      const both = async (): Promise<void> => {
        for (const name of ['desk', 'mobile']) await register({ name });
      };
      await both();
      await fail(await claimOne(), null);
      await both();
      expect(await claim()).to.deep.equal([]);
      await store.deposit(text());
      expect((await claimOne()).attempts).to.equal(1);
    });

    it('that failed while another phone of hers refreshed its registration counts as an attempt all the same', async () => {
      await store.deposit(text());
      await register({ name: 'desk' });
      await register({ name: 'mobile' });
      const push = await claimOne();
      await register({ name: 'desk' });
      await fail(push, null);
      expect(await claim()).to.deep.equal([]);
    });

    it('that left what her phone does not take is tried for a text or a new registration, not for a refresh', async () => {
      await store.deposit(text());
      await register();
      const refuse = (push: Push): Promise<void> => store.settlePush(NODE, push, { kind: 'refused' });
      await refuse(await claimOne());
      await register();
      expect(await claim()).to.deep.equal([]);
      // However often: it is no attempt more.
      for (let round = 0; round < 3; round++) {
        await store.deposit(text());
        const push = await claimOne();
        expect(push.attempts).to.equal(1);
        await refuse(push);
      }
      await register({ name: 'call-2' });
      const push = await claimOne();
      expect(push.attempts).to.equal(0);
      await store.deposit(text());
      await refuse(push);
      expect(await claim()).to.have.length(1);
    });

    it('that was put off is due then, and that is no attempt', async () => {
      await store.deposit(text());
      await register();
      const until = clock.now() + MINUTE;
      await store.settlePush(NODE, await claimOne(), { kind: 'put off', until });
      expect(await store.nextPushAt()).to.equal(until);
      clock.shift = MINUTE;
      expect((await claimOne()).attempts).to.equal(0);
    });

    it('is not due again for a refresh that came while it was brought', async () => {
      await store.deposit(text());
      await register();
      const push = await claimOne();
      await register();
      await read();
      await over(push);
      expect(await claim()).to.deep.equal([]);
    });

    it('says nothing of a registration that came while it was brought', async () => {
      await store.deposit(text());
      await register();
      const first = await claimOne();
      await register({ name: 'call-2' });
      await fail(first, clock.now() + 5 * MINUTE);
      const second = await claimOne();
      expect([second.name, second.attempts]).to.deep.equal(['call-2', 0]);
      await read();
      await register({ name: 'call-3' });
      await fail(second, null);
      expect(await store.nextPushAt()).to.equal(null);
      await store.deposit(text());
      expect((await claimOne()).attempts).to.equal(0);
    });

    it('of a user who went while it was brought is settled in silence', async () => {
      await store.deposit(text());
      await register();
      const push = await claimOne();
      await store.unregistered(ALICE);
      await fail(push, clock.now());
      expect(await claim()).to.deep.equal([]);
      expect(await store.nextPushAt()).to.equal(null);
    });

    it('that was sent off by a node that died is another’s when the claim ends, and counts as an attempt', async () => {
      await store.deposit(text());
      await register();
      const lost = await claimOne();
      const ends = await store.nextPushAt();
      expect(ends).to.be.within(clock.now() + MINUTE - 10_000, clock.now() + MINUTE);
      clock.shift = MINUTE + 1;
      const [push] = await claim('two');
      expect(push?.attempts).to.equal(1);
      // Whoever was too slow has nothing to say any more.
      await over(lost);
      expect(await claim('three')).to.deep.equal([]);
      await store.releasePushes(NODE);
      expect(await claim('three')).to.deep.equal([]);
      await store.releasePushes('two');
      expect(await claim('three')).to.have.length(1);
    });

    it('is there after the store was opened again', async () => {
      await store.deposit(text());
      await register();
      await fail(await claimOne(), clock.now() - 1);
      await store.close();
      store = await open();
      expect((await claimOne()).attempts).to.equal(1);
    });

    it('is claimed by one of several nodes, the longest due first', async () => {
      const owners = Array.from({ length: 12 }, (_, index) =>
        AddressOfRecord.parse(`sip:${String(index).padStart(2, '0')}@example.test`),
      );
      const started = clock.now();
      for (const [index, user] of owners.entries()) {
        await store.deposit(text({ owner: user }));
        await store.registered(online({ user }), started - 100 + index);
      }
      expect(users(await claim('first', store, 2))).to.deep.equal(owners.slice(0, 2).map(String));
      const other = await open();
      try {
        const claimed = await Promise.all(
          ['a', 'b', 'c', 'd'].map((node, index) => claim(node, index % 2 === 0 ? store : other, 4)),
        );
        const all = users(claimed.flat());
        expect(new Set(all).size).to.equal(all.length);
        all.push(...users(await claim('last')));
        expect(all.sort()).to.deep.equal(owners.slice(2).map(String));
      } finally {
        await other.close();
      }
    });

    it('settled while texts come, on two nodes, leaves no text behind', async () => {
      const other = await open();
      try {
        await store.deposit(text());
        await register();
        for (let round = 0; round < 10; round++) {
          const push = await claimOne();
          await read();
          await Promise.all([other.deposit(text()), over(push)]);
        }
        expect(await claim()).to.have.length(1);
      } finally {
        await other.close();
      }
    });
  });

  it('forgets registrations that are over, no more than it is told to, and no others', async () => {
    await store.addAlias(ALICE, DESK);
    await store.deposit(text({ owner: CAROL }));
    await register({ until: clock.now() + MINUTE });
    await register({ user: DESK, until: clock.now() + 2 * MINUTE });
    await register({ user: CAROL });
    expect(await store.forgetRegistrations(clock.now(), 10)).to.equal(0);
    clock.shift = 2 * MINUTE;
    expect(await store.forgetRegistrations(clock.now(), 1)).to.equal(1);
    expect(await store.forgetRegistrations(clock.now(), 10)).to.equal(1);
    expect(await store.forgetRegistrations(clock.now(), 10)).to.equal(0);
    expect(users(await claim())).to.deep.equal([CAROL.toString()]);
  });

  it('lists users with new texts page by page, each mailbox with all its addresses', async () => {
    await store.addAlias(ALICE, DESK);
    const owners = ['a', 'b', 'c'].map((user) => AddressOfRecord.parse(`sip:${user}@example.test`));
    for (const owner of [ALICE, CAROL, ...owners]) await store.deposit(text({ owner }));
    await read(CAROL);
    const later = clock.now() + MINUTE;
    await store.deposit(text({ owner: CAROL, deliverAt: later, receivedAt: later }));
    const listed: string[][] = [];
    for (let after = 0; ;) {
      const page = await store.usersWithNewTexts(after, 2);
      if (page.length === 0) break;
      listed.push(page.map(({ user }) => user.toString()));
      after = page.at(-1)?.mailboxId ?? Infinity;
    }
    const [a = '', b = '', c = ''] = owners.map(String);
    expect(listed).to.deep.equal([
      [DESK.toString(), ALICE.toString(), a],
      [b, c],
    ]);
  });
}
