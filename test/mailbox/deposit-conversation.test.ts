import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { parseCpim } from '../../src/im/cpim-parser.ts';
import { Deposits } from '../../src/mailbox/deposit.ts';
import { DepositConversation } from '../../src/mailbox/deposit-conversation.ts';
import type { Preferences } from '../../src/mailbox/desk/ports.ts';
import { MAILBOX_LIMITS } from '../../src/mailbox/limits.ts';
import { OwnerProfiles } from '../../src/mailbox/owner-profiles.ts';
import { phrasesIn } from '../../src/mailbox/phrases/languages.ts';
import type { DepositOutcome } from '../../src/mailbox/ports.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import { ReceiptSessions } from '../../src/mailbox/receipts/receipt-sessions.ts';
import { MessageRefused } from '../../src/msrp/errors.ts';
import { FakeClock, settle } from '../doubles/fake-clock.ts';

const IDLE = 90_000;
const OWNER = AddressOfRecord.parse('sip:alice@example.test');
const AUTHOR = 'sip:bob@example.test';
const MARK = 'application/im-iscomposing+xml';

const SPANISH: Preferences = { language: 'es', timeZone: null, greeting: null };
const nothingSet = (): Promise<Preferences> =>
  Promise.resolve({ language: null, timeZone: null, greeting: null });

/** A conversation whose caller is the test, on a clock of its own. */
class Talk {
  readonly clock = new FakeClock();
  readonly hungUp: string[] = [];
  readonly kept: string[] = [];
  readonly #start = this.clock.now();
  readonly #conversation: DepositConversation;
  #messages = 0;

  readonly receipts = new ReceiptSessions();

  /** What the caller was told, in order. */
  readonly said: string[] = [];
  outcome: DepositOutcome = 'stored';

  constructor(returnHop: string | null = null, preferences: () => Promise<Preferences> = nothingSet) {
    const owner = OWNER;
    const deposits = new Deposits({
      store: {
        deposit: ({ content }) => {
          if (this.outcome === 'stored') this.kept.push(content.toString());
          return Promise.resolve(this.outcome);
        },
      },
      maxBytes: 1_000,
      clock: this.clock,
      logger: silentLogger,
      metrics: noMetrics,
    });
    const session = {
      id: 's',
      send: ({ content }: { content: Buffer }) => {
        this.said.push(parseCpim(content).content.toString());
        return Promise.resolve();
      },
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
        profiles: new OwnerProfiles({
          store: { preferences },
          language: 'en',
          timeZone: 'UTC',
          autoReply: 'offline',
        }),
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

describe('what a caller reads', () => {
  it('is the operator’s greeting, or the owner’s own', async () => {
    const usual = new Talk();
    await settle();
    expect(usual.said).to.deep.equal(['offline']);
    const own = new Talk(null, async () => ({ ...(await nothingSet()), greeting: 'Back at nine' }));
    await settle();
    expect(own.said).to.deep.equal(['Back at nine']);
  });

  it('is the operator’s greeting when the database is down', async () => {
    const talk = new Talk(null, () => Promise.reject(new StoreUnavailable('read')));
    await settle();
    expect(talk.said).to.deep.equal(['offline']);
  });

  it('is the operator’s greeting when the database is silent for long', async () => {
    const talk = new Talk(null, () => new Promise(() => undefined));
    await talk.clock.advance(MAILBOX_LIMITS.greetingPatience - 1);
    expect(talk.said).to.deep.equal([]);
    await talk.clock.advance(1);
    expect(talk.said).to.deep.equal(['offline']);
    talk.end();
    expect(talk.clock.pendingTimers).to.equal(0);
  });

  it('begins with the greeting, whatever else there is to say meanwhile', async () => {
    let answer: (preferences: Preferences) => void = () => undefined;
    const talk = new Talk('sip:127.0.0.1:5060', () => new Promise((resolve) => (answer = resolve)));
    talk.outcome = 'full';
    expect(await refusalOf(talk)).to.equal(413);
    const content = Buffer.from('From: <sip:a@e.test>\r\n\r\nContent-Type: text/plain\r\n\r\nreceipt');
    const receipt = talk.receipts.find(OWNER, AUTHOR)?.({ contentType: 'message/cpim', content });
    await settle();
    expect(talk.said).to.deep.equal([]);
    answer(await nothingSet());
    await receipt;
    await settle();
    expect(talk.said[0]).to.equal('offline');
    expect([...talk.said].sort()).to.deep.equal([phrasesIn('en').mailboxFull, 'offline', 'receipt']);
  });

  it('tells once, in the owner’s language, that the mailbox is full; each text is refused with 413', async () => {
    const talk = new Talk(null, () => Promise.resolve(SPANISH));
    talk.outcome = 'full';
    expect([await refusalOf(talk), await refusalOf(talk)]).to.deep.equal([413, 413]);
    await settle();
    expect(talk.said).to.deep.equal(['offline', phrasesIn('es').mailboxFull]);
    talk.outcome = 'stored';
    await talk.say('text/plain', 'room again');
    expect(talk.kept).to.deep.equal(['room again']);
  });

  it('tells once that the owner takes nothing of her; each text is refused with 403', async () => {
    const talk = new Talk();
    talk.outcome = 'blocked';
    expect([await refusalOf(talk), await refusalOf(talk)]).to.deep.equal([403, 403]);
    await settle();
    expect(talk.said).to.deep.equal(['offline', phrasesIn('en').blockedByOwner]);
  });

  it('is nothing more for a time that cannot be read: 400, and the session goes on', async () => {
    const talk = new Talk();
    const scheduled = 'From: <sip:b@e.test>\r\nX-Deliver-At: soon\r\n\r\nContent-Type: text/plain\r\n\r\nhi';
    const refused: unknown = await talk.say('message/cpim', scheduled).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(MessageRefused).and.to.include({ status: 400 });
    await talk.say('text/plain', 'now');
    expect(talk.kept).to.deep.equal(['now']);
  });
});

async function refusalOf(talk: Talk): Promise<number> {
  const error: unknown = await talk.say('text/plain', 'x').catch((reason: unknown) => reason);
  return error instanceof MessageRefused ? error.status : 200;
}
