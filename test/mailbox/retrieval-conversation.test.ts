import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { DeskOutcome, DeskWork } from '../../src/mailbox/desk/desk.ts';
import { DESK_LIMITS } from '../../src/mailbox/desk/limits.ts';
import { DisplayedTexts } from '../../src/mailbox/receipts/displayed-texts.ts';
import { MAILBOX_LIMITS } from '../../src/mailbox/limits.ts';
import { OwnerProfiles } from '../../src/mailbox/owner-profiles.ts';
import { en } from '../../src/mailbox/phrases/en.ts';
import { es } from '../../src/mailbox/phrases/es.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import type { RetrievalResult } from '../../src/mailbox/retrieval.ts';
import { Retrievals } from '../../src/mailbox/retrieval.ts';
import { RetrievalConversation } from '../../src/mailbox/retrieval-conversation.ts';
import { MessageRefused, SendTimedOut, SessionClosed } from '../../src/msrp/errors.ts';
import type { OutgoingMessage } from '../../src/msrp/session.ts';
import { FakeClock, settle } from '../doubles/fake-clock.ts';
import { MemoryTexts } from '../doubles/memory-texts.ts';
import { seededRandom } from '../doubles/seeded-random.ts';

const ALICE = AddressOfRecord.parse('sip:alice@example.test');
const ACCOUNT = AddressOfRecord.parse('sip:mailbox@example.test');
const IDLE = 90_000;
const NOTHING: RetrievalResult & { listed: number } = { delivered: 0, refused: 0, elsewhere: 0, listed: 0 };

/** A session whose owner is the test, with a desk that does what the test says. */
class Talk {
  readonly clock = new FakeClock();
  readonly texts = new MemoryTexts(this.clock);
  readonly hungUp: string[] = [];
  readonly said: string[] = [];
  readonly asked: string[] = [];
  /** Of all that was sent, delivered or not. */
  readonly messageIds: (string | undefined)[] = [];
  readonly stopping = new AbortController();
  readonly #works: Promise<void>[] = [];
  readonly #conversation: RetrievalConversation;
  fetched = NOTHING;
  /** What a command comes to; it says its own words back first. */
  outcome: (words: string) => Promise<DeskOutcome> = () => Promise.resolve('done');
  acknowledge: () => Promise<void> = () => Promise.resolve();

  constructor(mode: 'menu' | 'hangup' = 'menu', languages: readonly string[] = [], maxSize?: number) {
    const desk: DeskWork = {
      understand: () => Promise.reject(new Error('nobody asked')),
      fetch: () => Promise.resolve(this.fetched),
      run: async (_visitor, words, visit) => {
        this.asked.push(words);
        const outcome = await this.outcome(words);
        if (outcome !== 'unknown') await visit.say(`${words}!`);
        return outcome;
      },
      notUnderstood: (_visitor, words, visit) => visit.say(`${words}?`),
    };
    const session = {
      id: 's',
      send: async ({ content, messageId }: OutgoingMessage) => {
        this.messageIds.push(messageId);
        await this.acknowledge();
        this.said.push(content.toString());
      },
      hold: () => undefined,
      move: () => undefined,
      close: () => undefined,
    };
    const common = { clock: this.clock, logger: silentLogger, metrics: noMetrics, random: seededRandom() };
    this.#conversation = new RetrievalConversation(
      {
        ...common,
        visitor: { owner: ALICE, name: '', languages, hop: null },
        messageAccount: ACCOUNT,
        idleTimeout: IDLE,
        peer: { acceptTypes: ['text/plain'], acceptWrappedTypes: [], maxSize },
        retrievals: new Retrievals({ ...common, store: this.texts, node: 'one' }),
        desk: mode === 'menu' ? desk : undefined,
        profiles: new OwnerProfiles({
          store: { preferences: () => Promise.resolve({ language: null, timeZone: null, greeting: null }) },
          language: 'en',
          timeZone: 'UTC',
          autoReply: '',
        }),
        displayed: new DisplayedTexts({
          ...common,
          store: { markDisplayed: () => Promise.resolve(false) },
        }),
        hangUp: (reason) => this.hungUp.push(reason),
        stopping: this.stopping.signal,
        onWork: (work) => this.#works.push(work),
      },
      () => session,
    );
  }

  async bind(): Promise<void> {
    this.#conversation.onBound();
    await settle();
  }

  async write(content: string, contentType = 'text/plain'): Promise<void> {
    this.#conversation.onActivity();
    await this.#conversation.onMessage({
      messageId: 'm',
      contentType,
      content: Buffer.from(content),
      fromPath: [],
    });
    await settle();
  }

  /** The status that what is written is answered with. */
  async status(content: string, contentType = 'text/plain'): Promise<number> {
    return await this.write(content, contentType).then(
      () => 200,
      (error: unknown) => (error instanceof MessageRefused ? error.status : 0),
    );
  }

  /** Resolves when all that was asked for is done. */
  async idle(): Promise<void> {
    await Promise.all(this.#works);
  }

  hold(held: boolean): void {
    this.#conversation.onHeld(held);
  }

  end(): void {
    this.#conversation.onEnded('closed');
  }
}

describe('a session in which an owner gives commands', () => {
  let talk: Talk;

  beforeEach(async () => {
    talk = new Talk();
    await talk.bind();
    talk.said.length = 0;
    talk.messageIds.length = 0;
  });

  afterEach(() => {
    talk.end();
    expect(talk.clock.pendingTimers).to.equal(0);
  });

  const slow = (): (() => void) => {
    let finish = (): void => undefined;
    talk.outcome = () =>
      new Promise((resolve) => {
        finish = () => resolve('done');
      });
    return () => finish();
  };

  it('stays open, and tells of help when there is nothing to number', async () => {
    expect(talk.hungUp).to.deep.equal([]);
    const empty = new Talk();
    await empty.bind();
    expect(empty.said).to.deep.equal([`${en.noNewTexts} ${en.helpHint}`]);
    empty.end();
    const numberless = new Talk('menu', ['es']);
    numberless.fetched = { ...NOTHING, delivered: 1 };
    await numberless.bind();
    expect(numberless.said).to.deep.equal([es.helpHint]);
    numberless.end();
  });

  it('does one after the other, each acknowledged when it is taken', async () => {
    const finish = slow();
    await talk.write('one');
    await talk.write('two');
    expect(talk.asked).to.deep.equal(['one']);
    finish();
    await settle();
    finish();
    await settle();
    expect(talk.said).to.deep.equal(['one!', 'two!']);
  });

  it('refuses with 408 what is more than may wait', async () => {
    slow();
    for (let count = 0; count < DESK_LIMITS.waiting; count++) {
      expect(await talk.status(`command ${count}`)).to.equal(200);
    }
    expect(await talk.status('one more')).to.equal(408);
  });

  it('understands CPIM, and passes over blank lines', async () => {
    const cpim = 'From: <sip:alice@example.test>\r\n\r\nContent-Type: text/plain\r\n\r\nhelp';
    await talk.write(cpim, 'message/cpim');
    await talk.write(' \r\n');
    expect(talk.asked).to.deep.equal(['help']);
  });

  it('keeps no more of what waits than it takes to answer it', async () => {
    await talk.write('x'.repeat(200_000));
    expect(talk.asked[0]).to.have.length(DESK_LIMITS.words);
  });

  it('answers 415 and 400 to what it cannot read, and goes on', async () => {
    expect(await talk.status('…', 'image/png')).to.equal(415);
    expect(await talk.status('no headers', 'message/cpim')).to.equal(400);
    expect(await talk.status('help')).to.equal(200);
  });

  it('says goodbye when she falls silent, and hangs up then', async () => {
    await talk.clock.advance(IDLE - 1);
    expect(talk.hungUp).to.deep.equal([]);
    await talk.clock.advance(1);
    expect(talk.said).to.deep.equal([en.bye]);
    expect(talk.hungUp).to.deep.equal(['idle']);
    expect(await talk.status('help')).to.equal(408);
  });

  it('takes nobody for silent who types, is on hold, or waits for us', async () => {
    const mark =
      '<?xml version="1.0"?><isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state><refresh>200</refresh></isComposing>';
    await talk.write(mark, 'application/im-iscomposing+xml');
    await talk.clock.advance(190_000);
    expect(talk.hungUp).to.deep.equal([]);
    talk.hold(true);
    await talk.clock.advance(10 * IDLE);
    expect(talk.hungUp).to.deep.equal([]);
    talk.hold(false);
    const finish = slow();
    await talk.write('reply 1 hello');
    await talk.clock.advance(2 * IDLE);
    expect(talk.hungUp).to.deep.equal([]);
    finish();
    await settle();
    await talk.clock.advance(IDLE);
    expect(talk.hungUp).to.deep.equal(['idle']);
  });

  it('ends after bye, once that line was acknowledged', async () => {
    let acknowledged = (): void => undefined;
    talk.acknowledge = () =>
      new Promise((resolve) => {
        acknowledged = resolve;
      });
    talk.outcome = () => Promise.resolve('bye');
    await talk.write('bye');
    expect(talk.hungUp).to.deep.equal([]);
    acknowledged();
    await settle();
    expect(talk.hungUp).to.deep.equal(['bye']);
  });

  it('has one line for words that are no command', async () => {
    talk.outcome = () => Promise.resolve('unknown');
    await talk.write('good morning');
    expect(talk.said).to.deep.equal(['good morning?']);
  });

  it('does not answer the same words again and again (loop of two machines)', async () => {
    talk.outcome = () => Promise.resolve('unknown');
    for (let count = 0; count < 5; count++) await talk.write('I am away');
    expect(talk.said).to.deep.equal(['I am away?']);
    await talk.clock.advance(MAILBOX_LIMITS.toldNothing.rates[0].within);
    await talk.write('I am away');
    expect(talk.said).to.have.length(2);
  });

  it('ends with a client that answers each line with the same command (loop of two machines)', async () => {
    let answers = 0;
    talk.acknowledge = () => {
      if (++answers < 200) setImmediate(() => void talk.write('help'));
      return Promise.resolve();
    };
    await talk.write('help');
    for (let round = 0; round < 2_000; round++) await settle();
    expect(answers).to.be.lessThan(50);
    await talk.clock.advance(IDLE);
    expect(talk.hungUp).to.deep.equal(['idle']);
  });

  it('says so and goes on when the database is down', async () => {
    talk.outcome = () => Promise.reject(new StoreUnavailable('read texts'));
    await talk.write('old');
    expect(talk.said).to.deep.equal([en.cannotFetch]);
    expect(talk.hungUp).to.deep.equal([]);
  });

  it('ends with a client that does not answer', async () => {
    talk.acknowledge = () => Promise.reject(new SendTimedOut(1));
    await talk.write('help');
    expect(talk.hungUp).to.deep.equal(['failed']);
  });

  for (const [how, end] of [
    ['she hangs up', (): void => talk.end()],
    ['her client falls silent', (): void => undefined],
  ] as const) {
    it(`does what it acknowledged, though ${how} before its turn came`, async () => {
      const finish = slow();
      await talk.write('old');
      await talk.write('reply 1 I come');
      talk.acknowledge = () => Promise.reject(new SessionClosed('gone'));
      if (how !== 'she hangs up') talk.acknowledge = () => Promise.reject(new SendTimedOut(1));
      end();
      finish();
      await settle();
      expect(talk.asked).to.deep.equal(['old', 'reply 1 I come']);
      finish();
      await settle();
      expect(talk.said).to.deep.equal([]);
    });
  }

  it('does what it acknowledged before she was said goodbye to', async () => {
    const outcomes: DeskOutcome[] = ['bye', 'done'];
    talk.outcome = () => Promise.resolve(outcomes.shift() ?? 'done');
    await Promise.all([talk.write('bye'), talk.write('delete 1')]);
    expect(talk.asked).to.deep.equal(['bye', 'delete 1']);
    expect(talk.hungUp).to.deep.equal(['bye']);
    expect(talk.said).to.deep.equal(['bye!']);
  });

  it('takes nothing more once the program stops (lost in silence)', async () => {
    const finish = slow();
    await talk.write('reply 1 I come');
    talk.stopping.abort();
    expect(await talk.status('delete 1')).to.equal(408);
    finish();
    await settle();
    expect(talk.said).to.deep.equal(['reply 1 I come!']);
    expect(talk.asked).to.have.length(1);
  });

  it('tells whoever stops the program that something is being done still', async () => {
    const finish = slow();
    await talk.write('reply 1 I come');
    talk.end();
    let idle = false;
    void talk.idle().then(() => {
      idle = true;
    });
    await settle();
    expect(idle).to.equal(false);
    finish();
    await settle();
    expect(idle).to.equal(true);
  });

  it('says again what was on its way when her client moved', async () => {
    let moves = 1;
    talk.acknowledge = () =>
      moves-- > 0 ? Promise.reject(new SessionClosed('the peer went on from elsewhere')) : Promise.resolve();
    await talk.write('help');
    expect(talk.said).to.deep.equal(['help!']);
    expect(talk.hungUp).to.deep.equal([]);
    const [first, again] = talk.messageIds;
    expect(first).to.be.a('string');
    expect(again).to.equal(first);
  });

  it('gives each of its messages a name of its own', async () => {
    await talk.write('one');
    await talk.write('one');
    expect(new Set(talk.messageIds)).to.have.property('size', 2);
  });

  it('cuts what it says for a client that takes little', async () => {
    const small = new Talk('menu', [], 80);
    await small.bind();
    small.said.length = 0;
    await small.write('x'.repeat(100));
    expect(small.said).to.deep.equal(['x'.repeat(80), `${'x'.repeat(20)}!`]);
    small.end();
  });
});

describe('a session that ends once the owner has her texts', () => {
  it('refuses words in her language', async () => {
    const talk = new Talk('hangup', ['es']);
    talk.texts.add('one');
    talk.acknowledge = () => new Promise(() => undefined);
    await talk.bind();
    const refusal: unknown = await talk.write('help').catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(MessageRefused).with.property('status', 403);
    expect(refusal).to.have.property('message').that.includes(es.fetchOnly);
    expect(talk.hungUp).to.deep.equal([]);
    talk.end();
  });

  it('hangs up after the last acknowledgement, and tells when there are none', async () => {
    const talk = new Talk('hangup');
    talk.texts.add('one');
    await talk.bind();
    expect(talk.said).to.have.length(1);
    expect(talk.hungUp).to.deep.equal(['delivered']);
    const empty = new Talk('hangup');
    await empty.bind();
    expect(empty.said).to.deep.equal([en.noNewTexts]);
    talk.end();
    empty.end();
  });
});
