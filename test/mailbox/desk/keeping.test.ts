import { expect } from 'chai';
import { en } from '../../../src/mailbox/phrases/en.ts';
import { ALICE, DeskFixture } from './fixture.ts';

describe('an owner who deletes and keeps texts by their numbers', () => {
  let fixture: DeskFixture;

  beforeEach(async () => {
    fixture = await DeskFixture.open();
    for (const words of ['one', 'two', 'three']) await fixture.leave(words);
  });

  afterEach(async () => {
    await fixture.close();
  });

  it('is told that there are none before she saw any', async () => {
    expect(await fixture.ask('delete 1')).to.deep.equal([en.nothingShownYet]);
    expect(await fixture.ask('keep all')).to.deep.equal([en.nothingShownYet]);
  });

  it('deletes those she names; the others keep their numbers', async () => {
    await fixture.ask('new');
    expect(await fixture.ask('delete 1 3')).to.deep.equal([en.deleted(2)]);
    expect(await fixture.ask('delete 2')).to.deep.equal([en.deleted(1)]);
    expect((await fixture.store.counts(ALICE)).old).to.equal(0);
  });

  it('deletes nothing when one of the numbers means nothing', async () => {
    await fixture.ask('new');
    expect(await fixture.ask('delete 1 7')).to.deep.equal([en.noSuchNumber(7)]);
    expect((await fixture.store.counts(ALICE)).old).to.equal(3);
  });

  it('deletes all she has read, and no new one', async () => {
    await fixture.ask('new');
    await fixture.leave('four');
    expect(await fixture.ask('delete all')).to.deep.equal([en.deleted(3)]);
    expect(await fixture.store.counts(ALICE)).to.include({ new: 1, old: 0 });
  });

  it('keeps those she names when read texts go', async () => {
    await fixture.ask('new');
    expect(await fixture.ask('keep 2')).to.deep.equal([en.saved(1)]);
    await fixture.store.dropRead(fixture.now, 10);
    expect((await fixture.ask('old'))[0]).to.equal('<two>');
    expect(await fixture.ask('delete 1')).to.deep.equal([en.deleted(1)]);
  });

  it('keeps all that have numbers', async () => {
    await fixture.ask('new');
    expect(await fixture.ask('keep all')).to.deep.equal([en.saved(3)]);
    await fixture.store.dropRead(fixture.now, 10);
    expect((await fixture.store.counts(ALICE)).old).to.equal(3);
  });

  it('is shown an example of what she may have meant', async () => {
    expect(await fixture.ask('delete that one')).to.deep.equal([en.usage('delete 3')]);
  });

  it('is left to whoever took her words when they are no command', async () => {
    fixture.heard.length = 0;
    expect(await fixture.outcome('good morning')).to.equal('unknown');
    expect(fixture.heard).to.deep.equal([]);
    await fixture.desk.notUnderstood(fixture.visitor, 'good morning', fixture.visit);
    expect(fixture.heard).to.deep.equal([en.notUnderstood('good morning')]);
  });

  it('is said goodbye to', async () => {
    fixture.heard.length = 0;
    expect(await fixture.outcome('Bye!')).to.equal('bye');
    expect(fixture.heard).to.deep.equal([en.bye]);
  });
});
