import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import Sqlite from 'better-sqlite3';
import { expect } from 'chai';
import { RECEIPT_LIMITS } from '../../src/mailbox/receipts/receipt-limits.ts';
import { JumpingClock } from '../doubles/jumping-clock.ts';
import { fetchTexts } from '../doubles/fetch-texts.ts';
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
  let clock: JumpingClock;
  let tap: Server;
  /** What the proxy sent to the program. */
  let came: string;

  /** Stands before the program's `port` and counts; resolves with its own. */
  async function startTap(port: number): Promise<number> {
    tap = createServer((fromProxy) => {
      const toProgram = connect(port, '127.0.0.1');
      fromProxy.on('data', (bytes) => (came += bytes.toString('latin1')));
      pipeline(fromProxy, toProgram, fromProxy, () => undefined);
    });
    tap.listen(0, '127.0.0.1');
    await once(tap, 'listening');
    return (tap.address() as AddressInfo).port;
  }

  beforeEach(async () => {
    const port = await freePort();
    clock = new JumpingClock();
    came = '';
    kamailio = await startKamailio({
      mailbox: `sip:127.0.0.1:${await startTap(port)};transport=tcp`,
      sanity: true,
    });
    const proxy = `sip:127.0.0.1:${kamailio.port};transport=tcp`;
    app = await runApp(
      {
        SIP_LISTEN: `udp:127.0.0.1:${port},tcp:127.0.0.1:${port}`,
        PRESENCE_SERVER: proxy,
        OUTBOUND_PROXY: proxy,
      },
      clock,
    );
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
    tap.close();
    expect(complaints).to.deep.equal([]);
  });

  async function receipt(status: string): Promise<PhoneMessage> {
    return await bob.waitFor(
      status,
      ({ startLine, body }) => startLine.startsWith('MESSAGE ') && body.includes(`<${status}/>`),
    );
  }

  /** MESSAGEs the proxy sent to the program. */
  function cameIn(): number {
    return came.split(/MESSAGE sip:\S+ SIP\/2\.0\r\n/).length - 1;
  }

  function ask(sql: string): number {
    const database = new Sqlite(`${app.folder}/mailbox.db`, { readonly: true });
    try {
      const [answer] = Object.values(database.prepare(sql).get() as Record<string, number | null>);
      return answer ?? 0;
    } finally {
      database.close();
    }
  }

  /** Waits until none of the receipts is under way or due; how many there are, as the program's database has it. */
  async function waiting(): Promise<number> {
    let quiet = 0;
    await until('receipts that wait', 5_000, () => {
      const moving = ask(
        `select count(*) from receipt where claim_until is not null or due_at <= ${clock.now()}`,
      );
      quiet = moving === 0 ? quiet + 1 : 0;
      // The program learns of its own commit a moment after we see it.
      return quiet === 3;
    });
    return ask('select count(*) from receipt');
  }

  /** To the moment when the next receipt is due, and until it was tried. */
  async function nextTry(): Promise<number> {
    clock.jump(ask('select min(due_at) from receipt') - clock.now());
    return await waiting();
  }

  async function register(): Promise<void> {
    const binding = { To: `<${BOB}>`, Contact: bob.contact, Expires: '600' };
    expect((await bob.request('REGISTER', 'sip:example.test', binding)).startLine).to.include('200');
  }

  it('reach the phone of their author, as if from the owner', async () => {
    await register();
    expect((await bob.message(ALICE, asking('m-1'), CPIM)).startLine).to.include('200');
    const stored = await receipt('stored');
    expect(stored.header('From')).to.match(/^<sip:alice@example\.test>;tag=/);
    expect(stored.header('Content-Type')).to.equal('message/cpim');
    expect((await fetchTexts(alice, MAILBOX))[0]).to.include('call me, m-1');
    expect((await receipt('delivered')).body).to.include('<message-id>m-1</message-id>');
  });

  it('whose author is offline as well wait until she is back, cost one request at a time, and become no texts', async () => {
    for (const id of ['m-1', 'm-2', 'm-3']) {
      expect((await bob.message(ALICE, asking(id), CPIM)).startLine).to.include('200');
    }
    expect(await waiting()).to.equal(3);
    expect(await fetchTexts(alice, MAILBOX)).to.have.length(3);
    expect(await waiting()).to.equal(6);
    expect(cameIn(), 'three texts, and one receipt that came back for all').to.equal(4);
    const start = clock.now();
    for (let tries = 0; tries < 24; tries++) expect(await nextTry()).to.equal(6);
    const most = Math.ceil((clock.now() - start) / RECEIPT_LIMITS.awayFor);
    expect(cameIn() - 4, `${clock.now() - start} ms`).to.be.within(1, most);
    expect(await fetchTexts(bob, MAILBOX)).to.deep.equal(['You have no new texts.']);
    await register();
    while ((await nextTry()) > 0);
    const said = receiptsOf(bob).map(({ body }) => {
      const [, id, status] = /<message-id>([^<]+)<.*<status><(\w+)\/>/s.exec(body) ?? [];
      return `${status} ${id}`;
    });
    const ids = ['m-1', 'm-2', 'm-3'];
    expect(said).to.have.members([...ids.map((id) => `stored ${id}`), ...ids.map((id) => `delivered ${id}`)]);
  });
});

function receiptsOf({ received }: SipPhone): readonly PhoneMessage[] {
  return received.filter(({ startLine }) => startLine.startsWith('MESSAGE '));
}
