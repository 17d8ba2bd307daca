import { expect } from 'chai';
import { en } from '../src/mailbox/phrases/en.ts';
import { MenuSession } from './doubles/menu-session.ts';
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
});
