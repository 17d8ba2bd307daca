import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { Answer, PublishCommand } from '../../src/presence/ports.ts';
import type { VoicemailPublications } from '../../src/presence/voicemail-publications.ts';
import { startVoicemailPublications } from '../../src/presence/voicemail-publications.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { seededRandom } from '../doubles/seeded-random.ts';

const ALICE = AddressOfRecord.parse('sip:alice@example.test');

function voice(fresh: number, account: string | null = 'sip:vm@example.test'): string {
  return [
    `Messages-Waiting: ${fresh > 0 ? 'yes' : 'no'}\r\n`,
    account === null ? '' : `Message-Account: ${account}\r\n`,
    `Voice-Message: ${fresh}/0\r\n`,
  ].join('');
}

describe('publications of a voicemail', () => {
  let clock: FakeClock;
  let publications: VoicemailPublications;
  let reports: { body: string | null; seconds: number }[];
  let storeIsDown: boolean;

  beforeEach(() => {
    clock = new FakeClock();
    reports = [];
    storeIsDown = false;
    publications = startVoicemailPublications({
      clock,
      random: seededRandom(),
      logger: silentLogger,
      metrics: noMetrics,
      report: (user, body, until) => {
        expect(user.toString()).to.equal(ALICE.toString());
        if (storeIsDown) return Promise.reject(new Error('the store is down'));
        reports.push({ body, seconds: Math.round((until - clock.now()) / 1000) });
        return Promise.resolve();
      },
    });
  });

  afterEach(() => {
    publications.stop();
    expect(clock.pendingTimers).to.equal(0);
  });

  const publish = (parts: Partial<PublishCommand> = {}): Promise<Answer> =>
    publications.publish({
      presentity: ALICE,
      event: 'message-summary',
      expires: 600,
      ...(parts.body === undefined ? {} : { contentType: 'application/simple-message-summary' }),
      ...parts,
    });

  async function published(parts: Partial<PublishCommand> = {}): Promise<string> {
    const answer = await publish(parts);
    expect(answer.status).to.equal(200);
    return answer.headers['SIP-ETag'] ?? '';
  }

  it('are reported until they lapse, and are nothing after', async () => {
    await published({ body: voice(2) });
    expect(reports).to.deep.equal([{ body: voice(2), seconds: 600 }]);
    await clock.advance(600_000);
    expect(reports.at(-1)).to.deep.equal({ body: null, seconds: 0 });
  });

  it('stand longer with a refresh, read otherwise with a modify, and are taken back by a removal', async () => {
    let entityTag = await published({ body: voice(2) });
    await clock.advance(300_000);
    entityTag = await published({ entityTag });
    expect(reports.at(-1)).to.deep.equal({ body: voice(2), seconds: 600 });
    entityTag = await published({ entityTag, body: voice(5), expires: 900 });
    expect(reports.at(-1)).to.deep.equal({ body: voice(5), seconds: 900 });
    await published({ entityTag, expires: 0 });
    expect(reports.at(-1)).to.deep.equal({ body: null, seconds: 0 });
    expect(reports).to.have.length(4);
  });

  it('of two voicemails are one report, which shrinks when one of them lapses', async () => {
    await published({ body: voice(2, null), expires: 60 });
    await published({ body: voice(3, null), expires: 600 });
    expect(reports.at(-1)).to.deep.equal({ body: voice(5, null), seconds: 600 });
    await clock.advance(60_000);
    expect(reports.at(-1)).to.deep.equal({ body: voice(3, null), seconds: 540 });
  });

  it('are refused as a presence server refuses them, and nothing is reported', async () => {
    const wrong = { body: voice(1), entityTag: 'nobody-knows-it' };
    expect((await publish(wrong)).status).to.equal(412);
    expect((await publish({ event: 'presence', body: voice(1) })).status).to.equal(489);
    expect((await publish({ body: voice(1), expires: 5 })).status).to.equal(423);
    expect((await publish({ body: 'hello' })).status).to.be.within(400, 499);
    expect((await publish()).status).to.equal(400);
    expect(reports).to.deep.equal([]);
  });

  it('that could not be kept get 503, and the next try is not counted on top', async () => {
    storeIsDown = true;
    const refused = await publish({ body: voice(2, null) });
    expect(refused.status).to.equal(503);
    expect(Number(refused.headers['Retry-After'])).to.be.greaterThan(0);
    storeIsDown = false;
    await published({ body: voice(2, null) });
    expect(reports.at(-1)).to.deep.equal({ body: voice(2, null), seconds: 600 });
  });

  it('that could not be changed are told in full by the publisher after a 412', async () => {
    const entityTag = await published({ body: voice(2, null) });
    storeIsDown = true;
    expect((await publish({ entityTag, body: voice(3, null) })).status).to.equal(503);
    storeIsDown = false;
    expect((await publish({ entityTag, body: voice(3, null) })).status).to.equal(412);
    await published({ body: voice(3, null) });
    expect(reports.at(-1)?.body).to.equal(voice(3, null));
  });
});
