import { expect } from 'chai';

import type { ServerProcess } from '../doubles/server-process.ts';
import { startServer } from '../doubles/server-process.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { Baresip } from './baresip.ts';
import { startBaresip } from './baresip.ts';
import type { DeployedKamailio } from './deployed-kamailio.ts';
import { startDeployedKamailio } from './deployed-kamailio.ts';
import { textsSummary } from './lamp-site.ts';
import { newTextsIn } from './mailbox-database.ts';
import { freePort } from './ports.ts';
import { requirePeer } from './require-peer.ts';
import { until } from './until.ts';

const BOB = 'sip:bob@example.test';
const PASSWORDS = { bob: 'bobs-secret', carol: 'carols-secret' };
/** Loopback too, and not the address of the phones. */
const MAILBOX_ADDRESS = '127.0.0.2';

describe('the Kamailio configuration that operators start from', function () {
  this.timeout(60_000);
  requirePeer('kamailio', 'baresip');

  let kamailio: DeployedKamailio;
  let mailbox: ServerProcess;
  const stops: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    const port = await freePort();
    kamailio = await startDeployedKamailio({
      mailbox: { address: MAILBOX_ADDRESS, port },
      users: PASSWORDS,
    });
    stops.push(() => kamailio.stop());
    const proxy = `sip:127.0.0.1:${kamailio.port}`;
    mailbox = await startServer({
      SIP_LISTEN: `udp:${MAILBOX_ADDRESS}:${port},tcp:${MAILBOX_ADDRESS}:${port}`,
      DELIVERY: 'both',
      PRESENCE_SERVER: proxy,
      OUTBOUND_PROXY: proxy,
      TRUSTED_PROXIES: '127.0.0.1/32',
    });
    stops.push(() => mailbox.stop());
  });

  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  async function phone(user: keyof typeof PASSWORDS): Promise<Baresip> {
    const password = PASSWORDS[user];
    const opened = await startBaresip({ proxyPort: kamailio.port, user, password, contacts: [BOB] });
    stops.push(() => opened.stop());
    return opened;
  }

  it('keeps texts for a user who is offline, and has them brought to one of her phones, once', async () => {
    const carol = await phone('carol');
    for (const words of ['one', 'two', 'three']) {
      await carol.sendMessage(BOB, words);
      await until(
        `${words} is kept`,
        5_000,
        () => newTexts().includes(words),
        () => kamailio.log(),
      );
    }
    const phones = await Promise.all([phone('bob'), phone('bob')]);
    for (const each of phones) await each.nextMwi((body) => body === textsSummary(0, 3), 10_000);
    const shown = (): string[] => phones.flatMap((each) => each.messages().map(({ text }) => text));
    await until('three texts', 5_000, () => shown().length >= 3);
    // Said live, to both: whatever was brought before is shown by then.
    await carol.sendMessage(BOB, 'that is all');
    for (const each of phones) await each.nextMessage(({ text }) => text === 'that is all');
    const brought = shown().filter((text) => text !== 'that is all');
    expect(brought.map((text) => text.replace(/^.*UTC: /, ''))).to.have.members(['one', 'two', 'three']);
    for (const text of brought) expect(text).to.match(/^sip:carol@example\.test, /);
    expect(newTexts()).to.deep.equal([]);
  });

  it('tells the mailbox of nobody who did not prove who she is', async () => {
    const carol = await phone('carol');
    await carol.sendMessage(BOB, 'for bob alone');
    await until(
      'the text is kept',
      5_000,
      () => newTexts().length === 1,
      () => kamailio.log(),
    );
    const mallory = await SipPhone.open({ address: BOB, server: kamailio.port });
    stops.push(() => mallory.close());
    const headers = { To: `<${BOB}>`, Contact: mallory.contact };
    const answer = await mallory.request('REGISTER', 'sip:example.test', headers);
    expect(answer.startLine).to.equal('SIP/2.0 401 Unauthorized');
    const bob = await phone('bob');
    await bob.nextMwi((body) => body === textsSummary(0, 1), 10_000);
    expect((await bob.nextMessage()).text).to.include('for bob alone');
    const requests = mallory.received.filter(({ startLine }) => !startLine.startsWith('SIP/2.0 '));
    expect(requests).to.deep.equal([]);
  });

  const newTexts = (): string[] => newTextsIn(mailbox.folder, BOB);
});
