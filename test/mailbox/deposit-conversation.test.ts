import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { Deposits } from '../../src/mailbox/deposit.ts';
import { DepositConversation } from '../../src/mailbox/deposit-conversation.ts';
import { MAILBOX_LIMITS } from '../../src/mailbox/limits.ts';
import { ReceiptSessions } from '../../src/mailbox/receipt-sessions.ts';
import { FakeClock } from '../doubles/fake-clock.ts';

const IDLE = 90_000;
const OWNER = AddressOfRecord.parse('sip:alice@example.test');
const AUTHOR = 'sip:bob@example.test';
const MARK = 'application/im-iscomposing+xml';

/** A conversation whose caller is the test, on a clock of its own. */
class Talk {
  readonly clock = new FakeClock();
  readonly hungUp: string[] = [];
  readonly kept: string[] = [];
  readonly #start = this.clock.now();
  readonly #conversation: DepositConversation;
  #messages = 0;

  readonly receipts = new ReceiptSessions();

  constructor(returnHop: string | null = null) {
    const owner = OWNER;
    const deposits = new Deposits({
      store: {
        deposit: ({ content }) => {
          this.kept.push(content.toString());
          return Promise.resolve('stored');
        },
      },
      maxBytes: 1_000,
      clock: this.clock,
      logger: silentLogger,
      metrics: noMetrics,
    });
    const session = {
      id: 's',
      send: () => Promise.resolve(),
      hold: () => undefined,
      move: () => undefined,
      close: () => undefined,
    };
    this.#conversation = new DepositConversation(
      {
        owner,
        author: AUTHOR,
        authorName: '',
        returnHop,
        autoReply: 'offline',
        idleTimeout: IDLE,
        peer: { acceptTypes: ['message/cpim'], acceptWrappedTypes: [] },
        deposits,
        receipts: this.receipts,
        clock: this.clock,
        logger: silentLogger,
        hangUp: (reason) => this.hungUp.push(`${reason} at ${(this.clock.now() - this.#start) / 1000}`),
      },
      () => session,
    );
    this.#conversation.onBound();
  }

  /** A message, as the session hands it over. */
  async say(contentType: string, content: string): Promise<void> {
    this.#conversation.onActivity();
    const messageId = `m${this.#messages++}`;
    await this.#conversation.onMessage({
      messageId,
      contentType,
      content: Buffer.from(content),
      fromPath: [],
    });
  }

  /** A chunk of a message that is not whole yet. */
  chunk(): void {
    this.#conversation.onActivity();
  }

  end(): void {
    this.#conversation.onEnded('closed');
  }
}

const mark = (state: string, refresh?: number): string =>
  `<?xml version="1.0"?><isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>${state}</state>${
    refresh === undefined ? '' : `<refresh>${refresh}</refresh>`
  }</isComposing>`;

describe('the idle limit of a chat session', () => {
  it('ends it after so long without a word', async () => {
    const talk = new Talk();
    await talk.clock.advance(60_000);
    await talk.say('text/plain', 'hello');
    await talk.clock.advance(300_000);
    expect(talk.hungUp).to.deep.equal(['idle at 150']);
  });

  it('runs anew with each chunk', async () => {
    const talk = new Talk();
    await talk.clock.advance(80_000);
    talk.chunk();
    await talk.clock.advance(80_000);
    talk.chunk();
    await talk.clock.advance(300_000);
    expect(talk.hungUp).to.deep.equal(['idle at 250']);
  });

  it('waits for the refresh time of a mark that she is writing, when that is longer', async () => {
    const talk = new Talk();
    await talk.clock.advance(10_000);
    await talk.say(MARK, mark('active', 200));
    await talk.clock.advance(300_000);
    expect(talk.hungUp).to.deep.equal(['idle at 210']);
    expect(talk.kept).to.deep.equal([]);
  });

  it('is never shortened by a mark', async () => {
    const talk = new Talk();
    await talk.say(MARK, mark('active', 1));
    await talk.clock.advance(300_000);
    expect(talk.hungUp).to.deep.equal(['idle at 90']);
  });

  it('takes 120 s where a mark names no refresh time', async () => {
    const talk = new Talk();
    await talk.say(MARK, mark('active'));
    await talk.clock.advance(300_000);
    expect(talk.hungUp).to.deep.equal([`idle at ${MAILBOX_LIMITS.composingUnsaid / 1000}`]);
  });

  it('is held up by one mark no longer than the limit, whatever it says', async () => {
    const talk = new Talk();
    await talk.say(MARK, mark('active', 999_999_999));
    await talk.clock.advance(2_000_000);
    expect(talk.hungUp).to.deep.equal([`idle at ${MAILBOX_LIMITS.composing / 1000}`]);
  });

  it('goes on as long as marks are refreshed', async () => {
    const talk = new Talk();
    for (let count = 0; count < 10; count++) {
      await talk.say(MARK, mark('active', 100));
      await talk.clock.advance(95_000);
    }
    expect(talk.hungUp).to.deep.equal([]);
    await talk.clock.advance(300_000);
    expect(talk.hungUp).to.deep.equal(['idle at 955']);
  });

  it('runs anew, and not longer, with a mark that she stopped writing', async () => {
    const talk = new Talk();
    await talk.say(MARK, mark('active', 500));
    await talk.clock.advance(20_000);
    await talk.say(MARK, mark('idle'));
    await talk.clock.advance(600_000);
    expect(talk.hungUp).to.deep.equal(['idle at 110']);
  });

  it('runs anew, and not longer, with the text that was being written', async () => {
    const talk = new Talk();
    await talk.say(MARK, mark('active', 500));
    await talk.clock.advance(20_000);
    talk.chunk();
    await talk.clock.advance(100_000);
    await talk.say('text/plain', 'hello');
    await talk.clock.advance(600_000);
    expect(talk.hungUp).to.deep.equal(['idle at 210']);
    expect(talk.kept).to.deep.equal(['hello']);
  });

  it('heeds a mark in message/cpim', async () => {
    const talk = new Talk();
    const wrapped = `From: <sip:bob@example.test>\r\nTo: <sip:alice@example.test>\r\n\r\nContent-Type: ${MARK}\n\n`;
    await talk.say('message/cpim', wrapped + mark('active', 300));
    await talk.clock.advance(600_000);
    expect(talk.hungUp).to.deep.equal(['idle at 300']);
    expect(talk.kept).to.deep.equal([]);
  });

  it('takes a mark that cannot be read, and a receipt, for a word like another', async () => {
    for (const [type, text] of [
      [MARK, 'broken'],
      ['message/imdn+xml', '<imdn/>'],
      ['text/plain', '?OTRv3?'],
    ] as const) {
      const talk = new Talk();
      await talk.clock.advance(50_000);
      await talk.say(type, text);
      await talk.clock.advance(300_000);
      expect(talk.hungUp, type).to.deep.equal(['idle at 140']);
    }
  });

  it('leaves no timer behind at the end', async () => {
    const talk = new Talk();
    await talk.say(MARK, mark('active', 500));
    talk.end();
    talk.chunk();
    await talk.say(MARK, mark('active', 500));
    expect(talk.clock.pendingTimers).to.equal(0);
  });
});

describe('a chat session that leaves texts', () => {
  it('is where receipts find the author only if somebody vouched for her: a forger hears nothing of hers', () => {
    expect(new Talk('sip:127.0.0.1:5060').receipts.find(OWNER, AUTHOR)).to.be.a('function');
    expect(new Talk(null).receipts.find(OWNER, AUTHOR)).to.equal(undefined);
  });
});
