import { expect } from 'chai';

import type { Baresip, BaresipOptions } from './baresip.ts';
import { startBaresip } from './baresip.ts';
import type { LampSiteOptions } from './lamp-site.ts';
import { LampSite, MAILBOX, addressOf, textsSummary } from './lamp-site.ts';
import { requirePeer } from './require-peer.ts';
import { runSipp } from './sipp.ts';
import { until } from './until.ts';

const BOB = addressOf('bob');

/** What a text that the account brings to a phone without chats looks like: author and time, then the words. */
const BYLINE = /^(.+), (\d{4}-\d\d-\d\d \d\d:\d\d UTC): ([^]*)$/;

describe('texts brought to the phones of users who come online, through a real Kamailio', function () {
  this.timeout(60_000);
  requirePeer('kamailio', 'baresip', 'sipp');

  let site: LampSite;
  const stops: (() => Promise<unknown>)[] = [];

  async function open(options: LampSiteOptions = {}): Promise<void> {
    site = await LampSite.start({
      transport: 'udp',
      forwardRegister: true,
      sanity: true,
      ...options,
      environment: { DELIVERY: 'both', ...options.environment },
    });
    stops.push(async () => {
      await site.stop();
      expect(site.kamailio.log()).not.to.include('SANITY');
    });
  }

  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  async function bobsPhone(options: Partial<BaresipOptions> = {}): Promise<Baresip> {
    const phone = await startBaresip({ proxyPort: site.kamailio.port, user: 'bob', ...options });
    stops.push(() => phone.stop());
    return phone;
  }

  /** SIPp leaves one text for bob through Kamailio. */
  async function leave(words: string): Promise<void> {
    const keys = { user: 'bob', domain: 'example.test', words, header: 'User-Agent: SIPp' };
    const run = { scenario: 'text.xml', port: site.kamailio.port, calls: 1, ratePerSecond: 10, keys };
    const { successful, errors } = await runSipp(run);
    expect(successful, errors).to.equal(1);
  }

  function wordsOf(phone: Baresip): string[] {
    return phone.messages().map(({ text }) => BYLINE.exec(text)?.[3] ?? text);
  }

  for (const transport of ['udp', 'tcp'] as const) {
    it(`show on a real baresip over ${transport} once each, in order, with author and time, and the lamp goes off`, async () => {
      await open({ transport });
      const watcher = await site.watch('bob');
      for (const words of ['one', 'two', 'three']) await leave(words);
      await watcher.until(textsSummary(3, 0));
      const phone = await bobsPhone({ transport });
      await watcher.until(textsSummary(0, 3), 10_000);
      await until(
        'three texts',
        5_000,
        () => phone.messages().length >= 3,
        () => phone.transcript(),
      );
      await phone.nextMwi((body) => body === textsSummary(0, 3));
      expect(wordsOf(phone)).to.deep.equal(['one', 'two', 'three']);
      for (const { peer, text } of phone.messages()) {
        expect(peer).to.equal(MAILBOX);
        expect(BYLINE.exec(text)?.[1]).to.equal('SIPp <sip:sipp@example.test>');
      }
    });
  }
});
