import { expect } from 'chai';
import { en } from '../../../src/mailbox/phrases/en.ts';
import { TextRefused } from '../../../src/mailbox/ports.ts';
import { DeskFixture } from './fixture.ts';

describe('an owner who reads her texts by commands', () => {
  let fixture: DeskFixture;

  beforeEach(async () => {
    fixture = await DeskFixture.open();
  });

  afterEach(async () => {
    await fixture.close();
  });

  it('gets new ones once, with the numbers they go by', async () => {
    await fixture.leave('one');
    await fixture.leave('two', 'sip:carol@example.test', 'Carol');
    expect(await fixture.ask('new')).to.deep.equal([
      '<one>',
      '<two>',
      en.newTextsShown([
        { number: 1, author: 'Bob', when: 'today 09:00' },
        { number: 2, author: 'Carol', when: 'today 09:01' },
      ]),
    ]);
    expect(await fixture.ask('new')).to.deep.equal([en.noNewTexts]);
  });

  it('is told of texts that another device is being handed', async () => {
    await fixture.leave('one');
    const { store, visitor, clock } = fixture;
    await store.lease(visitor.owner, 'elsewhere', clock.now() + 60_000, 10);
    expect(await fixture.ask('new')).to.deep.equal([en.fetchedElsewhere]);
  });

  it('hears no numbers where nothing that was read is kept', async () => {
    await fixture.close();
    fixture = await DeskFixture.open({ keepsRead: false });
    await fixture.leave('one');
    expect(await fixture.ask('new')).to.deep.equal(['<one>']);
    expect(await fixture.ask('delete 1')).to.deep.equal([en.nothingShownYet]);
  });

  it('reads old ones again, the last ten or as many as she says', async () => {
    for (let number = 1; number <= 12; number++) await fixture.leave(`text ${number}`);
    await fixture.ask('new');
    const ten = await fixture.ask('old');
    expect(ten).to.have.length(11);
    expect(ten[0]).to.equal('<text 3>');
    expect(await fixture.ask('old 2')).to.deep.equal([
      '<text 11>',
      '<text 12>',
      en.readTextsShown([
        { number: 1, author: 'Bob', when: 'today 09:10' },
        { number: 2, author: 'Bob', when: 'today 09:11' },
      ]),
    ]);
    expect(await fixture.ask('delete 1')).to.deep.equal([en.deleted(1)]);
    expect((await fixture.ask('old 2'))[0]).to.equal('<text 10>');
  });

  it('is told when there are no old ones', async () => {
    expect(await fixture.ask('old')).to.deep.equal([en.noReadTexts]);
  });

  it('sees only those numbered that her client took', async () => {
    await fixture.leave('one');
    await fixture.leave('two');
    await fixture.ask('new');
    const { visit, visitor, desk } = fixture;
    fixture.heard.length = 0;
    await desk.run(visitor, 'old', {
      ...visit,
      handOver: (message, again) =>
        message.content.toString() === 'one'
          ? Promise.reject(new TextRefused())
          : visit.handOver(message, again),
    });
    expect(fixture.heard).to.deep.equal([
      '<two>',
      en.readTextsShown([{ number: 1, author: 'Bob', when: 'today 09:01' }]),
    ]);
  });

  describe('from somebody', () => {
    beforeEach(async () => {
      await fixture.leave('one', 'sip:bob@example.test', 'Bob Ross');
      await fixture.leave('two', 'sip:ines@example.test', 'Inés');
      await fixture.leave('three', 'sip:bob@other.test', 'Robert');
      await fixture.leave('four', 'tel:+34911234567', '');
      await fixture.ask('new');
    });

    const cases: readonly (readonly [who: string, text: string])[] = [
      ['Ross', 'one'],
      ['bob ross', 'one'],
      ['bob@example.test', 'one'],
      ['sip:BOB@example.test', 'one'],
      ['ines', 'two'],
      ['INÉS', 'two'],
      ['2', 'two'],
      ['robert', 'three'],
      ['tel:+34911234567', 'four'],
    ];
    for (const [who, text] of cases) {
      it(`finds her as ${who}`, async () => {
        const [first, ...rest] = await fixture.ask(`from ${who}`);
        expect(first).to.equal(`<${text}>`);
        expect(rest).to.have.length(1);
      });
    }

    it('asks which one when several fit', async () => {
      expect(await fixture.ask('from bob')).to.deep.equal([en.whoOf(['bob@other.test', 'bob@example.test'])]);
    });

    it('is told when there is nobody of that name', async () => {
      expect(await fixture.ask('from dave')).to.deep.equal([en.noTextsFrom('dave')]);
    });
  });
});
