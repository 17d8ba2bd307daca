import { setTimeout as pause } from 'node:timers/promises';

import { expect } from 'chai';

import { MsrpChat, chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import { LampSite, MAILBOX, addressOf, textsSummary } from './lamp-site.ts';
import type { LampSiteOptions } from './lamp-site.ts';
import type { LampWatcher } from './lamp-watcher.ts';
import { forgetPresentities } from './presentities.ts';
import { requirePeer } from './require-peer.ts';

const ALICE = addressOf('alice');

/** ms until a forgetful presence server is told everything anew: the beacon's pace is 2 s here. */
const FOUND_OUT = 15_000;

/** What a subscriber is told before anything was published. */
const NOTHING_YET = '';

describe('the lamp at a real Kamailio', function () {
  this.timeout(60_000);
  requirePeer('kamailio');

  let site: LampSite | undefined;

  async function start(options: LampSiteOptions = {}): Promise<LampSite> {
    site = await LampSite.start(options);
    return site;
  }

  afterEach(async function () {
    await site?.stop();
    site = undefined;
  });

  /** Alice has one text and her lamp says so. */
  async function startWithOneText(
    options: LampSiteOptions = {},
    watching: { refreshEvery?: number } = {},
  ): Promise<{ site: LampSite; lamp: LampWatcher }> {
    const started = await start(options);
    const lamp = await started.watch('alice', watching);
    await started.text('alice', 'one');
    await lamp.until(textsSummary(1, 0));
    if (options.variant !== 'memory') await started.untilWrittenDown('alice');
    return { site: started, lamp };
  }

  for (const transport of ['tcp', 'udp'] as const) {
    it(`shows every text left and every fetch, over ${transport}`, async () => {
      const { kamailio } = await start({ transport, sanity: true });
      if (site === undefined) throw new Error('no site');
      const lamp = await site.watch('alice');
      const bob = await site.phone('bob', 'kamailio');
      expect((await bob.message(ALICE, 'a message')).startLine).to.equal('SIP/2.0 200 OK');
      await lamp.until(textsSummary(1, 0));
      const chatPath = MsrpChat.localPath();
      const call = await bob.dialog(
        'INVITE',
        ALICE,
        { 'Content-Type': 'application/sdp' },
        chatOffer(chatPath),
      );
      const chat = await MsrpChat.open(chatPath, pathOf(call.answer.body));
      expect((await chat.send('text/plain', 'a line of chat')).status).to.equal(200);
      await lamp.until(textsSummary(2, 0));
      await call.request('BYE');
      chat.close();

      expect(await site.fetch('alice', 'kamailio')).to.have.length(2);
      await lamp.until(textsSummary(0, 2));
      expect((await bob.message(ALICE, 'a third')).startLine).to.equal('SIP/2.0 200 OK');
      await lamp.until(textsSummary(1, 2));

      const alice = await site.phone('alice', 'kamailio');
      await alice.request('REGISTER', 'sip:example.test', {
        To: `<${ALICE}>`,
        Contact: alice.contact,
        Expires: '60',
      });
      expect((await alice.message(MAILBOX, 'fetch')).startLine).to.equal('SIP/2.0 200 OK');
      await lamp.until(textsSummary(0, 3));

      // One of two texts read is the truth for a moment, and may be told.
      const shown = lamp.shown().filter((body) => body !== textsSummary(1, 1));
      expect(shown, lamp.transcript()).to.deep.equal([
        NOTHING_YET,
        textsSummary(1, 0),
        textsSummary(2, 0),
        textsSummary(0, 2),
        textsSummary(1, 2),
        textsSummary(0, 3),
      ]);
      await site.untilPublishedOnce('alice', textsSummary(0, 3));
      expect(kamailio.log()).not.to.include('SANITY');
    });
  }

  describe('when the mailbox is killed', () => {
    it('between the acknowledgement of a text and its PUBLISH, publishes it once after the restart', async () => {
      const { kamailio, mailbox } = await start();
      if (site === undefined) throw new Error('no site');
      const lamp = await site.watch('alice');
      await kamailio.halt();
      await site.text('alice', 'one');
      await mailbox.kill();
      await kamailio.resume();
      await mailbox.restart();
      await lamp.until(textsSummary(1, 0), 15_000);
      await site.untilPublishedOnce('alice', textsSummary(1, 0));
      expect(lamp.shown(), lamp.transcript()).to.deep.equal([NOTHING_YET, textsSummary(1, 0)]);
    });

    it('in the middle of a publication’s life, goes on with that publication', async () => {
      const { site, lamp } = await startWithOneText();
      await site.mailbox.kill();
      await site.mailbox.restart();
      await pause(1_000);
      await site.untilPublishedOnce('alice', textsSummary(1, 0));
      await site.text('alice', 'two');
      await lamp.until(textsSummary(2, 0));
      await site.untilPublishedOnce('alice', textsSummary(2, 0));
      await site.fetch('alice');
      await lamp.until(textsSummary(0, 2));
      await site.untilPublishedOnce('alice', textsSummary(0, 2));
      const shown = lamp.shown().filter((body) => body !== textsSummary(1, 1));
      expect(shown, lamp.transcript()).to.deep.equal([
        NOTHING_YET,
        textsSummary(1, 0),
        textsSummary(2, 0),
        textsSummary(0, 2),
      ]);
    });
  });

  describe('when Kamailio restarts', () => {
    it('with its database, hears nothing wrong and goes on', async () => {
      const { site, lamp } = await startWithOneText();
      await site.kamailio.restart();
      await pause(3_000);
      await site.text('alice', 'two');
      await lamp.until(textsSummary(2, 0), 15_000);
      await site.untilPublishedOnce('alice', textsSummary(2, 0));
      expect(lamp.shown(), lamp.transcript()).to.deep.equal([
        NOTHING_YET,
        textsSummary(1, 0),
        textsSummary(2, 0),
      ]);
    });

    it('with nothing left in memory, is told everything anew though no text comes', async () => {
      const { site, lamp } = await startWithOneText(
        { variant: 'memory', transport: 'udp' },
        { refreshEvery: 1_000 },
      );
      await site.kamailio.restart();
      // Kamailio has nothing to say to the new subscription at first; after that, the truth and nothing else.
      await lamp.until(NOTHING_YET);
      await lamp.until(textsSummary(1, 0), FOUND_OUT);
      expect(lamp.shown(), lamp.transcript()).to.deep.equal([
        NOTHING_YET,
        textsSummary(1, 0),
        NOTHING_YET,
        textsSummary(1, 0),
      ]);
    });
  });

  describe('when Kamailio’s publications are wiped', () => {
    it('meets the 412 to the next change with the full state at once', async () => {
      const { site, lamp } = await startWithOneText();
      expect(forgetPresentities(site.kamailio.database)).to.be.at.least(1);
      await site.text('alice', 'two');
      await lamp.until(textsSummary(2, 0), 2_000);
      await site.untilPublishedOnce('alice', textsSummary(2, 0));
      expect(lamp.shown(), lamp.transcript()).to.deep.equal([
        NOTHING_YET,
        textsSummary(1, 0),
        textsSummary(2, 0),
      ]);
    });

    it('finds it out and publishes anew though no text comes', async () => {
      const { site, lamp } = await startWithOneText();
      expect(forgetPresentities(site.kamailio.database)).to.be.at.least(1);
      await site.untilPublishedOnce('alice', textsSummary(1, 0), FOUND_OUT);
      const late = await site.watch('alice');
      await late.until(textsSummary(1, 0));
      expect(lamp.shown(), lamp.transcript()).to.deep.equal([NOTHING_YET, textsSummary(1, 0)]);
    });
  });
});
