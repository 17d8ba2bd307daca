import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { fetchTexts } from '../doubles/fetch-texts.ts';
import type { Registrar } from '../doubles/registrar.ts';
import { startRegistrar } from '../doubles/registrar.ts';
import type { ServerProcess } from '../doubles/server-process.ts';
import { startServer } from '../doubles/server-process.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { Baresip } from './baresip.ts';
import { startBaresip } from './baresip.ts';
import { requirePeer } from './require-peer.ts';
import { runSipp } from './sipp.ts';

const DOMAIN = 'example.test';
const MAILBOX = `sip:mailbox@${DOMAIN}`;
const NO_HEADER = 'Subject: from SIPp';

describe('texts that a real SIPp leaves, and the lamp of a real baresip', function () {
  this.timeout(60_000);
  requirePeer('sipp');
  requirePeer('baresip');

  let server: ServerProcess;
  let registrar: Registrar;
  let phone: Baresip;
  let alice: SipPhone;
  const stops: (() => Promise<unknown>)[] = [];

  async function start(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    server = await startServer(environment);
    stops.push(() => server.stop());
    registrar = await startRegistrar(server.udp);
    stops.push(() => registrar.close());
    phone = await startBaresip({ proxyPort: registrar.port, user: 'alice' });
    stops.push(() => phone.stop());
    alice = await SipPhone.open({ address: `sip:alice@${DOMAIN}`, server: server.udp });
    stops.push(() => alice.close());
    await phone.nextMwi((body) => body.includes('Messages-Waiting: no'));
  }

  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  const says = (waiting: 'yes' | 'no', counts: string) => (body: string) =>
    body.includes(`Messages-Waiting: ${waiting}`) && body.includes(`Text-Message: ${counts}`);

  /** SIPp leaves `count` texts, each of which is to be answered 200. */
  async function leave(words: string, header = NO_HEADER, count = 1): Promise<void> {
    const keys = { user: 'alice', domain: DOMAIN, words, header };
    const run = { scenario: 'text.xml', port: server.udp, calls: count, ratePerSecond: 50, keys };
    const { successful, errors } = await runSipp(run);
    expect(successful, errors).to.equal(count);
  }

  /** The status line with which SIPp's text is refused. */
  async function refused(words: string, header = NO_HEADER): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), 'text-mailbox-sipp-'));
    const log = path.join(folder, 'answer.log');
    try {
      const { successful, errors } = await runSipp({
        scenario: 'text-refused.xml',
        port: server.udp,
        calls: 1,
        ratePerSecond: 10,
        keys: { user: 'alice', domain: DOMAIN, words, header },
        args: ['-trace_logs', '-log_file', log],
      });
      expect(successful, errors).to.equal(1);
      return (await readFile(log, 'utf8')).trim();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  it('are refused with 486 when the mailbox is full, and what it holds stays', async () => {
    await start({ MAILBOX_MAX_MESSAGES: '3', MAILBOX_FULL: 'refuse' });
    await leave('one of three', NO_HEADER, 3);
    await phone.nextMwi(says('yes', '3/0'));
    expect(await refused('one too many')).to.equal('SIP/2.0 486 Mailbox full');
    const texts = await fetchTexts(alice, MAILBOX);
    expect(texts).to.have.length(3);
    for (const text of texts) expect(text).to.include('one of three');
    await phone.nextMwi(says('no', '0/3'));
    // Read texts take room too, and none gives way here.
    expect(await refused('still one too many')).to.equal('SIP/2.0 486 Mailbox full');
  });

  it('push read texts out of a full mailbox where the operator wants that', async () => {
    await start({ MAILBOX_MAX_MESSAGES: '3' });
    await leave('read soon', NO_HEADER, 3);
    await phone.nextMwi(says('yes', '3/0'));
    await fetchTexts(alice, MAILBOX);
    await phone.nextMwi(says('no', '0/3'));
    await leave('new');
    await phone.nextMwi(says('yes', '1/2'));
  });

  it('leave lamp and count when they expire', async () => {
    await start();
    await leave('for ever');
    await leave('for two seconds', 'Expires: 2');
    await phone.nextMwi(says('yes', '2/0'));
    await phone.nextMwi(says('yes', '1/0'));
    const texts = await fetchTexts(alice, MAILBOX);
    expect(texts).to.have.length(1);
    expect(texts[0]).to.include('for ever');
  });

  it('light the lamp when they are due, over kill -9 meanwhile, and not before', async () => {
    await start();
    const due = Math.ceil(Date.now() / 1000) * 1000 + 5_000;
    const wish = new Date(due).toISOString().replace('.000Z', 'Z');
    await leave('in five seconds', `X-Deliver-At: ${wish}`);
    await leave('now');
    await phone.nextMwi(says('yes', '1/0'));
    const early = await fetchTexts(alice, MAILBOX);
    expect(early).to.have.length(1);
    expect(early[0]).to.include('now');
    await phone.nextMwi(says('no', '0/1'));
    await server.kill();
    await server.restart();
    await pause(Math.max(0, due - 1_500 - Date.now()));
    expect(phone.mwiBodies().at(-1), 'it is not due yet').to.satisfy(says('no', '0/1'));
    await phone.nextMwi(says('yes', '1/1'));
    expect(Date.now()).to.be.at.least(due);
    expect((await fetchTexts(alice, MAILBOX))[0]).to.include('in five seconds');
  });

  it('for a time nobody can read, or too far ahead, are refused with 400', async () => {
    await start();
    expect(await refused('x', 'X-Deliver-At: at dawn')).to.equal('SIP/2.0 400 Unreadable X-Deliver-At');
    expect(await refused('x', 'X-Deliver-At: 2199-01-01T00:00:00Z')).to.equal(
      'SIP/2.0 400 X-Deliver-At too far ahead',
    );
  });
});
