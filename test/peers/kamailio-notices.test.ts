import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { expect } from 'chai';
import { fetchTexts } from '../doubles/fetch-texts.ts';
import type { RunningApp } from '../doubles/running-app.ts';
import { runApp } from '../doubles/running-app.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import { startBaresip } from './baresip.ts';
import type { Kamailio } from './kamailio.ts';
import { startKamailio } from './kamailio.ts';
import { freePort } from './ports.ts';
import { requirePeer } from './require-peer.ts';
import { until } from './until.ts';

const ALICE = 'sip:alice@example.test';
const BOB = 'sip:bob@example.test';
const MAILBOX = 'sip:mailbox@example.test';

describe('the notice to senders behind a real Kamailio', function () {
  this.timeout(60_000);
  requirePeer('kamailio');

  let kamailio: Kamailio;
  let app: RunningApp;
  let tap: Server;
  /** What Kamailio sent to the mailbox, and what it was answered. */
  let came: string;
  let answered: string;
  const phones: SipPhone[] = [];

  /** Stands before the mailbox's `port`; resolves with its own. */
  async function startTap(port: number): Promise<number> {
    tap = createServer((fromProxy) => {
      const toMailbox = connect(port, '127.0.0.1');
      fromProxy.on('data', (bytes) => (came += bytes.toString('latin1')));
      toMailbox.on('data', (bytes) => (answered += bytes.toString('latin1')));
      pipeline(fromProxy, toMailbox, fromProxy, () => undefined);
    });
    tap.listen(0, '127.0.0.1');
    await once(tap, 'listening');
    return (tap.address() as AddressInfo).port;
  }

  beforeEach(async () => {
    const port = await freePort();
    came = '';
    answered = '';
    const mailbox = `sip:127.0.0.1:${await startTap(port)};transport=tcp`;
    kamailio = await startKamailio({ mailbox, sanity: true });
    const proxy = `sip:127.0.0.1:${kamailio.port};transport=tcp`;
    app = await runApp({
      SIP_LISTEN: `udp:127.0.0.1:${port},tcp:127.0.0.1:${port}`,
      PRESENCE_SERVER: proxy,
      OUTBOUND_PROXY: proxy,
      SENDER_NOTICE: '{to} is offline; your text was kept',
    });
  });

  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.close();
    await app.stop();
    const complaints = kamailio
      .log()
      .split('\n')
      .filter((line) => line.includes('SANITY'));
    await kamailio.stop();
    tap.close();
    expect(complaints).to.deep.equal([]);
  });

  async function phone(address: string): Promise<SipPhone> {
    const opened = await SipPhone.open({ address, server: kamailio.port });
    phones.push(opened);
    return opened;
  }

  describe('with a real baresip', () => {
    requirePeer('baresip');

    it('is shown once, from the user who is offline', async () => {
      const bob = await startBaresip({ proxyPort: kamailio.port, user: 'bob', contacts: [ALICE] });
      try {
        for (const words of ['are you there?', 'call me', 'please']) await bob.sendMessage(ALICE, words);
        const { peer, text } = await bob.nextMessage();
        expect(text).to.equal('alice is offline; your text was kept');
        expect(peer).to.include('alice@example.test');
        const alice = await phone(ALICE);
        await until('three texts', 5_000, async () => {
          const lines = await fetchTexts(alice, MAILBOX);
          return lines.some((line) => line.includes('please')) || undefined;
        });
        expect(bob.messages(), bob.transcript()).to.have.length(1);
        expect(bob.refusals()).to.deep.equal([]);
      } finally {
        await bob.stop();
      }
    });
  });

  it('for a sender who is offline too comes back, is refused and kept by nobody (loop)', async () => {
    const bob = await phone(BOB);
    // He is not registered: Kamailio's offline route gives the notice to his own mailbox.
    expect((await bob.message(ALICE, 'hi, I am off')).startLine).to.equal('SIP/2.0 200 OK');
    await until(
      'the notice refused',
      5_000,
      () => answered.includes('SIP/2.0 480 '),
      () => came + answered,
    );
    const requests = Array.from(came.matchAll(/MESSAGE (sip:\w+@\S+) SIP\/2\.0\r\n/g), ([, uri]) => uri);
    expect(requests, 'the text and its notice').to.deep.equal([ALICE, BOB]);
    expect((await fetchTexts(bob, MAILBOX))[0]).to.include('You have no new texts.');
    expect(await fetchTexts(await phone(ALICE), MAILBOX)).to.have.length(1);
  });
});
