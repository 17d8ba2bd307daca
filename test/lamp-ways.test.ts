import { expect } from 'chai';
import { MsrpChat, chatOffer, pathOf } from './doubles/msrp-chat.ts';
import { ALICE, Site } from './doubles/site.ts';
import type { PhoneDialog } from './doubles/sip-phone.ts';
import { SipPhone } from './doubles/sip-phone.ts';
import type { Kamailio } from './peers/kamailio.ts';
import { startKamailio } from './peers/kamailio.ts';
import { freePort } from './peers/ports.ts';
import { requirePeer } from './peers/require-peer.ts';

const DESK = 'sip:1001@example.test';
const MAILBOX = 'sip:mailbox@example.test';

function texts(waiting: 'yes' | 'no', fresh: number, old: number): string {
  return `Messages-Waiting: ${waiting}\r\nMessage-Account: ${MAILBOX}\r\nText-Message: ${fresh}/${old} (0/0)\r\n`;
}

/** Reads NOTIFYs until one says `body`; a lamp on its way there may say what was true before. */
async function shows(lamp: PhoneDialog, body: string): Promise<void> {
  const seen: string[] = [];
  while (seen.at(-1) !== body) {
    const notify = await lamp.next('NOTIFY').catch((cause: unknown) => {
      throw new Error(`never said ${JSON.stringify(body)}, but ${JSON.stringify(seen)}`, { cause });
    });
    seen.push(notify.body);
  }
}

describe('the lamp', function () {
  this.timeout(60_000);
  let site: Site | undefined;
  let kamailio: Kamailio | undefined;
  const phones: SipPhone[] = [];

  async function phone(address: string, server: number): Promise<SipPhone> {
    const opened = await SipPhone.open({ address, server });
    phones.push(opened);
    return opened;
  }

  async function subscribe(owner: SipPhone, address: string): Promise<PhoneDialog> {
    return await owner.dialog('SUBSCRIBE', address, { Event: 'message-summary', Expires: '600' });
  }

  afterEach(async () => {
    for (const opened of phones.splice(0)) await opened.close();
    await site?.close();
    await kamailio?.stop();
    site = undefined;
    kamailio = undefined;
  });

  it('of every alias lights for a text to any of them, and goes out when it is fetched from any', async () => {
    site = await Site.open();
    const [alice, desk] = [await phone(ALICE, site.server.udp), await phone(DESK, site.server.udp)];
    expect((await site.run('alias', 'add', ALICE, DESK)).code).to.equal(0);
    const lamps = [await subscribe(alice, ALICE), await subscribe(desk, DESK)];
    await site.leaveText('for her name', ALICE);
    await site.leaveText('for her desk', DESK);
    for (const lamp of lamps) await shows(lamp, texts('yes', 2, 0));

    const path = MsrpChat.localPath();
    const headers = { 'Content-Type': 'application/sdp' };
    const call = await desk.dialog('INVITE', MAILBOX, headers, chatOffer(path));
    const chat = await MsrpChat.open(path, pathOf(call.answer.body));
    await call.next('BYE');
    expect(chat.messages().map(({ body }) => body)).to.have.length(2);
    chat.close();
    for (const lamp of lamps) await shows(lamp, texts('no', 0, 2));
  });

  it('shows voice that was told over HTTP beside texts', async () => {
    const port = await freePort();
    site = await Site.open({ HTTP_LISTEN: `127.0.0.1:${port}`, HTTP_TOKEN: 'secret' });
    const lamp = await subscribe(await phone(ALICE, site.server.udp), ALICE);
    const voice = async (method: string, counts?: object): Promise<number> => {
      const answer = await fetch(`http://127.0.0.1:${port}/voicemail/alice`, {
        method,
        headers: {
          Authorization: 'Bearer secret',
          ...(counts === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(counts === undefined ? {} : { body: JSON.stringify(counts) }),
      });
      return answer.status;
    };
    expect(await voice('PUT', { new: 2, old: 1, account: 'sip:vm@example.test' })).to.equal(204);
    const told = 'Messages-Waiting: yes\r\nMessage-Account: sip:vm@example.test\r\nVoice-Message: 2/1\r\n';
    await shows(lamp, `${told}Text-Message: 0/0 (0/0)\r\n`);
    await site.leaveText('and a text');
    const ours = `Messages-Waiting: yes\r\nMessage-Account: ${MAILBOX}\r\n`;
    await shows(lamp, `${ours}Voice-Message: 2/1\r\nText-Message: 1/0 (0/0)\r\n`);
    expect(await voice('DELETE')).to.equal(204);
    // The line stays, at zero: a phone that shows a count would keep it otherwise.
    await shows(lamp, `${ours}Voice-Message: 0/0\r\nText-Message: 1/0 (0/0)\r\n`);
  });

  it('tells of single texts, in the class the site wants, through a real Kamailio', async () => {
    requirePeer('kamailio');
    const port = await freePort();
    kamailio = await startKamailio({ mailbox: `sip:127.0.0.1:${port}`, sanity: true });
    site = await Site.open({
      PRESENCE_SERVER: `sip:127.0.0.1:${kamailio.port};transport=tcp`,
      MWI_CONTEXT_CLASS: 'pager-message',
      MWI_VOICE_LINE: 'on',
      MWI_MESSAGE_HEADERS: 'From,Subject,Priority,Message-Context',
    });
    const lamp = await subscribe(await phone(ALICE, kamailio.port), ALICE);
    await site.bob.message(ALICE, 'hello', { Subject: 'Grüße', Priority: 'urgent' });
    await shows(
      lamp,
      `Messages-Waiting: yes\r\nMessage-Account: ${MAILBOX}\r\nVoice-Message: 0/0 (0/0)\r\n` +
        'Pager-Message: 1/0 (1/0)\r\n\r\nFrom: <sip:bob@example.test>\r\n' +
        'Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\nPriority: urgent\r\nMessage-Context: pager-message\r\n',
    );
  });

  it('of phones that never subscribe is lit by NOTIFYs through the proxy they registered with', async () => {
    requirePeer('kamailio');
    const port = await freePort();
    kamailio = await startKamailio({ mailbox: `sip:127.0.0.1:${port}`, sanity: true });
    const proxy = `sip:127.0.0.1:${kamailio.port}`;
    site = await Site.open({ MWI_UNSOLICITED: 'on', OUTBOUND_PROXY: proxy });
    const alice = await phone(ALICE, kamailio.port);
    const registered = await alice.request('REGISTER', 'sip:example.test', {
      To: `<${ALICE}>`,
      Contact: alice.contact,
      Expires: '300',
    });
    expect(registered.startLine).to.include('200');
    await site.leaveText('one');
    const told = await alice.waitFor('a NOTIFY', ({ startLine }) => startLine.startsWith('NOTIFY'));
    expect(told.body).to.equal(texts('yes', 1, 0));
    expect(told.header('Event')).to.equal('message-summary');
    expect(told.header('Subscription-State')).to.equal('terminated');
    // Nobody of that name is registered: no failure, and nothing to look at.
    await site.leaveText('two', 'sip:carol@example.test');
    const { failing, refused } = await site.status('nothing under way', ({ lamps, behind }) => {
      return lamps === 2 && behind === 0;
    });
    expect({ failing, refused }).to.deep.equal({ failing: 0, refused: [] });
    expect((await site.run('doctor')).output).to.equal('2 lamps checked: all right.\n');
  });
});
