import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { NOTICE_LIMITS } from '../../src/mailbox/notice-limits.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import type { SenderNotice } from '../../src/mailbox/sender-notice.ts';
import { SenderNotices, noticeText } from '../../src/mailbox/sender-notice.ts';
import { FakeClock, settle } from '../doubles/fake-clock.ts';

const WINDOW = 3_600_000;
const HOP = 'sip:127.0.0.1:5060;transport=udp';
const NO_SIGNS = {
  ownMark: false,
  autoSubmitted: null,
  precedence: null,
  autoResponseSuppress: null,
  listId: null,
  automata: false,
};

/** Notices that go to a list, with a store that nodes may share. */
class Telling {
  readonly clock: FakeClock;
  readonly sent: SenderNotice[] = [];
  readonly counted: string[] = [];
  readonly notices: SenderNotices;
  answer: () => Promise<number> = () => Promise.resolve(200);
  claim: (owner: string, author: string, now: number) => Promise<boolean>;

  constructor(told = new Map<string, number>(), clock = new FakeClock()) {
    this.clock = clock;
    this.claim = (owner, author, now) => {
      const key = `${owner} ${author}`;
      if (now - (told.get(key) ?? -Infinity) < WINDOW) return Promise.resolve(false);
      told.set(key, now);
      return Promise.resolve(true);
    };
    this.notices = new SenderNotices({
      store: {
        claimNotice: (owner, author, now) => this.claim(owner.toString(), author, now),
        forgetNotices: () => Promise.resolve(0),
      },
      sender: {
        send: (notice) => {
          this.sent.push(notice);
          return this.answer();
        },
      },
      template: '{to} is offline; your text was kept',
      window: WINDOW,
      messageAccount: AddressOfRecord.parse('sip:mailbox@example.test'),
      clock: this.clock,
      logger: silentLogger,
      metrics: {
        counter: () => ({ add: (labels) => this.counted.push(String(labels?.['outcome'])) }),
        gauge: () => ({ set: () => undefined }),
      },
    });
  }

  kept(author = 'sip:bob@example.test', owner = 'sip:alice@example.test'): void {
    this.notices.kept({
      message: { owner: AddressOfRecord.parse(owner), author, deliverAt: null, receipts: null },
      returnHop: HOP,
      signs: NO_SIGNS,
    });
  }
}

describe('the notice that a text was kept', () => {
  it('goes from the owner to the author by the way the text came', async () => {
    const telling = new Telling();
    telling.kept();
    await settle();
    const [notice] = telling.sent;
    expect(notice?.owner.toString()).to.equal('sip:alice@example.test');
    expect(notice?.author.toString()).to.equal('sip:bob@example.test');
    expect(notice).to.include({ returnHop: HOP, text: 'alice is offline; your text was kept' });
    expect(telling.counted).to.deep.equal(['sent']);
    expect(telling.clock.pendingTimers).to.equal(0);
  });

  it('is sent once in the window, of each owner to each author', async () => {
    const telling = new Telling();
    for (let text = 0; text < 3; text++) {
      telling.kept();
      await settle();
    }
    telling.kept('sip:carol@example.test');
    telling.kept(undefined, 'sip:dave@example.test');
    await settle();
    expect(telling.sent).to.have.length(3);
    await telling.clock.advance(WINDOW - 1);
    telling.kept();
    await settle();
    expect(telling.sent).to.have.length(3);
    await telling.clock.advance(1);
    telling.kept();
    await settle();
    expect(telling.sent).to.have.length(4);
  });

  it('is sent once by nodes that share a store, and after a restart', async () => {
    const told = new Map<string, number>();
    const clock = new FakeClock();
    const nodes = [new Telling(told, clock), new Telling(told, clock), new Telling(told, clock)];
    for (const node of nodes) node.kept();
    await settle();
    expect(nodes.flatMap(({ sent }) => sent)).to.have.length(1);
    expect(nodes.flatMap(({ counted }) => counted).sort()).to.deep.equal([
      'sent',
      'told_lately',
      'told_lately',
    ]);
  });

  it('is not tried again, whatever the answer is (no storms)', async () => {
    for (const [answer, outcome] of [
      [() => Promise.resolve(480), 'refused'],
      [() => Promise.resolve(0), 'refused'],
      [() => Promise.reject(new Error('broken')), 'failed'],
    ] as const) {
      const telling = new Telling();
      telling.answer = answer;
      telling.kept();
      await settle();
      telling.kept();
      await telling.clock.advance(WINDOW - 1);
      expect(telling.sent).to.have.length(1);
      expect(telling.counted).to.deep.equal([outcome, 'told_lately']);
    }
  });

  it('is left out when the database is down, and the next text may bring it', async () => {
    const telling = new Telling();
    const { claim } = telling;
    telling.claim = () => Promise.reject(new StoreUnavailable('look'));
    telling.kept();
    await settle();
    telling.claim = () => new Promise(() => undefined);
    telling.kept();
    await telling.clock.advance(NOTICE_LIMITS.storeDeadline);
    expect(telling.sent).to.have.length(0);
    telling.claim = claim;
    telling.kept();
    await settle();
    expect(telling.counted).to.deep.equal(['failed', 'failed', 'sent']);
  });

  it('waits in a bounded queue, and few are under way at one time', async () => {
    const telling = new Telling();
    telling.answer = () => new Promise(() => undefined);
    const { inFlight, waiting, sendDeadline } = NOTICE_LIMITS;
    for (let i = 0; i < inFlight + waiting + 5; i++) telling.kept(`sip:user${i}@example.test`);
    await settle();
    expect(telling.sent).to.have.length(inFlight);
    expect(telling.counted).to.deep.equal(Array.from({ length: 5 }, () => 'too_many'));
    // Whoever does not answer gives the place up.
    await telling.clock.advance(sendDeadline);
    expect(telling.sent).to.have.length(2 * inFlight);
    const stopped = telling.notices.stop();
    await telling.clock.advance(sendDeadline);
    await stopped;
    expect(telling.sent).to.have.length(2 * inFlight);
    telling.kept('sip:late@example.test');
    await settle();
    expect(telling.sent).to.have.length(2 * inFlight);
    expect(telling.clock.pendingTimers).to.equal(0);
  });

  it('to nobody is counted with the reason', () => {
    const telling = new Telling();
    telling.kept('tel:+1');
    telling.kept('sip:alice@example.test');
    expect(telling.counted).to.deep.equal(['no_person', 'herself']);
  });
});

describe('the words of a notice', () => {
  const of = (template: string, address: string): string =>
    noticeText(template, AddressOfRecord.parse(address));

  it('name the owner and her address, everywhere the operator says', () => {
    expect(of('{to} ({address}) is off, {to}!', 'sip:alice@example.test')).to.equal(
      'alice (sip:alice@example.test) is off, alice!',
    );
  });

  it('undo the escapes of a name, and leave those that mean nothing', () => {
    expect(of('{to}', 'sip:jos%C3%A9@example.test')).to.equal('josé');
    expect(of('{to}', 'sip:jos%E9@example.test')).to.equal('jos%E9');
  });

  it('are one line without control characters, whatever a name brings (injection)', () => {
    expect(of('{to} is\r\noff', 'sip:a%0D%0AVia:x%00%E2%80%AE@example.test'.replace(':x', '%3Ax'))).to.equal(
      'a Via:x is off',
    );
  });

  it('are not filled in twice, and other braces stay', () => {
    expect(of('{to} {who} {}', 'sip:%7Baddress%7D@example.test')).to.equal('{address} {who} {}');
  });

  it('have a bounded length, cut between characters', () => {
    const text = of('{to}'.repeat(125), `sip:${'%C3%A9'.repeat(20)}@example.test`);
    expect(Buffer.byteLength(text)).to.equal(NOTICE_LIMITS.textBytes);
    expect(text).to.match(/^é+$/);
  });
});
