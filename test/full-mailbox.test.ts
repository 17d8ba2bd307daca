import { expect } from 'chai';
import { phrasesIn } from '../src/mailbox/phrases/languages.ts';
import { ALICE, BOB, SendingSite, address } from './doubles/sending-site.ts';

describe('a mailbox that is full', function () {
  this.timeout(20_000);

  let site: SendingSite;
  afterEach(async () => {
    await site.close();
  });

  const full = { MAILBOX_MAX_MESSAGES: '2', MAILBOX_FULL: 'refuse' };

  for (const status of ['413', '480', '486', '488', '600', '603']) {
    it(`refuses a MESSAGE with ${status} where the operator wants it so, and loses nothing`, async () => {
      site = await SendingSite.open({ ...full, MAILBOX_FULL_STATUS: status });
      const bob = await site.phone();
      for (const words of ['one', 'two']) await bob.message(ALICE, words);
      expect((await bob.message(ALICE, 'three')).startLine).to.equal(`SIP/2.0 ${status} Mailbox full`);
      const texts = await site.fetch();
      expect(texts).to.have.length(2);
    });
  }

  it('refuses by its size too, and takes what it took before for taken', async () => {
    site = await SendingSite.open({
      MESSAGE_MAX_BYTES: '1000',
      MAILBOX_MAX_BYTES: '1500',
      MAILBOX_FULL: 'refuse',
    });
    const bob = await site.phone();
    const first = { 'Call-ID': 'the-first', CSeq: '7 MESSAGE' };
    expect((await bob.message(ALICE, 'x'.repeat(900), first)).startLine).to.include('200');
    expect((await bob.message(ALICE, 'y'.repeat(900))).startLine).to.equal('SIP/2.0 486 Mailbox full');
    expect((await bob.message(ALICE, 'x'.repeat(900), first)).startLine, 'sent again').to.include('200');
    expect(await site.fetch()).to.have.length(1);
  });

  it('tells so once in a chat, refuses each text with 413, and takes texts again once there is room', async () => {
    site = await SendingSite.open({ ...full, READ_RETENTION: '0' });
    const bob = await site.phone();
    const chat = await site.chat(bob);
    for (const [words, status] of [
      ['one', 200],
      ['two', 200],
      ['three', 413],
      ['four', 413],
    ] as const) {
      expect((await chat.send('text/plain', words)).status, words).to.equal(status);
    }
    const [, told] = await chat.waitForMessages(2);
    expect(told?.body).to.include('The mailbox is full: your text was not kept.');
    expect(await site.fetch()).to.have.length(2);
    expect((await chat.send('text/plain', 'five')).status).to.equal(200);
    expect(chat.messages(), 'the greeting and one line').to.have.length(2);
  });

  it('is refused to nobody where read texts give way', async () => {
    site = await SendingSite.open({ MAILBOX_MAX_MESSAGES: '2' });
    const bob = await site.phone();
    const lamp = await site.lamp();
    for (const words of ['one', 'two']) await bob.message(ALICE, words);
    await site.fetch();
    await lamp.until('0/2');
    expect((await bob.message(ALICE, 'three')).startLine).to.include('200');
    await lamp.until('1/1');
  });
});

describe('an owner who takes nothing of somebody', function () {
  this.timeout(20_000);

  let site: SendingSite;
  beforeEach(async () => {
    site = await SendingSite.open();
  });
  afterEach(async () => {
    await site.close();
  });

  const block = async (): Promise<void> => {
    await site.store(async (store) => {
      await store.block(address(ALICE), BOB);
    });
  };

  it('has her MESSAGEs and calls declined; others reach her', async () => {
    await block();
    const [bob, carol] = [await site.phone(), await site.phone('sip:carol@example.test')];
    expect((await bob.message(ALICE, 'hi')).startLine).to.equal('SIP/2.0 603 Decline');
    expect(await site.callStatus(bob)).to.equal('SIP/2.0 603 Decline');
    expect((await carol.message(ALICE, 'hi from Carol')).startLine).to.include('200');
    await site.chat(carol);
    const texts = await site.fetch();
    expect(texts).to.have.length(1);
    expect(texts[0]).to.include('hi from Carol');
  });

  it('has her texts refused with 403 in a chat that goes on, and she is told once', async () => {
    const bob = await site.phone();
    const chat = await site.chat(bob);
    expect((await chat.send('text/plain', 'one')).status).to.equal(200);
    await block();
    expect((await chat.send('text/plain', 'two')).status).to.equal(403);
    expect((await chat.send('text/plain', 'three')).status).to.equal(403);
    const [, told] = await chat.waitForMessages(2);
    expect(told?.body).to.include('This user takes no texts of yours.');
    expect(await site.fetch()).to.have.length(1);
    expect(chat.messages()).to.have.length(2);
  });
});

describe('the greeting of a chat', function () {
  this.timeout(20_000);

  let site: SendingSite;
  afterEach(async () => {
    await site.close();
  });

  it('is the owner’s own, else in her language, else the operator’s', async () => {
    site = await SendingSite.open({ DEFAULT_LANGUAGE: 'de' });
    await site.store(async (store) => {
      await store.setPreferences(address(ALICE), { greeting: 'Back on Monday ✈' });
      await store.setPreferences(address('sip:eva@example.test'), { language: 'es' });
    });
    const bob = await site.phone();
    for (const [owner, greeting] of [
      [ALICE, 'Back on Monday ✈'],
      ['sip:eva@example.test', phrasesIn('es').greeting],
      ['sip:dave@example.test', phrasesIn('de').greeting],
    ] as const) {
      const chat = await site.chat(bob, owner);
      expect((await chat.waitForMessages(1))[0]?.body, owner).to.include(greeting);
    }
  });

  it('is the operator’s for all who set none, if he has one', async () => {
    site = await SendingSite.open({ AUTO_REPLY: 'Gone fishing' });
    await site.store(async (store) => {
      await store.setPreferences(address('sip:eva@example.test'), { language: 'es' });
    });
    const bob = await site.phone();
    for (const owner of [ALICE, 'sip:eva@example.test']) {
      const chat = await site.chat(bob, owner);
      expect((await chat.waitForMessages(1))[0]?.body).to.include('Gone fishing');
    }
  });
});
