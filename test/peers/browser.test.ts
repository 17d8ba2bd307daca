import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect } from 'chai';
import type { RunningApp } from '../doubles/running-app.ts';
import { runApp } from '../doubles/running-app.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import { BrowserPage } from './browser-page.ts';
import { startBrowser } from './browser.ts';
import type { Program } from './process.ts';
import { requirePeer } from './require-peer.ts';

const [ALICE, BOB, ACCOUNT] = ['alice', 'bob', 'mailbox'].map((user) => `sip:${user}@example.test`) as [
  string,
  string,
  string,
];
const TEXT = 'Grüße aus dem Browser 🙂🌍';
const GREETING = 'Alice ist offline. Schreib ruhig 🙂';
const LIMIT = 25_000;

/** What the page says it saw. */
interface Left {
  readonly sdp: string;
  readonly greeting: { readonly contentType: string; readonly body: string };
  readonly receipt: { readonly response: string; readonly report: string };
}
interface Received {
  readonly from: string;
  /** Of each call, the last of which was answered. */
  readonly offers: readonly string[];
  readonly texts: readonly { readonly contentType: string; readonly body: string }[];
}
interface Fetched {
  readonly text: { readonly contentType: string; readonly body: string };
}

describe('a real browser', function () {
  this.timeout(60_000);
  requirePeer('chromium');

  let app: RunningApp;
  let page: BrowserPage;
  let browser: Program | undefined;

  afterEach(async () => {
    await browser?.stop();
    browser = undefined;
    await page.close();
    await app.stop();
  });

  /** Opens the page, and resolves with what it told. */
  async function play(
    protocol: 'ws' | 'wss',
    environment: Readonly<Record<string, string>> = {},
  ): Promise<{ left: Left; fetched: Fetched; port: number }> {
    app = await runApp({ WS_LISTEN: `${protocol}:127.0.0.1:0`, AUTO_REPLY: GREETING, ...environment });
    page = await BrowserPage.open();
    const port = app.app.webSockets[0]?.port ?? 0;
    const url = page.url({
      url: `${protocol}://127.0.0.1:${port}/chat`,
      alice: ALICE,
      bob: BOB,
      account: ACCOUNT,
      text: TEXT,
    });
    const started = await startBrowser(url, protocol === 'wss' ? ['--ignore-certificate-errors'] : []);
    browser = started;
    const chapter = (name: string): Promise<unknown> => page.chapter(name, LIMIT, () => started.transcript());
    const left = (await chapter('left')) as Left;
    const fetched = (await chapter('fetched')) as Fetched;
    return { left, fetched, port };
  }

  function kept(): unknown[] {
    const database = new Sqlite(join(app.folder, 'mailbox.db'), { readonly: true });
    try {
      return database
        .prepare(
          'SELECT author, CAST(content AS TEXT) AS content, read_at IS NOT NULL AS fetched FROM message',
        )
        .all();
    } finally {
      database.close();
    }
  }

  for (const protocol of ['ws', 'wss'] as const) {
    it(`leaves a text for an offline user and fetches it, by SIP and MSRP on one port (${protocol})`, async () => {
      const { left, fetched, port } = await play(protocol);
      const scheme = protocol === 'wss' ? 'msrps' : 'msrp';
      expect(left.sdp).to.include(`m=message ${port} ${protocol === 'wss' ? 'TCP/TLS/MSRP' : 'TCP/MSRP'} *`);
      expect(left.sdp).to.match(new RegExp(`a=path:${scheme}://127\\.0\\.0\\.1:${port}/[0-9a-f]+;ws`));
      expect(left.greeting.body).to.include(GREETING);
      expect(left.receipt.response).to.match(/^MSRP \S+ 200/);
      expect(left.receipt.report).to.equal('000 200 OK');
      expect(fetched.text.contentType).to.equal('message/cpim');
      expect(fetched.text.body).to.include(`From: `).and.to.include(`<${BOB}>`);
      expect(fetched.text.body.endsWith(TEXT), fetched.text.body).to.equal(true);
      expect(kept()).to.deep.equal([{ author: BOB, content: TEXT, fetched: 1 }]);
    });
  }

  it('that comes online is called over its WebSocket, and gets the texts left for it, once', async () => {
    app = await runApp({ WS_LISTEN: 'ws:127.0.0.1:0', DELIVERY: 'both', TRUSTED_PROXIES: '127.0.0.1' });
    page = await BrowserPage.open();
    const phone = await SipPhone.open({ address: BOB, server: app.udp });
    for (const words of [TEXT, 'and another']) {
      expect((await phone.message(ALICE, words)).startLine).to.include('200');
    }
    await phone.close();
    const port = app.app.webSockets[0]?.port ?? 0;
    const url = page.url({ url: `ws://127.0.0.1:${port}/chat`, alice: ALICE, receive: '2' });
    const started = await startBrowser(url);
    browser = started;
    const received = await page.chapter('received', LIMIT, () => started.transcript());
    const { from, offers, texts } = received as Received;
    expect(from).to.include(ACCOUNT);
    expect(offers.map((offer) => /^m=message \d+ (\S+)/m.exec(offer)?.[1])).to.deep.equal([
      'TCP/MSRP',
      'TCP/TLS/MSRP',
      'TCP/MSRP',
    ]);
    expect(texts.map(({ contentType }) => contentType)).to.deep.equal(['message/cpim', 'message/cpim']);
    expect(texts[0]?.body.endsWith(TEXT)).to.equal(true);
    expect(texts[0]?.body).to.include(`<${BOB}>`);
    expect(texts[1]?.body.endsWith('and another')).to.equal(true);
    expect(kept().map((row) => (row as { fetched: number }).fetched)).to.deep.equal([1, 1]);
  });

  it('is kept out when its page is of an origin that may not connect', async () => {
    const reason = await play('ws', { WS_ORIGINS: 'https://chat.example.test' }).then(
      () => 'it came in',
      (error: unknown) => String(error),
    );
    expect(reason).to.include('is not to be had for sip');
    expect(kept()).to.deep.equal([]);
  });
});
