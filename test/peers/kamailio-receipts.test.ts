import { expect } from 'chai';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import { openStore } from '../../src/store/store.ts';
import { MsrpChat, chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import type { RunningApp } from '../doubles/running-app.ts';
import { runApp } from '../doubles/running-app.ts';
import type { PhoneMessage } from '../doubles/sip-phone.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { Kamailio } from './kamailio.ts';
import { startKamailio } from './kamailio.ts';
import { freePort } from './ports.ts';
import { requirePeer } from './require-peer.ts';
import { until } from './until.ts';

const ALICE = 'sip:alice@example.test';
const BOB = 'sip:bob@example.test';
const MAILBOX = 'sip:mailbox@example.test';
const CPIM = { 'Content-Type': 'message/cpim' };

function asking(messageId: string): string {
  return [
    `From: <${BOB}>`,
    `To: <${ALICE}>`,
    'DateTime: 2026-11-21T14:03:05Z',
    'NS: imdn <urn:ietf:params:imdn>',
    `imdn.Message-ID: ${messageId}`,
    'imdn.Disposition-Notification: processing, positive-delivery',
    '',
    'Content-Type: text/plain; charset=utf-8',
    '',
    `call me, ${messageId}`,
  ].join('\r\n');
}

describe('receipts behind a real Kamailio', function () {
  this.timeout(60_000);
  requirePeer('kamailio');

  let kamailio: Kamailio;
  let app: RunningApp;
  let bob: SipPhone;
  let alice: SipPhone;

  beforeEach(async () => {
    const port = await freePort();
    kamailio = await startKamailio({ mailbox: `sip:127.0.0.1:${port};transport=tcp`, sanity: true });
    const proxy = `sip:127.0.0.1:${kamailio.port};transport=tcp`;
    app = await runApp({
      SIP_LISTEN: `udp:127.0.0.1:${port},tcp:127.0.0.1:${port}`,
      PRESENCE_SERVER: proxy,
      OUTBOUND_PROXY: proxy,
    });
    bob = await SipPhone.open({ address: BOB, server: kamailio.port });
    alice = await SipPhone.open({ address: ALICE, server: kamailio.port });
  });

  afterEach(async () => {
    await bob.close();
    await alice.close();
    await app.stop();
    const complaints = kamailio
      .log()
      .split('\n')
      .filter((line) => line.includes('SANITY'));
    await kamailio.stop();
    expect(complaints).to.deep.equal([]);
  });

  async function fetchTexts(owner: SipPhone): Promise<string[]> {
    const path = MsrpChat.localPath();
    const call = await owner.dialog(
      'INVITE',
      MAILBOX,
      { 'Content-Type': 'application/sdp' },
      chatOffer(path),
    );
    const chat = await MsrpChat.open(path, pathOf(call.answer.body));
    try {
      await call.next('BYE');
      return chat.messages().map(({ body }) => body);
    } finally {
      chat.close();
    }
  }

  async function receipt(status: string): Promise<PhoneMessage> {
    return await bob.waitFor(
      status,
      ({ startLine, body }) => startLine.startsWith('MESSAGE ') && body.includes(`<${status}/>`),
    );
  }

  /** Waits until no receipt is due, or due again, as the program's database has it. */
  async function noReceiptIsLeft(): Promise<void> {
    const store = await openStore({
      url: `sqlite:${app.folder}/mailbox.db`,
      limits: { maxNewMessages: 1, maxMessageBytes: 1_000 },
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      metrics: noMetrics,
      onlyLook: true,
      onSummaryDirty: () => undefined,
    });
    try {
      await until('the end of the receipts', 5_000, async () => (await store.nextReceiptAt()) === null);
    } finally {
      await store.close();
    }
  }

  it('reach the phone of their author, as if from the owner', async () => {
    const registered = await bob.request('REGISTER', 'sip:example.test', {
      To: `<${BOB}>`,
      Contact: bob.contact,
      Expires: '600',
    });
    expect(registered.startLine).to.include('200');
    expect((await bob.message(ALICE, asking('m-1'), CPIM)).startLine).to.include('200');
    const stored = await receipt('stored');
    expect(stored.header('From')).to.match(/^<sip:alice@example\.test>;tag=/);
    expect(stored.header('Content-Type')).to.equal('message/cpim');
    expect((await fetchTexts(alice))[0]).to.include('call me, m-1');
    expect((await receipt('delivered')).body).to.include('<message-id>m-1</message-id>');
  });

  it('whose author is offline as well end where they came from, and become no texts', async () => {
    for (const id of ['m-1', 'm-2', 'm-3']) {
      expect((await bob.message(ALICE, asking(id), CPIM)).startLine).to.include('200');
    }
    expect(await fetchTexts(alice)).to.have.length(3);
    // None is left to be tried again: the proxy sent each back to us, and we took it.
    await noReceiptIsLeft();
    expect(await fetchTexts(bob)).to.deep.equal(['You have no new texts.']);
    expect(bob.received.filter(({ startLine }) => startLine.startsWith('MESSAGE '))).to.have.length(0);
  });
});
