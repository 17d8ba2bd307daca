import { expect } from 'chai';
import { MsrpChat, chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import type { RunningApp } from '../doubles/running-app.ts';
import { runApp } from '../doubles/running-app.ts';
import type { PhoneDialog } from '../doubles/sip-phone.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import { startBaresip } from './baresip.ts';
import type { Kamailio } from './kamailio.ts';
import { startKamailio } from './kamailio.ts';
import { freePort } from './ports.ts';
import { requirePeer } from './require-peer.ts';

const ALICE = 'sip:alice@example.test';
const BOB = 'sip:bob@example.test';
const MAILBOX = 'sip:mailbox@example.test';
const SDP = { 'Content-Type': 'application/sdp' };

function summary(waiting: 'yes' | 'no', fresh: number, old: number): string {
  return `Messages-Waiting: ${waiting}\r\nMessage-Account: ${MAILBOX}\r\nText-Message: ${fresh}/${old} (0/0)\r\n`;
}

for (const transport of ['tcp', 'udp'] as const) {
  describe(`behind a real Kamailio, over ${transport}`, function () {
    this.timeout(60_000);
    requirePeer('kamailio');

    let kamailio: Kamailio;
    let app: RunningApp;
    const phones: SipPhone[] = [];

    async function phone(address: string, name?: string): Promise<SipPhone> {
      const named = name === undefined ? {} : { name };
      const opened = await SipPhone.open({ address, server: kamailio.port, ...named });
      phones.push(opened);
      return opened;
    }

    async function subscribe(owner: SipPhone, address: string): Promise<PhoneDialog> {
      return await owner.dialog('SUBSCRIBE', address, {
        Event: 'message-summary',
        Accept: 'application/simple-message-summary',
        Expires: '600',
      });
    }

    /** Bob's chat with an absent Alice: one line, then he hangs up. */
    async function chatLine(bob: SipPhone, words: string): Promise<void> {
      const path = MsrpChat.localPath();
      const call = await bob.dialog('INVITE', ALICE, SDP, chatOffer(path));
      const chat = await MsrpChat.open(path, pathOf(call.answer.body));
      try {
        const [greeting] = await chat.waitForMessages(1);
        expect(greeting?.body).to.include('I am offline but you can type a message');
        expect((await chat.send('text/plain', words)).status).to.equal(200);
        expect((await call.request('BYE')).startLine).to.include('200');
      } finally {
        chat.close();
      }
    }

    async function fetchTexts(owner: SipPhone): Promise<string[]> {
      const path = MsrpChat.localPath();
      const call = await owner.dialog('INVITE', MAILBOX, SDP, chatOffer(path));
      const chat = await MsrpChat.open(path, pathOf(call.answer.body));
      try {
        await call.next('BYE');
        return chat.messages().map(({ body }) => body);
      } finally {
        chat.close();
      }
    }

    beforeEach(async () => {
      const port = await freePort();
      kamailio = await startKamailio({
        mailbox: `sip:127.0.0.1:${port};transport=${transport}`,
        sanity: true,
      });
      const proxy = `sip:127.0.0.1:${kamailio.port};transport=${transport}`;
      app = await runApp({
        SIP_LISTEN: `udp:127.0.0.1:${port},tcp:127.0.0.1:${port}`,
        PRESENCE_SERVER: proxy,
        OUTBOUND_PROXY: proxy,
      });
    });

    afterEach(async () => {
      for (const opened of phones.splice(0)) await opened.close();
      await app.stop();
      const complaints = kamailio
        .log()
        .split('\n')
        .filter((line) => line.includes('SANITY'));
      await kamailio.stop();
      expect(complaints).to.deep.equal([]);
    });

    it('a MESSAGE and a chat line for an absent user light her lamp, the fetch turns it off', async () => {
      const [bob, alice] = [await phone(BOB, 'Bob'), await phone(ALICE)];
      const lamp = await subscribe(alice, ALICE);
      expect((await lamp.next('NOTIFY')).body).to.equal('');
      expect((await bob.message(ALICE, 'a single message')).startLine).to.equal('SIP/2.0 200 OK');
      const first = await lamp.next('NOTIFY');
      expect(first.body).to.equal(summary('yes', 1, 0));
      expect(first.header('Event')).to.equal('message-summary');
      expect(first.header('Content-Type')).to.equal('application/simple-message-summary');
      expect(first.header('Subscription-State')).to.match(/^active;expires=\d+$/);
      await chatLine(bob, 'a chat line');
      expect((await lamp.next('NOTIFY')).body).to.equal(summary('yes', 2, 0));

      const texts = await fetchTexts(alice);
      expect(texts).to.have.length(2);
      expect(texts[0]).to.include('a single message').and.to.include(`<${BOB}>`);
      expect(texts[1]).to.include('a chat line').and.to.include(`<${BOB}>`);
      for (;;) {
        const { body } = await lamp.next('NOTIFY');
        expect(body).not.to.equal('');
        if (body === summary('no', 0, 2)) break;
      }
    });

    it('the lamp of a real baresip lights for texts that came before it, and goes out after her fetch', async () => {
      requirePeer('baresip');
      const bob = await phone(BOB, 'Bob');
      await bob.message(ALICE, 'while you were out');
      const baresip = await startBaresip({ proxyPort: kamailio.port, user: 'alice' });
      try {
        expect(await baresip.nextMwi((body) => body.includes('Text-Message: 1/0'))).to.equal(
          summary('yes', 1, 0),
        );
        await baresip.sendMessage(MAILBOX, 'fetch');
        const { peer, text } = await baresip.nextMessage();
        expect(peer).to.equal(MAILBOX);
        expect(text).to.include('while you were out').and.to.include(BOB);
        expect(await baresip.nextMwi((body) => body.includes('Text-Message: 0/1'))).to.equal(
          summary('no', 0, 1),
        );
        expect(baresip.refusals()).to.deep.equal([]);
      } finally {
        await baresip.stop();
      }
    });

    it('the lamp of a subscribed baresip lights while its user cannot be reached', async () => {
      requirePeer('baresip');
      const [bob, alice] = [await phone(BOB, 'Bob'), await phone(ALICE)];
      const baresip = await startBaresip({ proxyPort: kamailio.port, user: 'alice' });
      try {
        // Her registration goes, her subscription stays.
        const gone = await alice.request('REGISTER', 'sip:example.test', {
          To: `<${ALICE}>`,
          Contact: '*',
          Expires: '0',
        });
        expect(gone.startLine).to.include('200');
        await bob.message(ALICE, 'one');
        expect(await baresip.nextMwi((body) => body.includes('1/0'))).to.equal(summary('yes', 1, 0));
        await chatLine(bob, 'two');
        expect(await baresip.nextMwi((body) => body.includes('2/0'))).to.equal(summary('yes', 2, 0));
        expect(await fetchTexts(alice)).to.have.length(2);
        expect(await baresip.nextMwi((body) => body.includes('0/2'))).to.equal(summary('no', 0, 2));
      } finally {
        await baresip.stop();
      }
    });

    it('a text that the proxy sends back to us is not deposited again and stays new', async () => {
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      const lamp = await subscribe(alice, ALICE);
      await lamp.next('NOTIFY');
      await bob.message(ALICE, 'comes back');
      expect((await lamp.next('NOTIFY')).body).to.equal(summary('yes', 1, 0));
      // Alice is not registered: our MESSAGE to her finds the failure route, and that leads to us.
      expect((await alice.message(MAILBOX, 'fetch')).startLine).to.equal('SIP/2.0 200 OK');
      const texts = await fetchTextsOnceFree(alice);
      expect(texts).to.have.length(1);
      expect(texts[0]).to.include('comes back');
    });

    /** The retrieval by MESSAGE may hold its lease for a moment still. */
    async function fetchTextsOnceFree(owner: SipPhone): Promise<string[]> {
      for (;;) {
        const texts = await fetchTexts(owner);
        if (!texts.some((text) => text.includes('another of your devices'))) return texts;
      }
    }
  });
}
