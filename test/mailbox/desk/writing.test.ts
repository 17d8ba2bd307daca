import { expect } from 'chai';
import { en } from '../../../src/mailbox/phrases/en.ts';
import { ACCOUNT, ALICE, BOB, DeskFixture, NOW } from './fixture.ts';

describe('an owner who answers texts by commands', () => {
  let fixture: DeskFixture;

  beforeEach(async () => {
    fixture = await DeskFixture.open();
    await fixture.leave('lunch?');
    await fixture.ask('new');
  });

  afterEach(async () => {
    await fixture.close();
  });

  it('sends a text in her own name to its author', async () => {
    expect(await fixture.ask('reply 1 Yes, at two.\nSee you')).to.deep.equal([en.replied('Bob')]);
    const [reply] = fixture.replies;
    expect(reply?.to.toString()).to.equal('sip:bob@example.test');
    expect(reply).to.include({
      from: ALICE,
      fromName: 'Alice',
      text: 'Yes, at two.\nSee you',
      hop: 'sip:127.0.0.1:5070',
    });
  });

  for (const status of [408, 477, 480, 503]) {
    it(`has it kept here for an author who is offline (${status})`, async () => {
      fixture.replyAnswer = { status, reason: 'away' };
      expect(await fixture.ask('reply 1 Yes')).to.deep.equal([en.replyKept('Bob')]);
      const [kept] = await fixture.store.lease(BOB, 'token', fixture.now + 1000, 10);
      expect(kept).to.include({ author: 'sip:alice@example.test', authorName: 'Alice' });
      expect(kept?.content.toString()).to.equal('Yes');
    });
  }

  it('has it there once when a proxy brought it here and said that its author is offline nevertheless', async () => {
    fixture.replyAnswer = { status: 480, reason: 'away' };
    fixture.onReply = ({ from, fromName, to, text }, transportId) =>
      fixture.deposits.accept({
        owner: to,
        author: from.toString(),
        authorName: fromName,
        contentType: 'text/plain;charset=utf-8',
        content: Buffer.from(text),
        subject: '',
        urgent: false,
        transportId,
      });
    expect(await fixture.ask('reply 1 Yes')).to.deep.equal([en.replyKept('Bob')]);
    expect((await fixture.store.counts(BOB)).new).to.equal(1);
  });

  for (const status of [0, 403, 404, 486, 603]) {
    it(`is told that it was not sent when it was refused (${status})`, async () => {
      fixture.replyAnswer = { status, reason: 'no' };
      expect(await fixture.ask('reply 1 Yes')).to.deep.equal([en.replyFailed('Bob')]);
      expect((await fixture.store.counts(BOB)).new).to.equal(0);
    });
  }

  it('is told that it was not sent when its author blocked her', async () => {
    await fixture.store.block(BOB, 'sip:alice@example.test');
    fixture.replyAnswer = { status: 480, reason: 'away' };
    expect(await fixture.ask('reply 1 Yes')).to.deep.equal([en.replyFailed('Bob')]);
  });

  it('is told that it was not sent to somebody of elsewhere who is offline', async () => {
    await fixture.leave('hi', 'sip:carol@other.test', 'Carol');
    await fixture.ask('new');
    fixture.replyAnswer = { status: 480, reason: 'away' };
    expect(await fixture.ask('reply 1 hello')).to.deep.equal([en.replyFailed('Carol')]);
  });

  it('is told that it is too long, and nothing is sent', async () => {
    expect(await fixture.ask(`reply 1 ${'x'.repeat(101)}`)).to.deep.equal([en.tooLong(100)]);
    expect(await fixture.ask(`reply 1 ${'x'.repeat(100)}`)).to.deep.equal([en.replied('Bob')]);
    expect(fixture.replies).to.have.length(1);
  });

  it('cannot answer an author without a SIP address, nor a reminder', async () => {
    await fixture.leave('ring', 'tel:+34911234567', '');
    await fixture.leave('call', ACCOUNT.toString(), 'Reminder');
    await fixture.ask('new');
    expect(await fixture.ask('reply 1 hello')).to.deep.equal([en.replyFailed('tel:+34911234567')]);
    expect(await fixture.ask('reply 2 hello')).to.deep.equal([en.replyFailed('Reminder')]);
    expect(fixture.replies).to.deep.equal([]);
  });
});

describe('an owner who sets reminders', () => {
  let fixture: DeskFixture;

  beforeEach(async () => {
    fixture = await DeskFixture.open();
    await fixture.store.setPreferences(ALICE, { timeZone: 'Europe/Madrid' });
  });

  afterEach(async () => {
    await fixture.close();
  });

  const HOUR = 3_600_000;

  it('gets them when they are due, and not before', async () => {
    expect(await fixture.ask('remind today 18:00 buy bread')).to.deep.equal([
      en.reminderSet('today 18:00', 'buy bread'),
    ]);
    expect(await fixture.store.counts(ALICE)).to.include({ new: 0, old: 0 });
    expect(await fixture.ask('new')).to.deep.equal([en.noNewTexts]);
    fixture.now = NOW + 8 * HOUR;
    await fixture.store.deliverScheduled(fixture.now, 10);
    expect(await fixture.ask('new')).to.deep.equal([
      '<buy bread>',
      en.newTextsShown([{ number: 1, author: en.reminderAuthor, when: 'today 18:00' }]),
    ]);
  });

  it('sees those to come, and cancels one by its number', async () => {
    await fixture.ask('remind tomorrow 9:00 call the dentist');
    await fixture.ask('remind today 18:00 buy bread');
    expect(await fixture.ask('reminders')).to.deep.equal([
      en.reminders([
        { number: 1, author: en.reminderAuthor, when: 'today 18:00', text: 'buy bread' },
        { number: 2, author: en.reminderAuthor, when: 'tomorrow 09:00', text: 'call the dentist' },
      ]),
    ]);
    expect(await fixture.ask('delete 2')).to.deep.equal([en.deleted(1)]);
    expect(await fixture.ask('delete 1')).to.deep.equal([en.deleted(1)]);
    expect(await fixture.ask('reminders')).to.deep.equal([en.noReminders]);
  });

  it('may set the same one twice', async () => {
    await fixture.ask('remind today 18:00 buy bread');
    await fixture.ask('remind today 18:00 buy bread');
    expect((await fixture.ask('reminders'))[0]?.split('\n')).to.have.length(2);
  });

  it('is told what is wrong with a time', async () => {
    expect(await fixture.ask('remind sometime call')).to.deep.equal([en.timeNotUnderstood]);
    expect(await fixture.ask('remind 21 November 2020 9:00 call')).to.deep.equal([en.timeIsPast]);
    expect(await fixture.ask('remind 21 November 2031 9:00 call')).to.deep.equal([en.timeTooFar]);
    expect(await fixture.ask('remind tomorrow 9:00')).to.deep.equal([
      en.usage('remind tomorrow 9:00 call the dentist'),
    ]);
  });

  it('is told when the mailbox is full', async () => {
    await fixture.close();
    fixture = await DeskFixture.open({ maxTexts: 1 });
    await fixture.leave('one');
    expect(await fixture.ask('remind tomorrow 9:00 call')).to.deep.equal([en.mailboxFull]);
  });

  it('gets them though she blocked the address they come from before they did (a promise that is not kept)', async () => {
    await fixture.store.block(ALICE, ACCOUNT.toString());
    await fixture.ask('remind in 5 minutes buy bread');
    expect((await fixture.ask('reminders'))[0]).to.match(/^1 .*: buy bread$/);
  });

  it('is told when the operator wants none', async () => {
    await fixture.close();
    fixture = await DeskFixture.open({ scheduleMax: 0 });
    expect(await fixture.ask('remind tomorrow 9:00 call')).to.deep.equal([en.remindersOff]);
  });
});
