import { expect } from 'chai';
import { de } from '../src/mailbox/phrases/de.ts';
import { en } from '../src/mailbox/phrases/en.ts';
import { es } from '../src/mailbox/phrases/es.ts';
import { startForwardingProxy } from './doubles/forwarding-proxy.ts';
import { JumpingClock } from './doubles/jumping-clock.ts';
import { MenuSession } from './doubles/menu-session.ts';
import { quiet } from './doubles/quiet.ts';
import type { RunningApp } from './doubles/running-app.ts';
import { runApp } from './doubles/running-app.ts';
import type { PhoneDialog } from './doubles/sip-phone.ts';
import { SipPhone } from './doubles/sip-phone.ts';

const ALICE = 'sip:alice@example.test';
const BOB = 'sip:bob@example.test';
const MAILBOX = 'sip:mailbox@example.test';

describe('an owner’s commands', () => {
  let site: RunningApp;
  let alice: SipPhone;
  let bob: SipPhone;
  let session: MenuSession | undefined;

  beforeEach(async () => {
    site = await runApp({ RETRIEVAL_MODE: 'menu' });
    alice = await SipPhone.open({ address: ALICE, name: 'Alice', server: site.udp });
    bob = await SipPhone.open({ address: BOB, name: 'Bob', server: site.udp });
  });

  afterEach(async () => {
    session?.close();
    session = undefined;
    await alice.close();
    await bob.close();
    await site.stop();
  });

  async function lamp(phone: SipPhone, account: string): Promise<PhoneDialog> {
    return await phone.dialog('SUBSCRIBE', account, { Event: 'message-summary', Expires: '600' });
  }

  async function shows(dialog: PhoneDialog, counts: string): Promise<void> {
    for (;;) {
      const { body } = await dialog.next('NOTIFY');
      if (body.includes(`Text-Message: ${counts}`)) return;
    }
  }

  it('in a session that stays open move the counts the lamp shows', async () => {
    const light = await lamp(alice, ALICE);
    await bob.message(ALICE, 'one');
    await bob.message(ALICE, 'two');
    await shows(light, '2/0');
    session = await MenuSession.open(alice, MAILBOX);
    const [one, two, listing] = await session.hear(3);
    expect([one, two].map((text) => text?.replace(/^.*UTC: /, ''))).to.deep.equal(['one', 'two']);
    expect(listing).to.match(/^1 Bob, .*\n2 Bob, /m);
    await shows(light, '0/2');
    expect(await session.ask('keep 2')).to.deep.equal([en.saved(1)]);
    expect(await session.ask('delete 1')).to.deep.equal([en.deleted(1)]);
    await shows(light, '0/1');
    expect(await session.ask('delete 1')).to.deep.equal([en.noSuchNumber(1)]);
    expect((await session.ask('old', 2))[0]).to.match(/UTC: two$/);
    expect(await session.ask('delete all')).to.deep.equal([en.deleted(1)]);
    await shows(light, '0/0');
    expect(await session.ask('bye')).to.deep.equal([en.bye]);
    await session.call.next('BYE');
  });

  it('by MESSAGE do the same', async () => {
    await bob.message(ALICE, 'one');
    const heard = async (words: string, count: number): Promise<string[]> => {
      const before = texts().length;
      expect((await alice.message(MAILBOX, words)).startLine).to.equal('SIP/2.0 200 OK');
      await alice.waitFor(`${count} MESSAGEs`, () => texts().length >= before + count);
      return texts().slice(before);
    };
    const texts = (): string[] =>
      alice.received.flatMap(({ startLine, body }) => (startLine.startsWith('MESSAGE ') ? [body] : []));
    const [text, listing] = await heard('', 2);
    expect(text).to.match(/^Bob <sip:bob@example\.test>, .* UTC: one$/);
    expect(listing).to.match(/^1 Bob, /m);
    expect(await heard('delete 1', 1)).to.deep.equal([en.deleted(1)]);
    expect(await heard('nonsense', 1)).to.deep.equal([en.notUnderstood('nonsense')]);
  });

  it('are not what a machine of hers says that answers by itself (loop of two machines)', async () => {
    await bob.message(ALICE, 'one');
    for (const value of ['auto-replied', 'auto-generated; x=y']) {
      const { startLine } = await alice.message(MAILBOX, 'delete all', { 'Auto-Submitted': value });
      expect(startLine).to.equal('SIP/2.0 200 OK');
      await alice.message(MAILBOX, 'busy', { 'Auto-Submitted': value });
    }
    await alice.message(MAILBOX, 'greeting', { 'Auto-Submitted': 'no' });
    await alice.waitFor('an answer', ({ startLine }) => startLine.startsWith('MESSAGE '));
    const bodies = alice.received.flatMap(({ startLine, body }) =>
      startLine.startsWith('MESSAGE ') ? [body] : [],
    );
    expect(bodies).to.deep.equal([en.greetingIs(en.greeting)]);
  });

  it('are in the language her client asks for, until she chooses one', async () => {
    session = await MenuSession.open(alice, MAILBOX, { 'Accept-Language': 'en;q=0.5, es-MX' });
    expect(await session.hear(1)).to.deep.equal([`${es.noNewTexts} ${es.helpHint}`]);
    expect(await session.ask('idioma de')).to.deep.equal([de.languageSet]);
    expect(await session.ask('tschüss')).to.deep.equal([de.bye]);
  });

  it('give callers the greeting she chose, and none to those she blocked', async () => {
    session = await MenuSession.open(alice, MAILBOX);
    await session.hear(1);
    await session.ask('greeting I am in Rome');
    await session.ask('block carol@example.test');
    const caller = await MenuSession.open(bob, ALICE);
    expect(await caller.hear(1)).to.deep.equal(['I am in Rome']);
    caller.close();
    const { startLine } = await bob.message(ALICE, 'hello', { From: '<sip:carol@example.test>;tag=1' });
    expect(startLine).to.match(/^SIP\/2\.0 603 /);
  });

  it('that remind her light her lamp when they are due', async () => {
    await site.stop();
    const clock = new JumpingClock();
    site = await runApp({ RETRIEVAL_MODE: 'menu' }, clock);
    await alice.close();
    alice = await SipPhone.open({ address: ALICE, name: 'Alice', server: site.udp });
    const light = await lamp(alice, ALICE);
    session = await MenuSession.open(alice, MAILBOX);
    await session.hear(1);
    await session.ask('remind in 5 minutes buy bread');
    expect((await session.ask('reminders'))[0]).to.match(/^1 .*: buy bread$/);
    await session.ask('bye');
    await session.call.next('BYE');
    await quiet(site, [alice]);
    clock.jump(5 * 60_000);
    await shows(light, '1/0');
    session.close();
    session = await MenuSession.open(alice, MAILBOX);
    expect((await session.hear(2))[0]).to.match(/^Reminder <sip:mailbox@example\.test>, .* UTC: buy bread$/);
  });

  for (const [offline, answer] of [
    ['refuses', en.replyKept('Bob')],
    ['leaves', en.replied('Bob')],
    ['leaves and refuses', en.replyKept('Bob')],
  ] as const) {
    it(`that answer Bob, who is offline, leave one text for him when the proxy ${offline} it`, async () => {
      const proxy = await startForwardingProxy(() => site.udp, offline);
      try {
        await site.stop();
        site = await runApp({
          RETRIEVAL_MODE: 'menu',
          OUTBOUND_PROXY: `sip:127.0.0.1:${proxy.port};transport=udp`,
        });
        await Promise.all([alice.close(), bob.close()]);
        alice = await SipPhone.open({ address: ALICE, name: 'Alice', server: site.udp });
        bob = await SipPhone.open({ address: BOB, name: 'Bob', server: site.udp });
        await bob.message(ALICE, 'lunch?');
        session = await MenuSession.open(alice, MAILBOX);
        await session.hear(2);
        expect(await session.ask('reply 1 Yes, at two')).to.deep.equal([answer]);
        expect(proxy.messages.filter((message) => message.startsWith('MESSAGE sip:bob@'))).to.have.length(1);
        const his = await MenuSession.open(bob, MAILBOX);
        const [text, listing] = await his.hear(2);
        expect(text).to.match(/^Alice <sip:alice@example\.test>, .* UTC: Yes, at two$/);
        expect(listing).to.match(/^1 Alice, /m);
        expect(listing).to.not.match(/^2 /m);
        his.close();
      } finally {
        await proxy.close();
      }
    });
  }
});
