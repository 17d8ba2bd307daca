import { expect } from 'chai';
import { de } from '../../../src/mailbox/phrases/de.ts';
import { en } from '../../../src/mailbox/phrases/en.ts';
import { es } from '../../../src/mailbox/phrases/es.ts';
import { ACCOUNT, ALICE, DeskFixture } from './fixture.ts';

describe('an owner who sets her mailbox by commands', () => {
  let fixture: DeskFixture;

  beforeEach(async () => {
    fixture = await DeskFixture.open();
  });

  afterEach(async () => {
    await fixture.close();
  });

  it('gives callers a greeting of her own, and takes it back', async () => {
    expect(await fixture.ask('greeting')).to.deep.equal([en.greetingIs(en.greeting)]);
    expect(await fixture.ask('greeting I am in Rome')).to.deep.equal([en.greetingSet('I am in Rome')]);
    expect((await fixture.profiles.of(ALICE)).greeting).to.equal('I am in Rome');
    expect(await fixture.ask('greeting')).to.deep.equal([en.greetingIs('I am in Rome')]);
    expect(await fixture.ask('greeting off')).to.deep.equal([en.greetingReset(en.greeting)]);
    expect((await fixture.profiles.of(ALICE)).greeting).to.equal(en.greeting);
  });

  it('is told how long a greeting or a reminder may be', async () => {
    expect(await fixture.ask(`greeting ${'x'.repeat(10_000)}`)).to.deep.equal([en.tooLong(1_000)]);
    expect(await fixture.ask('greeting')).to.deep.equal([en.greetingIs(en.greeting)]);
    expect(await fixture.ask(`remind tomorrow 9:00 ${'x'.repeat(3_000)}`)).to.deep.equal([en.tooLong(2_000)]);
  });

  it('is answered in the language she chose, whatever her client asks for', async () => {
    expect(await fixture.ask('language')).to.deep.equal([en.languageIs(['en', 'es', 'de', 'fr'])]);
    expect(await fixture.ask('language Deutsch')).to.deep.equal([de.languageSet]);
    fixture.visitor = { ...fixture.visitor, languages: ['es'] };
    expect(await fixture.ask('neu')).to.deep.equal([de.noNewTexts]);
    expect(await fixture.ask('language klingon')).to.deep.equal([de.languageIs(['en', 'es', 'de', 'fr'])]);
  });

  it('is answered in the language her client asks for when she chose none', async () => {
    fixture.visitor = { ...fixture.visitor, languages: ['ca', 'es-MX', 'de'] };
    expect(await fixture.ask('nuevos')).to.deep.equal([es.noNewTexts]);
  });

  it('has times told in her time zone', async () => {
    expect(await fixture.ask('timezone')).to.deep.equal([en.timeZoneIs('UTC', 'today 09:00')]);
    expect(await fixture.ask('timezone europe/madrid')).to.deep.equal([
      en.timeZoneSet('Europe/Madrid', 'today 10:00'),
    ]);
    expect(await fixture.ask('timezone America/New York')).to.deep.equal([
      en.timeZoneSet('America/New_York', 'today 04:00'),
    ]);
    for (const none of ['Atlantis', '+02:00']) {
      expect(await fixture.ask(`timezone ${none}`)).to.deep.equal([en.noSuchTimeZone(none)]);
    }
  });

  it('blocks an author by name, by number or by address, and takes it back', async () => {
    await fixture.leave('one');
    await fixture.leave('two', 'sip:carol@other.test', 'Carol');
    await fixture.ask('new');
    expect(await fixture.ask('block bob')).to.deep.equal([en.blocked('bob@example.test')]);
    expect(await fixture.ask('block 2')).to.deep.equal([en.blocked('carol@other.test')]);
    expect(await fixture.ask('block sip:spam@elsewhere.test')).to.deep.equal([
      en.blocked('spam@elsewhere.test'),
    ]);
    expect(await fixture.store.isBlocked(ALICE, 'sip:spam@elsewhere.test')).to.equal(true);
    expect(await fixture.ask('blocked')).to.deep.equal([
      en.blockedAuthors(['bob@example.test', 'carol@other.test', 'spam@elsewhere.test']),
    ]);
    expect(await fixture.ask('unblock Carol')).to.deep.equal([en.unblocked('carol@other.test')]);
    expect(await fixture.ask('unblock spam')).to.deep.equal([en.unblocked('spam@elsewhere.test')]);
    expect(await fixture.ask('unblock 1')).to.deep.equal([en.unblocked('bob@example.test')]);
    expect(await fixture.ask('unblock bob')).to.deep.equal([en.notBlocked('bob')]);
    expect(await fixture.ask('blocked')).to.deep.equal([en.nobodyBlocked]);
  });

  it('blocks an address however it is written (evasion)', async () => {
    for (const number of ['tel:+34-911-23.45.67', 'TEL:+34(911)234567']) {
      expect(await fixture.ask(`block ${number}`)).to.deep.equal([en.blocked('tel:+34911234567')]);
    }
    expect(await fixture.store.isBlocked(ALICE, 'tel:+34911234567')).to.equal(true);
    expect(await fixture.ask('block <sip:spam@Elsewhere.test;transport=tcp>')).to.deep.equal([
      en.blocked('spam@elsewhere.test'),
    ]);
    expect(await fixture.ask('block tel:()')).to.deep.equal([en.noTextsFrom('tel:()')]);
  });

  it('cannot block somebody nobody knows, nor her reminders', async () => {
    expect(await fixture.ask('block dave')).to.deep.equal([en.noTextsFrom('dave')]);
    expect(await fixture.ask(`block ${ACCOUNT.toString()}`)).to.deep.equal([
      en.noTextsFrom(ACCOUNT.toString()),
    ]);
  });

  it('reads what can be asked for', async () => {
    expect(await fixture.ask('help')).to.deep.equal([en.help]);
  });
});
