import { expect } from 'chai';
import { AddressOfRecord } from '../../../src/core/address-of-record.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Metrics } from '../../../src/core/metrics.ts';
import { noMetrics } from '../../../src/core/metrics.ts';
import { PUSH_LIMITS } from '../../../src/mailbox/push/limits.ts';
import type { Registration } from '../../../src/mailbox/push/ports.ts';
import type { PushFrom } from '../../../src/mailbox/push/identity.ts';
import type { Pushes } from '../../../src/mailbox/push/push.ts';
import { startPushes } from '../../../src/mailbox/push/push.ts';
import { Retrievals } from '../../../src/mailbox/retrieval.ts';
import { SendFailed, SessionClosed } from '../../../src/msrp/errors.ts';
import { FakeClock, settle } from '../../doubles/fake-clock.ts';
import { MemoryPushStore } from '../../doubles/memory-push-store.ts';
import { MemoryTexts } from '../../doubles/memory-texts.ts';
import { PushPhone, UNSENT } from '../../doubles/push-phone.ts';
import { seededRandom } from '../../doubles/seeded-random.ts';

const ALICE = AddressOfRecord.parse('sip:alice@example.test');
const ALIAS = AddressOfRecord.parse('sip:100@example.test');
const ACCOUNT = 'sip:mailbox@example.test';
const BOB = 'sip:bob@example.test';
const CAROL = 'sip:carol@example.test';
const MESSAGE_ONLY = ['MESSAGE'];

describe('texts for a user who comes online', () => {
  let clock: FakeClock;
  let store: MemoryPushStore;
  let texts: MemoryTexts;
  let phone: PushPhone;
  let running: Pushes[];
  let outcomes: string[];

  beforeEach(() => {
    clock = new FakeClock();
    store = new MemoryPushStore(clock);
    texts = new MemoryTexts(clock);
    phone = new PushPhone();
    running = [];
    outcomes = [];
  });

  afterEach(async () => {
    await Promise.all([
      ...running.map((each) => each.stop()),
      clock.advance(PUSH_LIMITS.stopDeadline + PUSH_LIMITS.hangUp),
    ]);
    expect(clock.pendingTimers).to.equal(0);
  });

  const metrics: Metrics = {
    counter: (name) => ({
      add: (labels = {}) => {
        if (name === 'pushes_total') outcomes.push(String(labels['outcome']));
      },
    }),
    gauge: () => ({ set: () => undefined }),
  };

  interface Setting {
    readonly chats?: boolean;
    readonly pushFrom?: PushFrom;
    readonly node?: string;
    readonly attempts?: number;
  }

  function start({ chats = true, pushFrom = 'account', node = 'one', attempts = 8 }: Setting = {}): Pushes {
    const surroundings = { clock, random: seededRandom(), logger: silentLogger };
    const pushes = startPushes({
      ...surroundings,
      store,
      retrievals: new Retrievals({ ...surroundings, store: texts, node, metrics: noMetrics }),
      caller: chats ? phone : undefined,
      pager: phone,
      account: AddressOfRecord.parse(ACCOUNT),
      pushFrom,
      attempts,
      node,
      metrics,
    });
    running.push(pushes);
    return pushes;
  }

  async function online(over: Partial<Registration> = {}): Promise<void> {
    const registration: Registration = {
      user: ALICE,
      name: 'first',
      until: clock.now() + 3_600_000,
      methods: null,
      hop: null,
      ...over,
    };
    await store.registered(registration, clock.now());
    for (const each of running) each.wake();
    await settle();
  }

  /** Past the first attempt. */
  const soon = (): Promise<void> => clock.advance(PUSH_LIMITS.lookGap + PUSH_LIMITS.settling);

  it('wait a moment: a proxy may tell of a registration before it knows the phone’s address', async () => {
    texts.add('hello');
    start();
    await online();
    await clock.advance(PUSH_LIMITS.settling - 1);
    expect(phone.notes).to.deep.equal([]);
    await clock.advance(1);
    expect(phone.notes).not.to.deep.equal([]);
  });

  it('come in one chat, in order, in their authors’ names, and the call ends after the last is acknowledged', async () => {
    for (const words of ['one', 'two', 'three']) texts.add(words);
    texts.add('four', { author: CAROL });
    start();
    await online();
    await soon();
    expect(phone.notes).to.deep.equal([
      `call from ${ACCOUNT}`,
      `chat: ${BOB}: one`,
      `chat: ${BOB}: two`,
      `chat: ${BOB}: three`,
      `chat: ${CAROL}: four`,
      'hung up: delivered',
    ]);
    expect(texts.fresh).to.deep.equal([]);
    expect(outcomes).to.deep.equal(['brought']);
    expect(store.dueAt(ALICE)).to.equal(null);
  });

  it('that are none cost no call', async () => {
    start();
    await online();
    await soon();
    expect(phone.notes).to.deep.equal([]);
    expect(outcomes).to.deep.equal(['nothing_new']);
  });

  it('come by MESSAGE, one after the other, to a phone that takes nothing else', async () => {
    let under = 0;
    phone.answerMessage = async () => {
      expect(++under).to.equal(1);
      await Promise.resolve();
      under--;
      return 200;
    };
    texts.add('one');
    texts.add('two');
    start();
    await online({ methods: MESSAGE_ONLY });
    await soon();
    expect(phone.notes).to.deep.equal([
      `message from ${ACCOUNT}: Bob <${BOB}>, 2026-11-21 14:03 UTC: one`,
      `message from ${ACCOUNT}: Bob <${BOB}>, 2026-11-21 14:03 UTC: two`,
    ]);
    expect(texts.fresh).to.deep.equal([]);
  });

  it('come by MESSAGE where no chats are had', async () => {
    texts.add('one');
    start({ chats: false });
    await online();
    await soon();
    expect(phone.notes).to.have.length(1);
    expect(phone.notes[0]).to.match(/^message from/);
  });

  it('cannot be brought to a phone with neither way, and that is no attempt', async () => {
    texts.add('one');
    start();
    await online({ methods: ['OPTIONS'] });
    await soon();
    expect(outcomes).to.deep.equal(['no_way']);
    expect(store.dueAt(ALICE)).to.equal(null);
    expect(texts.fresh).to.deep.equal(['one']);
  });

  it('that are sent by two registrations at one time come once', async () => {
    for (let i = 0; i < 5; i++) texts.add(String(i));
    start();
    start({ node: 'two' });
    await online({ methods: MESSAGE_ONLY });
    await online({ user: ALIAS, methods: MESSAGE_ONLY });
    await clock.advance(60_000);
    expect(phone.notes).to.have.length(5);
    expect(new Set(phone.notes).size).to.equal(5);
    expect(texts.fresh).to.deep.equal([]);
    expect(store.dueAt(ALICE)).to.equal(null);
    expect(store.dueAt(ALIAS)).to.equal(null);
  });

  it('that come while she is online are brought as well', async () => {
    const pushes = start();
    await online({ methods: MESSAGE_ONLY });
    await soon();
    texts.add('later');
    store.textCame(ALICE);
    pushes.wake();
    await soon();
    expect(phone.notes).to.have.length(1);
  });

  describe('when the phone takes no chats', () => {
    beforeEach(() => {
      phone.answerCall = () => 488;
      texts.add('one');
    });

    it('come by MESSAGE at once', async () => {
      start();
      await online();
      await soon();
      expect(phone.notes.map((note) => note.split(' ')[0])).to.deep.equal(['call', 'message']);
      expect(outcomes).to.deep.equal(['brought']);
    });

    it('come by MESSAGE without another call the next time, until an hour has passed', async () => {
      const pushes = start();
      await online();
      await soon();
      const again = async (): Promise<void> => {
        texts.add('more');
        store.textCame(ALICE);
        pushes.wake();
        await soon();
      };
      await again();
      const calls = (): number => phone.notes.filter((note) => note.startsWith('call')).length;
      expect(calls()).to.equal(1);
      await online({ until: clock.now() + 7_200_000 });
      await clock.advance(PUSH_LIMITS.withoutWay.lasts);
      await again();
      expect(calls()).to.equal(2);
      expect(texts.fresh).to.deep.equal([]);
    });

    it('stay new when it does not take MESSAGEs either', async () => {
      start();
      await online({ methods: ['INVITE'] });
      await soon();
      expect(outcomes).to.deep.equal(['refused']);
      expect(texts.fresh).to.deep.equal(['one']);
    });

    it('405 to the MESSAGE too: no more is tried', async () => {
      phone.answerMessage = () => 405;
      start();
      await online();
      await soon();
      expect(outcomes).to.deep.equal(['refused']);
      expect(store.dueAt(ALICE)).to.equal(null);
    });

    it('and no MESSAGE: not even when she refreshes her registration, minute after minute', async () => {
      let asked = 0;
      phone.answerMessage = () => {
        asked++;
        return 405;
      };
      start();
      for (let refresh = 0; refresh < 5; refresh++) {
        await online();
        await clock.advance(60_000);
      }
      expect(asked).to.equal(1);
    });
  });

  it('that she declines to take now are not forced on her by MESSAGE, and she is called again later', async () => {
    phone.answerCall = () => 603;
    texts.add('one');
    start();
    await online();
    await soon();
    expect(phone.notes).to.deep.equal([`call from ${ACCOUNT}`]);
    expect(store.attempts(ALICE)).to.equal(1);
    phone.answerCall = () => 200;
    await clock.advance(2_000);
    expect(texts.fresh).to.deep.equal([]);
    expect(phone.notes.at(-1)).to.equal('hung up: delivered');
  });

  it('nobody answers the call for come by MESSAGE at the next attempt', async () => {
    phone.answerCall = () => 408;
    texts.add('one');
    start();
    await online();
    await soon();
    expect(phone.notes).to.deep.equal([`call from ${ACCOUNT}`]);
    await clock.advance(2_000);
    expect(phone.notes[1]).to.match(/^message from/);
    expect(texts.fresh).to.deep.equal([]);
  });

  it('that this phone does not take in a chat come by MESSAGE; the others stay in the chat', async () => {
    phone.take = (words) =>
      words.endsWith('odd') ? Promise.reject(new SendFailed(415, '')) : Promise.resolve();
    for (const words of ['one', 'odd', 'two']) texts.add(words);
    start();
    await online();
    await soon();
    expect(phone.notes).to.deep.equal([
      `call from ${ACCOUNT}`,
      `chat: ${BOB}: one`,
      `chat: ${BOB}: two`,
      'hung up: delivered',
      `message from ${ACCOUNT}: Bob <${BOB}>, 2026-11-21 14:03 UTC: odd`,
    ]);
    expect(outcomes).to.deep.equal(['brought']);
  });

  it('that the phone takes in no way wait for another phone, and do not keep the others back', async () => {
    phone.answerMessage = (words) => (words.endsWith('odd') ? 415 : 200);
    for (const words of ['one', 'odd', 'two']) texts.add(words);
    start();
    await online({ methods: MESSAGE_ONLY });
    await soon();
    expect(texts.fresh).to.deep.equal(['odd']);
    expect(outcomes).to.deep.equal(['refused']);
    expect(store.dueAt(ALICE)).to.equal(null);
  });

  it('that the phone takes in no way are not tried for each refresh of her registration, but for another text', async () => {
    let asked = 0;
    phone.answerMessage = () => {
      asked++;
      return 415;
    };
    texts.add('odd');
    const pushes = start();
    for (let refresh = 0; refresh < 5; refresh++) {
      await online({ methods: MESSAGE_ONLY });
      await clock.advance(60_000);
    }
    expect(asked).to.equal(1);
    phone.answerMessage = (words) => (words.endsWith('odd') ? 415 : 200);
    texts.add('more');
    store.textCame(ALICE);
    pushes.wake();
    await soon();
    expect(texts.fresh).to.deep.equal(['odd']);
  });

  it('that nothing can be sent of wait until something can, and her attempts are not used up by that', async () => {
    phone.answerCall = () => UNSENT;
    phone.answerMessage = () => UNSENT;
    texts.add('one');
    start({ attempts: 2 });
    await online();
    await clock.advance(3_600_000 - 60_000);
    expect(new Set(outcomes)).to.deep.equal(new Set(['not_sent']));
    expect(outcomes.length).to.be.within(600, 3_600_000 / PUSH_LIMITS.notSent);
    expect(store.attempts(ALICE)).to.equal(0);
    phone.answerCall = () => 200;
    await clock.advance(PUSH_LIMITS.notSent);
    expect(outcomes.at(-1)).to.equal('brought');
  });

  it('of many users are not claimed again and again while nothing can be sent', async () => {
    phone.answerMessage = () => UNSENT;
    texts.add('one');
    start();
    for (let user = 0; user < 200; user++) {
      await online({ user: AddressOfRecord.parse(`sip:user${user}@example.test`), methods: MESSAGE_ONLY });
    }
    await clock.advance(60_000);
    expect(outcomes.length).to.be.below((60_000 / PUSH_LIMITS.notSent + 2) * PUSH_LIMITS.inFlight);
  });

  it('of a chat that breaks stay new, the call is ended, and the rest comes later', async () => {
    phone.take = (words) =>
      words.endsWith('two') ? Promise.reject(new SessionClosed('closed')) : Promise.resolve();
    for (const words of ['one', 'two']) texts.add(words);
    start();
    await online();
    await soon();
    expect(phone.notes.at(-1)).to.equal('hung up: failed');
    expect(texts.fresh).to.deep.equal(['two']);
    phone.take = () => Promise.resolve();
    await clock.advance(2_000);
    expect(texts.fresh).to.deep.equal([]);
    expect(phone.notes.filter((note) => note.endsWith('one'))).to.have.length(1);
  });

  it('that come while she goes and is back, and her last call is being ended, are not overlooked', async () => {
    let ended: () => void = () => undefined;
    phone.hangUp = () => new Promise((resolve) => (ended = resolve));
    texts.add('one');
    start();
    await online();
    await soon();
    expect(phone.notes.at(-1)).to.equal('hung up: delivered');
    await store.unregistered(ALICE);
    texts.add('two');
    await online();
    await clock.advance(PUSH_LIMITS.lookGap);
    ended();
    phone.hangUp = () => Promise.resolve();
    await clock.advance(2 * PUSH_LIMITS.lookGap + PUSH_LIMITS.settling);
    expect(texts.fresh).to.deep.equal([]);
    expect(phone.notes.filter((note) => note.startsWith('chat'))).to.have.length(2);
  });

  it('are not held up by a phone that does not answer the end of a call', async () => {
    phone.hangUp = () => new Promise(() => undefined);
    texts.add('one');
    start();
    await online();
    await soon();
    await clock.advance(PUSH_LIMITS.hangUp);
    expect(outcomes).to.deep.equal(['brought']);
  });

  describe('that cannot be brought', () => {
    beforeEach(() => {
      phone.answerMessage = () => 480;
      texts.add('one');
      texts.add('two');
    });

    it('are tried at growing distances, as often as the operator says, and then not before she registers anew', async () => {
      start({ attempts: 3 });
      await online({ methods: MESSAGE_ONLY });
      await clock.advance(3_000_000);
      expect(outcomes).to.deep.equal(['failed', 'failed', 'failed']);
      expect(store.dueAt(ALICE)).to.equal(null);
      phone.answerMessage = () => 200;
      await online({ methods: MESSAGE_ONLY, name: 'second' });
      await soon();
      expect(texts.fresh).to.deep.equal([]);
    });

    it('are not tried one by one when nobody is there', async () => {
      let tries = 0;
      phone.answerMessage = () => {
        tries++;
        return 480;
      };
      start();
      await online({ methods: MESSAGE_ONLY });
      await soon();
      expect(tries).to.equal(1);
    });
  });

  describe('in the authors’ own names', () => {
    it('come in a call from each author in turn, one call at a time', async () => {
      texts.add('one');
      texts.add('two');
      texts.add('three', { author: CAROL, authorName: '' });
      texts.add('four');
      start({ pushFrom: 'author' });
      await online();
      await soon();
      expect(phone.notes).to.deep.equal([
        `call from ${BOB}`,
        `chat: ${BOB}: one`,
        `chat: ${BOB}: two`,
        'hung up: delivered',
        `call from ${CAROL}`,
        `chat: ${CAROL}: three`,
        'hung up: delivered',
        `call from ${BOB}`,
        `chat: ${BOB}: four`,
        'hung up: delivered',
      ]);
    });

    it('of very many authors come in a few calls, and the rest by MESSAGE, in order', async () => {
      for (let i = 0; i < 30; i++) texts.add(`words ${i}`, { author: `sip:author${i % 20}@example.test` });
      start({ pushFrom: 'author' });
      await online();
      await soon();
      const kinds = phone.notes.filter((note) => !note.startsWith('hung')).map((note) => note.split(' ')[0]);
      expect(kinds.filter((kind) => kind === 'call')).to.have.length(PUSH_LIMITS.calls);
      expect(kinds.slice(2 * PUSH_LIMITS.calls)).to.deep.equal(
        Array.from({ length: 30 - PUSH_LIMITS.calls }, () => 'message'),
      );
      const words = phone.notes.flatMap((note) => /words \d+/.exec(note)?.[0] ?? []);
      expect(words).to.deep.equal(Array.from({ length: 30 }, (_, i) => `words ${i}`));
      expect(outcomes).to.deep.equal(['brought']);
    });

    it('of very many authors come in calls alone to a phone that takes no MESSAGE', async () => {
      for (let i = 0; i < 30; i++) texts.add(`words ${i}`, { author: `sip:author${i}@example.test` });
      start({ pushFrom: 'author' });
      await online({ methods: ['INVITE'] });
      await soon();
      expect(texts.fresh).to.deep.equal([]);
    });

    it('of very many authors come in calls to a phone that turns out to take no MESSAGE', async () => {
      phone.answerMessage = () => 405;
      for (let i = 0; i < 30; i++) texts.add(`words ${i}`, { author: `sip:author${i}@example.test` });
      start({ pushFrom: 'author' });
      await online();
      await clock.advance(5_000);
      expect(texts.fresh).to.deep.equal([]);
      expect(outcomes).to.deep.equal(['passed_over', 'brought']);
    });

    it('come by MESSAGE as they were written, with the time in Date and the subject beside them', async () => {
      texts.add('hello\nthere', { subject: 'greetings', sentAt: 1_000 });
      start({ pushFrom: 'author' });
      await online({ methods: MESSAGE_ONLY });
      await soon();
      expect(phone.bodies).to.deep.equal([
        {
          contentType: 'text/plain;charset=utf-8',
          content: 'hello\nthere',
          writtenAt: 1_000,
          subject: 'greetings',
          headers: [],
        },
      ]);
      expect(phone.targets[0]).to.deep.include({ from: BOB, fromName: 'Bob' });
    });

    it('are cut into numbered parts where they are too long', async () => {
      phone.maxBytes = 30;
      texts.add('0123456789'.repeat(4));
      start({ pushFrom: 'author' });
      await online({ methods: MESSAGE_ONLY });
      await soon();
      expect(phone.bodies.map(({ content }) => content)).to.deep.equal([
        '0123456789012345 (1/3)',
        '6789012345678901 (2/3)',
        '23456789 (3/3)',
      ]);
    });

    for (const author of ['tel:+4930123', 'sip:anonymous@anonymous.invalid', 'no address']) {
      it(`come from the mailbox, which names the author, when that is ${author}`, async () => {
        texts.add('psst', { author, authorName: '' });
        start({ pushFrom: 'author' });
        await online({ methods: MESSAGE_ONLY });
        await soon();
        expect(phone.notes[0]).to.match(new RegExp(`^message from ${ACCOUNT}: .*, 2026.*: psst$`));
      });
    }

    it('end with the first call that fails: the next author does not call as well', async () => {
      phone.answerCall = () => 486;
      texts.add('one');
      texts.add('two', { author: CAROL });
      start({ pushFrom: 'author' });
      await online();
      await soon();
      expect(phone.notes).to.deep.equal([`call from ${BOB}`]);
    });
  });

  describe('when the database fails', () => {
    it('are looked for again', async () => {
      texts.add('one');
      store.down = true;
      start();
      await clock.advance(1_000);
      store.down = false;
      await online();
      await clock.advance(PUSH_LIMITS.storeBackoff.ceiling + PUSH_LIMITS.settling);
      expect(texts.fresh).to.deep.equal([]);
    });

    it('for a moment while what came of it is written down, that is done a little later', async () => {
      texts.add('one');
      start();
      await online();
      phone.hangUp = () => {
        store.down = true;
        return Promise.resolve();
      };
      await soon();
      store.down = false;
      await clock.advance(PUSH_LIMITS.settleRetry);
      expect(store.dueAt(ALICE)).to.equal(null);
    });
  });

  describe('when the program stops', () => {
    it('are not begun any more; what is under way is waited for, and the rest is brought by the next run', async () => {
      let answer: (status: number) => void = () => undefined;
      phone.answerMessage = () => new Promise<number>((resolve) => (answer = resolve));
      texts.add('one');
      texts.add('two');
      const pushes = start();
      await online({ methods: MESSAGE_ONLY });
      await soon();
      // The second is in hand already, behind the first.
      const stopped = pushes.stop();
      phone.answerMessage = () => 200;
      answer(200);
      await settle();
      await stopped;
      expect(phone.notes).to.have.length(2);
      texts.add('three');
      store.textCame(ALICE);
      start();
      await soon();
      expect(texts.fresh).to.deep.equal([]);
      expect(phone.notes).to.have.length(3);
    });

    it('do not keep it for ever', async () => {
      let answer: (status: number) => void = () => undefined;
      phone.answerMessage = () => new Promise<number>((resolve) => (answer = resolve));
      texts.add('one');
      const pushes = start();
      await online({ methods: MESSAGE_ONLY });
      await soon();
      const stopped = pushes.stop();
      await clock.advance(PUSH_LIMITS.stopDeadline);
      await stopped;
      expect(texts.fresh).to.deep.equal(['one']);
      answer(408);
      await settle();
      expect(store.settled).to.deep.equal([]);
    });
  });

  it('go on after a crash, when the claim has lapsed or the node is back', async () => {
    texts.add('one');
    await online({ methods: MESSAGE_ONLY });
    await store.claimPushes({ node: 'one', until: clock.now() + PUSH_LIMITS.claim }, clock.now(), 10);
    start();
    await soon();
    expect(texts.fresh).to.deep.equal([]);
  });

  it('of a phone that never answers in its chat, but holds it or moves on and on, are given up before the claim ends', async () => {
    phone.take = () => new Promise(() => undefined);
    texts.add('one');
    start();
    await online();
    await clock.advance(PUSH_LIMITS.claim - PUSH_LIMITS.breakOff + PUSH_LIMITS.lookGap);
    expect(outcomes).to.deep.equal(['failed']);
    expect(store.attempts(ALICE)).to.equal(1);
    expect(phone.notes).to.include('dropped');
    expect(texts.fresh).to.deep.equal(['one']);
    phone.take = () => Promise.resolve();
    await clock.advance(2_000);
    expect(texts.fresh).to.deep.equal([]);
  });

  it('are not begun when the claim is nearly over, and go on with the next claim', async () => {
    let slow = true;
    phone.answerMessage = async () => {
      if (slow) {
        slow = false;
        await new Promise<void>((resolve) => clock.after(PUSH_LIMITS.claim - 10_000, resolve));
      }
      return 200;
    };
    for (let i = 0; i < 20; i++) texts.add(String(i));
    start();
    await online({ methods: MESSAGE_ONLY });
    await clock.advance(PUSH_LIMITS.claim - 10_000 + PUSH_LIMITS.settling);
    expect(outcomes[0]).to.equal('passed_over');
    // That is no attempt in vain.
    expect(store.attempts(ALICE)).to.equal(0);
    await clock.advance(1_000);
    expect(outcomes).to.deep.equal(['passed_over', 'brought']);
    expect(texts.fresh).to.deep.equal([]);
    expect(new Set(phone.notes).size).to.equal(20);
    expect(phone.notes).to.have.length(20);
  });

  it('forgets registrations that are over', async () => {
    start();
    await online({ until: clock.now() + 1_000 });
    await clock.advance(PUSH_LIMITS.forgetting.every + PUSH_LIMITS.pollCeiling);
    expect(store.dueAt(ALICE)).to.equal(undefined);
  });
});
