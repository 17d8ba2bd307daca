import Sqlite from 'better-sqlite3';
import { expect } from 'chai';
import { fetchTexts } from '../doubles/fetch-texts.ts';
import type { RunningApp } from '../doubles/running-app.ts';
import { runApp } from '../doubles/running-app.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { Kamailio } from './kamailio.ts';
import { startKamailio } from './kamailio.ts';
import type { Linphone } from './linphone.ts';
import { answerTo, startLinphone } from './linphone.ts';
import { freePort } from './ports.ts';
import { requirePeer } from './require-peer.ts';
import { until } from './until.ts';

const ALICE = 'sip:alice@example.test';
const BOB = 'sip:bob@example.test';
const CAROL = 'sip:carol@example.test';
const MAILBOX = 'sip:mailbox@example.test';
const CPIM = { 'Content-Type': 'message/cpim' };

/** A text that asks for receipts, by hand. */
function asking(messageId: string): string {
  return [
    `From: <${BOB}>`,
    `To: <${ALICE}>`,
    'NS: imdn <urn:ietf:params:imdn>',
    `imdn.Message-ID: ${messageId}`,
    'imdn.Disposition-Notification: positive-delivery, display',
    '',
    'Content-Type: text/plain; charset=utf-8',
    '',
    'and asks for receipts',
  ].join('\r\n');
}

function displayed(messageId: string): string {
  return [
    `From: <${ALICE}>`,
    `To: <${BOB}>`,
    '',
    'Content-Type: message/imdn+xml',
    '',
    '<imdn xmlns="urn:ietf:params:xml:ns:imdn">' +
      `<message-id>${messageId}</message-id><datetime>2026-11-21T14:03:05Z</datetime>` +
      '<display-notification><status><displayed/></status></display-notification></imdn>',
  ].join('\r\n');
}

describe('a real Linphone, behind a real Kamailio', function () {
  this.timeout(30_000);
  requirePeer('kamailio', 'linphone');

  let kamailio: Kamailio;
  let app: RunningApp;
  let linphone: Linphone;
  const phones: SipPhone[] = [];

  beforeEach(async () => {
    const port = await freePort();
    kamailio = await startKamailio({ mailbox: `sip:127.0.0.1:${port};transport=tcp` });
    const proxy = `sip:127.0.0.1:${kamailio.port};transport=tcp`;
    app = await runApp({
      SIP_LISTEN: `udp:127.0.0.1:${port},tcp:127.0.0.1:${port}`,
      PRESENCE_SERVER: proxy,
      OUTBOUND_PROXY: proxy,
    });
    linphone = await startLinphone(BOB, kamailio.port);
  });

  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.close();
    await linphone.stop();
    await app.stop();
    await kamailio.stop();
  });

  async function phone(address: string, server = kamailio.port): Promise<SipPhone> {
    const opened = await SipPhone.open({ address, server });
    phones.push(opened);
    return opened;
  }

  function count(table: 'message' | 'receipt'): number {
    const database = new Sqlite(`${app.folder}/mailbox.db`, { readonly: true });
    try {
      const { rows } = database.prepare(`select count(*) as rows from ${table}`).get() as { rows: number };
      return rows;
    } finally {
      database.close();
    }
  }

  it('leaves a text for somebody who is offline, and takes and understands the receipts of it', async () => {
    const callId = await linphone.sendMessage(ALICE, 'Grüße an alle 🎉');
    const alice = await phone(ALICE);
    const [text] = await fetchTexts(alice, MAILBOX);
    expect(text).to.include(`From: <${BOB}>`).and.to.include('Grüße an alle 🎉');
    // linphonec gives its texts no CPIM to ask in; it knows them by their Call-IDs.
    expect(count('receipt')).to.equal(0);
    expect((await (await phone(BOB)).message(ALICE, asking(callId), CPIM)).startLine).to.include(' 200 ');
    expect(await fetchTexts(alice, MAILBOX)).to.have.length(1);
    await linphone.logged('the text as delivered', /moving from Delivered to DeliveredToUser/);
    expect((await alice.message(MAILBOX, displayed(callId), CPIM)).startLine).to.include(' 200 ');
    await linphone.logged('the text as displayed', /moving from DeliveredToUser to Displayed/);
    await until('no receipt left', 5_000, () => count('receipt') === 0);
    expect(linphone.messages(), 'a receipt is not shown as a text').to.deep.equal([]);
    expect(linphone.transcript()).to.not.match(/^SIP\/2\.0 [3-6]\d\d /m);
  });

  it('fetches its texts, and what it tells of them unasked is neither kept nor a wish to fetch', async () => {
    const carol = await phone(CAROL, app.udp);
    for (const words of ['one', 'two']) {
      expect((await carol.message(BOB, words)).startLine).to.include(' 200 ');
    }
    await linphone.sendMessage(MAILBOX, 'get');
    await until(
      'both texts',
      5_000,
      () => linphone.messages().length === 2,
      () => linphone.transcript(),
    );
    expect(linphone.messages().map((message) => message.replace(/,.* UTC/, ''))).to.deep.equal([
      `${MAILBOX}: ${CAROL}: one`,
      `${MAILBOX}: ${CAROL}: two`,
    ]);
    const told =
      /^MESSAGE sip:mailbox@\S+ SIP(?:.+\r?\n)*?Call-ID: (\S+)\r?\n(?:.+\r?\n)*?Content-Type: message\/imdn\+xml/m;
    const [, callId = ''] = await linphone.logged('its IMDN', told);
    await linphone.logged('the answer to it', answerTo(callId));
    await linphone.sendMessage(MAILBOX, 'get');
    await until(
      'the answer',
      5_000,
      () => linphone.messages().length > 2,
      () => linphone.transcript(),
    );
    expect(linphone.messages().slice(2)).to.deep.equal([`${MAILBOX}: You have no new texts.`]);
    expect(count('message'), 'what was kept').to.equal(2);
  });
});
