import { setTimeout as pause } from 'node:timers/promises';

import { expect } from 'chai';

import { LampSite, textsSummary } from './lamp-site.ts';
import { requirePeer } from './require-peer.ts';
import { until } from './until.ts';

/** Seconds that Kamailio lets a publication live, and within which it notices an end: its clean_period and some slack. */
const LIFE = 4;
const NOTICED = 7;

/** ms after which the mailbox rests between two PUBLISHes no more, and after which one has surely left. */
const RESTED = 500;
const SENT = 500;

describe('a publication that a real Kamailio lets live for four seconds', function () {
  this.timeout(90_000);
  requirePeer('kamailio');

  let site: LampSite;

  beforeEach(async () => {
    site = await LampSite.start({ maxExpires: LIFE });
  });

  afterEach(async () => {
    await site.stop();
  });

  it('is one again after kills around its PUBLISH and a lost answer, over many lives, and never empty', async () => {
    const lamp = await site.watch('alice');
    const shown = [''];
    for (const delay of [0, 2, 4, 8, 16, 40]) {
      await site.text('alice', `${delay} ms before a kill`);
      await pause(delay);
      await site.mailbox.kill();
      await site.mailbox.restart();
      shown.push(textsSummary(shown.length, 0));
      await lamp.until(shown.at(-1) ?? '', 15_000);
    }
    // Kamailio takes the PUBLISH when nobody is left to take its answer: now there are two.
    await pause(RESTED);
    site.kamailio.freeze();
    await site.text('alice', 'its answer is lost');
    await pause(SENT);
    await site.mailbox.kill();
    site.kamailio.thaw();
    shown.push(textsSummary(shown.length, 0));
    await lamp.until(shown.at(-1) ?? '');
    await site.mailbox.restart();
    await pause((LIFE + NOTICED) * 1000);

    await site.untilPublishedOnce('alice', shown.at(-1) ?? '');
    const end = performance.now() + LIFE * 1000;
    while (performance.now() < end) {
      expect(site.publications('alice')).to.have.length(1);
      await pause(250);
    }
    expect(lamp.shown(), lamp.transcript()).to.deep.equal(shown);
  });

  it('lapses while the mailbox is dead, and comes back with the mailbox', async () => {
    const lamp = await site.watch('alice');
    await site.text('alice', 'one');
    await lamp.until(textsSummary(1, 0));
    await site.mailbox.kill();
    // This empty body is Kamailio's own, the only one after the first.
    await lamp.until('', (LIFE + 2 * NOTICED) * 1000);
    await until('the publication is gone', NOTICED * 1000, () => site.publications('alice').length === 0);
    await site.mailbox.restart();
    await lamp.until(textsSummary(1, 0));
    await pause(LIFE * 1000);
    await site.untilPublishedOnce('alice', textsSummary(1, 0));
    expect(lamp.shown(), lamp.transcript()).to.deep.equal(['', textsSummary(1, 0), '', textsSummary(1, 0)]);
  });
});
