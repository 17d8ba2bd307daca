import { expect } from 'chai';
import { AddressOfRecord } from '../../../src/core/address-of-record.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Metrics } from '../../../src/core/metrics.ts';
import { RECEIPT_LIMITS } from '../../../src/mailbox/receipts/receipt-limits.ts';
import { ReceiptSessions } from '../../../src/mailbox/receipts/receipt-sessions.ts';
import type { ReceiptAnswer } from '../../../src/mailbox/receipts/receipt-verdict.ts';
import type { ReceiptMessage, Receipts } from '../../../src/mailbox/receipts/receipts.ts';
import { startReceipts } from '../../../src/mailbox/receipts/receipts.ts';
import { FakeClock, settle } from '../../doubles/fake-clock.ts';
import { MemoryReceiptStore } from '../../doubles/memory-receipt-store.ts';
import { seededRandom } from '../../doubles/seeded-random.ts';

const ALICE = AddressOfRecord.parse('sip:alice@example.test');
const BOB = 'sip:bob@example.test';
const OK = { status: 200, reason: 'OK' };

describe('the receipts', () => {
  let clock: FakeClock;
  let store: MemoryReceiptStore;
  let sessions: ReceiptSessions;
  let sent: ReceiptMessage[];
  let answer: (message: ReceiptMessage) => ReceiptAnswer | Promise<ReceiptAnswer>;
  let outcomes: string[];
  let running: Receipts[];
  /** By how much the clock of the machine was put back, ms. */
  let putBack: number;

  const now = (): number => clock.now() - putBack;

  beforeEach(() => {
    clock = new FakeClock();
    store = new MemoryReceiptStore({ now, after: (delay, callback) => clock.after(delay, callback) });
    sessions = new ReceiptSessions();
    sent = [];
    answer = () => OK;
    outcomes = [];
    running = [];
    putBack = 0;
  });

  afterEach(async () => {
    await Promise.all([...running.map((each) => each.stop()), clock.advance(RECEIPT_LIMITS.stopDeadline)]);
    expect(clock.pendingTimers).to.equal(0);
  });

  const metrics: Metrics = {
    counter: () => ({
      add: (labels = {}) => {
        outcomes.push(`${labels['status'] ?? ''}: ${labels['outcome'] ?? ''}`);
      },
    }),
    gauge: () => ({ set: () => undefined }),
  };

  async function start(node = 'one'): Promise<Receipts> {
    const receipts = startReceipts({
      store,
      sender: {
        send: async (message) => {
          sent.push(message);
          return await answer(message);
        },
      },
      sessions,
      node,
      clock: { now, after: (delay, callback) => clock.after(delay, callback) },
      random: seededRandom(),
      logger: silentLogger,
      metrics,
    });
    running.push(receipts);
    await settle();
    return receipts;
  }

  it('are sent to the author in the owner’s name, over the hop the text came from, and are gone', async () => {
    store.add({ returnHop: 'sip:10.0.0.1:5060;transport=udp' });
    await start();
    expect(sent).to.have.length(1);
    expect(sent[0]).to.include({ returnHop: 'sip:10.0.0.1:5060;transport=udp', contentType: 'message/cpim' });
    expect(sent[0]?.from.toString()).to.equal('sip:alice@example.test');
    expect(sent[0]?.to.toString()).to.equal(BOB);
    expect(store.left).to.deep.equal([]);
    expect(outcomes).to.deep.equal(['stored: sent']);
  });

  it('leave at once when one is due', async () => {
    const receipts = await start();
    await clock.advance(1_000);
    store.add();
    receipts.wake();
    await settle();
    expect(sent).to.have.length(1);
  });

  it('of other nodes’ making are found without being woken', async () => {
    await start();
    store.add();
    await clock.advance(RECEIPT_LIMITS.pollCeiling);
    expect(sent).to.have.length(1);
  });

  it('that wait for their time leave then, and no sooner', async () => {
    const { id } = store.add();
    await store.postponeReceipt(id, clock.now() + 3_000);
    await start();
    await clock.advance(2_999);
    expect(sent).to.have.length(0);
    await clock.advance(1);
    expect(sent).to.have.length(1);
  });

  describe('by what is answered', () => {
    for (const status of [0, 404, 408, 480, 486, 500, 503, 504, 600]) {
      it(`${status}: waits, longer each time, and is tried again`, async () => {
        answer = () => ({ status, reason: '' });
        const { id } = store.add();
        await start();
        const first = (store.dueAt(id) ?? 0) - clock.now();
        expect(first).to.be.within(RECEIPT_LIMITS.backoff.first / 2, RECEIPT_LIMITS.backoff.first);
        expect(store.left[0]).to.include({ attempts: 1 });
        await clock.advance(first);
        answer = () => OK;
        await clock.advance(120_000);
        expect(store.left).to.deep.equal([]);
      });
    }

    for (const status of [302, 400, 403, 405, 410, 415, 481, 488, 501, 505, 513, 603, 604, 606]) {
      it(`${status}: is not tried again`, async () => {
        answer = () => ({ status, reason: '' });
        store.add();
        await start();
        expect(store.left).to.deep.equal([]);
        expect(outcomes).to.deep.equal(['stored: refused']);
      });
    }

    it('202: was taken', async () => {
      answer = () => ({ status: 202, reason: 'Accepted' });
      store.add();
      await start();
      expect(outcomes).to.deep.equal(['stored: sent']);
    });
  });

  it('are given up after so many tries', async () => {
    answer = () => ({ status: 480, reason: '' });
    store.add({ attempts: RECEIPT_LIMITS.attempts - 2 });
    await start();
    expect(store.left).to.have.length(1);
    await clock.advance(RECEIPT_LIMITS.backoff.ceiling);
    expect(store.left).to.deep.equal([]);
    expect(sent).to.have.length(2);
  });

  it('are given up unsent after as many tries that nobody lived to count (a receipt that kills its node)', async () => {
    store.add({ attempts: RECEIPT_LIMITS.attempts });
    await start();
    expect(sent).to.deep.equal([]);
    expect(store.left).to.deep.equal([]);
    expect(outcomes).to.deep.equal(['stored: too_often']);
  });

  it('too long for a MESSAGE are not sent by one (a Message-ID that stops a drachtio-server)', async () => {
    store.add({ messageId: '&'.repeat(3_000) });
    store.add({ messageId: 'x'.repeat(1_000) });
    await start();
    expect(sent.map(({ content }) => content.length < 4_000)).to.deep.equal([true]);
    expect(store.left).to.deep.equal([]);
    expect(outcomes).to.have.members(['stored: too_long', 'stored: sent']);
  });

  it('too long for a MESSAGE go by session all the same', async () => {
    const said: string[] = [];
    sessions.add(ALICE, BOB, ({ content }) => Promise.resolve(void said.push(content.toString())));
    store.add({ messageId: 'x'.repeat(9_000) });
    await start();
    expect(said).to.have.length(1);
  });

  it('leave at once though the clock was put back an hour', async () => {
    const receipts = await start();
    await clock.advance(1_000);
    putBack = 3_600_000;
    store.add({ createdAt: now() });
    receipts.wake();
    await clock.advance(RECEIPT_LIMITS.lookGap);
    expect(sent).to.have.length(1);
  });

  it('are tried a bounded number of times within a day, and never after it', async () => {
    answer = () => ({ status: 0, reason: '' });
    const { createdAt } = store.add();
    await start();
    let last = 0;
    while (store.left.length > 0) {
      const before = sent.length;
      await clock.advance(600_000);
      if (sent.length > before) last = clock.now();
    }
    expect(sent.length).to.be.within(10, RECEIPT_LIMITS.attempts);
    expect(last - createdAt).to.be.at.most(RECEIPT_LIMITS.age + 600_000);
  });

  it('that are older than a day are dropped unsent', async () => {
    store.add({ createdAt: clock.now() - RECEIPT_LIMITS.age - 1 });
    store.add({ createdAt: clock.now() - RECEIPT_LIMITS.age });
    await start();
    expect(sent).to.have.length(1);
    expect(outcomes).to.deep.equal(['stored: too_old', 'stored: sent']);
    expect(store.left).to.deep.equal([]);
  });

  for (const to of ['tel:+15550100', 'anonymous', 'sip:anonymous@anonymous.invalid', 'sip:10.0.0.1', '']) {
    it(`for ${JSON.stringify(to)}, whom no MESSAGE reaches, are dropped`, async () => {
      store.add({ to });
      await start();
      expect(sent).to.have.length(0);
      expect(store.left).to.deep.equal([]);
      expect(outcomes).to.deep.equal(['stored: undeliverable']);
    });
  }

  describe('of which many are due', () => {
    /** Answers when the test says so. */
    function answerLater(): ((status: number) => void)[] {
      const waiting: ((status: number) => void)[] = [];
      answer = () => new Promise((resolve) => waiting.push((status) => resolve({ status, reason: '' })));
      return waiting;
    }

    it('are held a few at a time, so that texts go before them', async () => {
      const waiting = answerLater();
      for (let i = 0; i < 3 * RECEIPT_LIMITS.inFlight; i++) store.add({ to: `sip:author${i}@example.test` });
      await start();
      await clock.advance(RECEIPT_LIMITS.pollCeiling);
      expect(sent).to.have.length(RECEIPT_LIMITS.inFlight);
      expect(store.claimants).to.have.length(RECEIPT_LIMITS.inFlight);
      waiting.splice(0, 2).forEach((resolve) => resolve(200));
      await clock.advance(RECEIPT_LIMITS.lookGap);
      expect(sent).to.have.length(RECEIPT_LIMITS.inFlight + 2);
      answer = () => OK;
      waiting.forEach((resolve) => resolve(200));
      await clock.advance(1_000);
      expect(store.left).to.deep.equal([]);
    });

    it('are looked for no oftener than the pace allows', async () => {
      const receipts = await start();
      const { looks } = store;
      for (let i = 0; i < 100; i++) {
        receipts.wake();
        await clock.advance(1);
      }
      expect(store.looks - looks).to.be.at.most(100 / RECEIPT_LIMITS.lookGap + 1);
    });

    it('reach one author in their order, one after the other', async () => {
      const waiting = answerLater();
      store.add({ status: 'stored', messageId: 'x' });
      store.add({ status: 'delivered', messageId: 'x' });
      await start();
      expect(sent).to.have.length(1);
      waiting[0]?.(200);
      await settle();
      expect(sent).to.have.length(2);
      expect(sent[1]?.content.toString()).to.include('<delivered/>');
      waiting[1]?.(200);
      await settle();
    });

    it('cost one wait for an author who does not answer, not one each', async () => {
      answer = () => ({ status: 408, reason: '' });
      for (let i = 0; i < 10; i++) store.add();
      await start();
      expect(sent).to.have.length(1);
      expect(store.left.map(({ attempts }) => attempts)).to.deep.equal(Array(10).fill(1));
    });

    it('are not held up for others by an author whose MESSAGE is on its way for half a minute', async () => {
      const waiting: (() => void)[] = [];
      answer = ({ to }) =>
        to.user === 'bob'
          ? new Promise((resolve) => waiting.push(() => resolve({ status: 408, reason: '' })))
          : OK;
      for (let i = 0; i < 100; i++) store.add();
      store.add({ to: 'sip:carol@example.test' });
      await start();
      await clock.advance(RECEIPT_LIMITS.patience + 1_000);
      expect(sent.map(({ to }) => to.user)).to.deep.equal(['bob', 'carol']);
      for (const finish of waiting) finish();
      await settle();
    });

    it('are not held up for others by an author who does not answer', async () => {
      answer = ({ to }) => ({ status: to.user === 'bob' ? 0 : 200, reason: '' });
      for (let i = 0; i < 100; i++) store.add();
      store.add({ to: 'sip:carol@example.test' });
      await start();
      await clock.advance(1_000);
      expect(sent.map(({ to }) => to.user)).to.deep.equal(['bob', 'carol']);
    });
  });

  describe('for an author in a chat session', () => {
    it('are handed over there', async () => {
      const said: string[] = [];
      sessions.add(ALICE, BOB, ({ content }) => {
        said.push(content.toString());
        return Promise.resolve();
      });
      store.add();
      await start();
      expect(said).to.have.length(1);
      expect(sent).to.have.length(0);
      expect(outcomes).to.deep.equal(['stored: sent_in_session']);
    });

    it('go to the last of several, and by MESSAGE when none is left', async () => {
      const said: string[] = [];
      const say = (which: string) => () => {
        said.push(which);
        return Promise.resolve();
      };
      const [first, second] = [
        sessions.add(ALICE, BOB, say('first')),
        sessions.add(ALICE, BOB, say('second')),
      ];
      const receipts = await start();
      const next = async (): Promise<void> => {
        store.add();
        receipts.wake();
        await clock.advance(RECEIPT_LIMITS.lookGap);
      };
      await next();
      second();
      second();
      await next();
      first();
      await next();
      expect(said).to.deep.equal(['second', 'first']);
      expect(sent).to.have.length(1);
    });

    it('go by MESSAGE when her client does not take them there', async () => {
      sessions.add(ALICE, BOB, () => Promise.reject(new Error('415')));
      store.add();
      await start();
      expect(sent).to.have.length(1);
      expect(outcomes).to.deep.equal(['stored: sent']);
    });

    it('go by MESSAGE when her client is silent there', async () => {
      sessions.add(ALICE, BOB, () => new Promise(() => undefined));
      store.add();
      await start();
      await clock.advance(RECEIPT_LIMITS.sessionDeadline - 1);
      expect(sent).to.have.length(0);
      await clock.advance(1);
      expect(sent).to.have.length(1);
    });

    it('that is with somebody else go by MESSAGE', async () => {
      sessions.add(AddressOfRecord.parse('sip:carol@example.test'), BOB, () => Promise.resolve());
      store.add();
      await start();
      expect(sent).to.have.length(1);
    });
  });

  describe('when something breaks', () => {
    it('wait while the database is down', async () => {
      store.add();
      store.down = true;
      await start();
      await clock.advance(10_000);
      expect(sent).to.have.length(0);
      store.down = false;
      await clock.advance(RECEIPT_LIMITS.storeBackoff.ceiling);
      expect(sent).to.have.length(1);
    });

    it('are sent once more, byte for byte, when it could not be written down that they were', async () => {
      answer = () => {
        store.down = true;
        return OK;
      };
      store.add();
      await start();
      store.down = false;
      answer = () => OK;
      await clock.advance(RECEIPT_LIMITS.claim + RECEIPT_LIMITS.pollCeiling);
      expect(sent).to.have.length(2);
      expect(sent[1]?.content.equals(sent[0]?.content ?? Buffer.alloc(0))).to.equal(true);
      expect(store.left).to.deep.equal([]);
    });

    it('that an earlier run of the node held are sent at once after a restart', async () => {
      store.add();
      await store.claimReceipts({ node: 'one', until: clock.now() + RECEIPT_LIMITS.claim }, clock.now(), 1);
      await start('one');
      expect(sent).to.have.length(1);
    });

    it('that another node holds are left to it until its claim ends', async () => {
      store.add();
      await store.claimReceipts({ node: 'two', until: clock.now() + RECEIPT_LIMITS.claim }, clock.now(), 1);
      await start('one');
      await clock.advance(RECEIPT_LIMITS.claim - 1);
      expect(sent).to.have.length(0);
      await clock.advance(RECEIPT_LIMITS.pollCeiling);
      expect(sent).to.have.length(1);
    });

    it('are not begun when their claim may end before they are through', async () => {
      // Each of them waits in vain for her session first.
      sessions.add(ALICE, BOB, () => new Promise(() => undefined));
      const inTime = (RECEIPT_LIMITS.claim - RECEIPT_LIMITS.attempt) / RECEIPT_LIMITS.sessionDeadline + 1;
      for (let i = 0; i < inTime + 1; i++) store.add();
      await start();
      await clock.advance(inTime * RECEIPT_LIMITS.sessionDeadline);
      expect(sent).to.have.length(inTime);
      expect(outcomes.at(-1)).to.equal('stored: passed_over');
    });
  });

  describe('at a stop', () => {
    it('that are in flight are waited for, and no other is begun', async () => {
      let finish = (): void => undefined;
      answer = () => new Promise((resolve) => (finish = () => resolve(OK)));
      store.add();
      const receipts = await start();
      store.add();
      const stopping = receipts.stop();
      finish();
      await stopping;
      receipts.wake();
      await clock.advance(RECEIPT_LIMITS.pollCeiling);
      expect(sent).to.have.length(1);
      expect(store.left).to.have.length(1);
      expect(store.claimants).to.deep.equal([]);
    });

    it('are not waited for without end', async () => {
      answer = () => new Promise(() => undefined);
      store.add();
      const receipts = await start();
      let stopped = false;
      void receipts.stop().then(() => (stopped = true));
      await clock.advance(RECEIPT_LIMITS.stopDeadline);
      expect(stopped).to.equal(true);
      expect(store.left).to.have.length(1);
      expect(store.claimants, 'other nodes need not wait for its claims to lapse').to.deep.equal([]);
    });
  });
});
