import { expect } from 'chai';
import { silentLogger } from '../../src/core/logger.ts';
import { DESK_LIMITS } from '../../src/mailbox/desk/limits.ts';
import { PagerMode, TooManyRetrievals } from '../../src/mailbox/pager-mode.ts';
import { en } from '../../src/mailbox/phrases/en.ts';
import type { PagerSender } from '../../src/mailbox/ports.ts';
import { PagerDeliveryFailed } from '../../src/mailbox/ports.ts';
import { ALICE, DeskFixture } from './desk/fixture.ts';

describe('commands by MESSAGE', () => {
  let fixture: DeskFixture;
  let pager: PagerMode;
  let heard: string[];
  let requests = 0;

  beforeEach(async () => {
    fixture = await DeskFixture.open();
    const { retrievals, desk, profiles, clock } = fixture;
    pager = new PagerMode({ retrievals, desk, profiles, clock, logger: silentLogger });
    heard = [];
  });

  afterEach(async () => {
    await pager.idle();
    await fixture.close();
  });

  const sender: PagerSender = {
    maxBytes: 1_000,
    send: (_to, text) => {
      heard.push(text);
      return Promise.resolve();
    },
  };

  function take(words: string, by = sender, id = `${++requests}`): void {
    pager.take({ visitor: fixture.visitor, words, id }, by);
  }

  /** What comes of one MESSAGE with `words`. */
  async function ask(words: string, by = sender): Promise<string[]> {
    heard.length = 0;
    take(words, by);
    await pager.idle();
    return [...heard];
  }

  const listing = en.newTextsShown([{ number: 1, author: 'Bob', when: 'today 09:00' }]);

  for (const words of ['', 'new', 'hello?']) {
    it(`are not needed to fetch: "${words}" brings the new texts, and their numbers`, async () => {
      await fixture.leave('one');
      const [text, ...rest] = await ask(words);
      expect(text).to.match(/^Bob <sip:bob@example.test>, .*: one$/);
      expect(rest).to.deep.equal([listing]);
    });
  }

  it('are done when they are known, be there new texts or not', async () => {
    await fixture.leave('one');
    expect(await ask('greeting')).to.deep.equal([en.greetingIs(en.greeting)]);
    expect((await fixture.store.counts(ALICE)).new).to.equal(1);
    await ask('');
    expect(await ask('delete 1')).to.deep.equal([en.deleted(1)]);
  });

  it('get one helpful line when they are unknown and there is nothing to fetch, once for a while', async () => {
    expect(await ask('hello?')).to.deep.equal([en.notUnderstood('hello?')]);
    expect(await ask('anybody?')).to.deep.equal([]);
    fixture.now += MINUTE;
    expect(await ask('anybody?')).to.deep.equal([en.notUnderstood('anybody?')]);
  });

  const MINUTE = 60_000;

  it('of a phone that answers by itself end soon, whatever it says (loop of two machines)', async () => {
    for (const words of ["I'm driving", 'bye', 'help', 'new']) {
      let answers = 0;
      const answering: PagerSender = {
        ...sender,
        send: async (to, text) => {
          await sender.send(to, text);
          if (++answers < 100) queueMicrotask(() => take(words, answering));
        },
      };
      fixture.now += MINUTE;
      await ask('old', answering);
      for (let round = 0; round < 20; round++) await pager.idle();
      expect(answers, words).to.be.lessThan(5);
    }
  });

  it('are done once when the MESSAGE comes twice', async () => {
    await fixture.leave('one');
    await ask('');
    heard.length = 0;
    take('reply 1 yes', sender, 'same');
    await pager.idle();
    fixture.now += MINUTE;
    take('reply 1 yes', sender, 'same');
    await pager.idle();
    expect(fixture.replies).to.have.length(1);
  });

  it('are done one after the other', async () => {
    await fixture.leave('one');
    await ask('');
    heard.length = 0;
    take('keep 1');
    take('old');
    take('delete all');
    await pager.idle();
    expect(heard).to.have.length(4);
    expect(heard[0]).to.equal(en.saved(1));
    expect(heard[3]).to.equal(en.deleted(1));
  });

  it('speak of the list their writer has before her, not of one that is on its way (the wrong text deleted)', async () => {
    await fixture.leave('one');
    await fixture.leave('two');
    await ask('');
    heard.length = 0;
    take('old 1');
    take('delete 1');
    await pager.idle();
    expect(heard.at(-1)).to.equal(en.numbersChanged);
    expect(await ask('delete 1')).to.deep.equal([en.deleted(1)]);
    expect((await ask('old'))[0]).to.match(/ one$/);
  });

  it('speak of the list that came by MESSAGE, not of one in a session meanwhile (the wrong text deleted)', async () => {
    await fixture.leave('one');
    await fixture.leave('two');
    await ask('');
    await fixture.desk.run(fixture.visitor, 'old 1', fixture.anotherVisit());
    expect(await ask('delete 1')).to.deep.equal([en.numbersChanged]);
    expect(await ask('delete 2')).to.deep.equal([en.nothingShownYet]);
    await ask('old');
    expect(await ask('delete 2')).to.deep.equal([en.deleted(1)]);
    expect((await ask('old'))[0]).to.match(/ one$/);
  });

  it('speak of the list in a session when there was none by MESSAGE', async () => {
    await fixture.leave('one');
    await fixture.desk.run(fixture.visitor, 'new', fixture.anotherVisit());
    expect(await ask('delete 1')).to.deep.equal([en.deleted(1)]);
  });

  it('are done again at once when they failed, or when something else came between (lost in silence)', async () => {
    await fixture.leave('one');
    await fixture.leave('two');
    await ask('');
    fixture.replyAnswer = { status: 500, reason: 'broken' };
    expect(await ask('reply 1 yes')).to.deep.equal([en.replyFailed('Bob')]);
    fixture.replyAnswer = { status: 200, reason: 'OK' };
    expect(await ask('reply 1 yes')).to.deep.equal([en.replied('Bob')]);
    expect(await ask('delete 1')).to.deep.equal([en.deleted(1)]);
    await ask('old');
    expect(await ask('delete 1')).to.deep.equal([en.deleted(1)]);
  });

  it('that wait are each done, unless the last one is the same (lost in silence)', async () => {
    take('help');
    take('greeting');
    take('blocked');
    take('blocked');
    take('greeting');
    await pager.idle();
    const greeting = en.greetingIs(en.greeting);
    expect(heard).to.deep.equal([en.help, greeting, en.nobodyBlocked, greeting]);
  });

  it('of a phone that answers by itself, and slowly, end too (loop of two machines)', async () => {
    const HOUR = 3_600_000;
    for (const words of ["I'm driving", 'bye', 'help', 'new', 'old']) {
      for (const delay of [11_000, 60_000]) {
        fixture.now += HOUR;
        heard.length = 0;
        let left = 100;
        for (let answers = await ask(words); answers.length > 0 && left > 0; left--) {
          fixture.now += delay;
          answers = await ask(words);
        }
        expect(left, `${words} after ${delay} ms`).to.be.greaterThan(80);
      }
    }
  });

  it('are refused when too many wait', async () => {
    for (let number = 1; number <= DESK_LIMITS.waiting; number++) take(`old ${number}`);
    expect(() => take('old 99')).to.throw(TooManyRetrievals);
    await pager.idle();
    take('help');
  });

  it('may be long to answer: no MESSAGE is longer than a phone takes, and there are few', async () => {
    const answers = await ask('help', { ...sender, maxBytes: 200 });
    expect(answers.length).to.be.within(2, Math.ceil(Buffer.byteLength(en.help) / 150) + 1);
    for (const answer of answers) expect(Buffer.byteLength(answer)).to.be.at.most(200);
    expect(answers.join('\n')).to.equal(en.help);
  });

  it('are refused once the program stops, and what was taken is done before it has (lost in silence)', async () => {
    await fixture.leave('one');
    await ask('');
    take('keep 1');
    take('delete 1');
    const stopped = pager.stop();
    expect(() => take('help')).to.throw(TooManyRetrievals);
    expect(() => take('')).to.throw(TooManyRetrievals);
    await stopped;
    expect(heard.slice(-2)).to.deep.equal([en.saved(1), en.deleted(1)]);
  });

  it('may be very long: no more of one is kept than it takes to say so', async () => {
    await fixture.leave('one');
    await ask('');
    expect(await ask(`reply 1 ${'x'.repeat(200_000)}`)).to.deep.equal([en.tooLong(100)]);
    expect(await ask(`remind tomorrow 9:00 ${'x '.repeat(100_000)}`)).to.have.length(1);
  });

  it('leave a text new that the phone did not take', async () => {
    await fixture.leave('one');
    const gone: PagerSender = {
      ...sender,
      send: () => Promise.reject(new PagerDeliveryFailed(480, 'gone')),
    };
    expect(await ask('', gone)).to.deep.equal([]);
    expect((await fixture.store.counts(ALICE)).new).to.equal(1);
  });
});
