import { expect } from 'chai';
import type { Visit } from '../../../src/mailbox/desk/visit.ts';
import { en } from '../../../src/mailbox/phrases/en.ts';
import { ALICE, DeskFixture } from './fixture.ts';

describe('the numbers an owner calls her texts by', () => {
  let fixture: DeskFixture;

  beforeEach(async () => {
    fixture = await DeskFixture.open();
    await fixture.leave('one');
    await fixture.leave('two', 'sip:carol@example.test', 'Carol');
    await fixture.leave('three', 'sip:dave@example.test', 'Dave');
  });

  afterEach(async () => {
    await fixture.close();
  });

  /** The texts that are left, as she is shown them. */
  async function left(): Promise<string[]> {
    return (await fixture.store.readTexts(ALICE, 10)).map(({ content }) => content.toString());
  }

  const run = async (words: string, visit: Visit): Promise<unknown> =>
    await fixture.desk.run(fixture.visitor, words, visit);

  it('are those of the session she is in, whatever another one of hers showed meanwhile (the wrong text deleted)', async () => {
    const desktop = fixture.anotherVisit();
    const phone = fixture.anotherVisit();
    await run('new', desktop);
    await run('old 1', phone);
    fixture.heard.length = 0;
    await run('delete 1', desktop);
    expect(fixture.heard).to.deep.equal([en.deleted(1)]);
    expect(await left()).to.deep.equal(['two', 'three']);
    await run('from 2', desktop);
    expect(fixture.heard[1]).to.equal('<two>');
  });

  it('are those she was shown last when this session showed none', async () => {
    await run('new', fixture.anotherVisit());
    await run('delete 3', fixture.anotherVisit());
    expect(await left()).to.deep.equal(['one', 'two']);
  });

  it('stand in the order in which the texts came, which is not that in which they were kept', async () => {
    await run('new', fixture.visit);
    await run('remind in 10 minutes buy bread', fixture.visit);
    await fixture.leave('four');
    fixture.now += 600_000;
    await fixture.store.deliverScheduled(fixture.now, 10);
    const [four, bread, list] = await fixture.ask('new');
    expect([four, bread]).to.deep.equal(['<four>', '<buy bread>']);
    expect(list).to.match(/^1 Bob, .*\n2 Reminder, /m);
  });

  it('mean nothing when the list did not reach her (the wrong text deleted)', async () => {
    await run('new', fixture.anotherVisit());
    const gone = fixture.anotherVisit();
    gone.say = () => Promise.reject(new Error('gone'));
    await run('old 1', gone).catch(() => undefined);
    fixture.heard.length = 0;
    await run('delete 1', fixture.anotherVisit());
    expect(fixture.heard).to.deep.equal([en.nothingShownYet]);
    expect(await left()).to.have.length(3);
  });

  it('mean nothing when she wrote them before she was shown what has them now (the wrong text deleted)', async () => {
    const visit = fixture.anotherVisit();
    await run('new', visit);
    const { shown } = visit;
    await run('old 1', visit);
    fixture.heard.length = 0;
    for (const words of ['delete 1', 'keep 1', 'keep all', 'reply 1 yes', 'block 1']) {
      await fixture.desk.run(fixture.visitor, words, visit, shown);
    }
    expect(fixture.heard).to.deep.equal(Array(5).fill(en.numbersChanged));
    expect(await left()).to.have.length(3);
    expect(fixture.replies).to.deep.equal([]);
  });
});
