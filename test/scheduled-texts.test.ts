import { expect } from 'chai';
import { SCHEDULE_NAMESPACE } from '../src/mailbox/scheduling.ts';
import { ALICE, BOB, SendingSite, address } from './doubles/sending-site.ts';

/** Shorter than a phone's subscription, which the tests don't refresh. */
const AHEAD = 1_200_000;

describe('a text to be delivered later', function () {
  this.timeout(20_000);

  let site: SendingSite;
  afterEach(async () => {
    await site.close();
  });

  /** `2026-11-21T14:03:05Z`, so many ms from the site's now. */
  const at = (ahead: number): string =>
    new Date(site.clock.now() + ahead).toISOString().replace(/\.\d+Z$/, 'Z');
  const later = (ahead: number): Record<string, string> => ({ 'X-Deliver-At': at(ahead) });

  it('is counted, lights the lamp and is handed over when it is due, not before', async () => {
    site = await SendingSite.open();
    const bob = await site.phone();
    const lamp = await site.lamp();
    const written = new Date(site.clock.now()).toISOString().slice(0, 10);
    expect((await bob.message(ALICE, 'happy new year', later(AHEAD))).startLine).to.include('200');
    await bob.message(ALICE, 'now');
    await lamp.until('1/0');
    const early = await site.fetch();
    expect(early).to.have.length(1);
    expect(early[0]).to.include('now');
    await lamp.until('0/1');
    await site.jump(AHEAD);
    await lamp.until('1/1');
    const [text = ''] = await site.fetch();
    expect(text).to.include('happy new year').and.to.include(written);
    expect(lamp.shown().filter((count) => count.startsWith('2'))).to.deep.equal([]);
  });

  it('may be scheduled in message/cpim, by MESSAGE and in a chat', async () => {
    site = await SendingSite.open();
    const bob = await site.phone();
    const lamp = await site.lamp();
    const cpim = (header: string, words: string): string =>
      [
        `From: <${BOB}>`,
        `To: <${ALICE}>`,
        `NS: schedule <${SCHEDULE_NAMESPACE}>`,
        `${header}: ${at(AHEAD)}`,
        '',
        'Content-Type: text/plain',
        '',
        words,
      ].join('\r\n');
    const type = { 'Content-Type': 'message/cpim' };
    expect((await bob.message(ALICE, cpim('schedule.Deliver-At', 'one'), type)).startLine).to.include('200');
    const chat = await site.chat(bob);
    expect((await chat.send('message/cpim', cpim('X-Deliver-At', 'two'))).status).to.equal(200);
    expect((await chat.send('text/plain', 'three')).status).to.equal(200);
    await lamp.until('1/0');
    await site.jump(AHEAD);
    await lamp.until('3/0');
  });

  it('that is past is delivered at once', async () => {
    site = await SendingSite.open();
    const bob = await site.phone();
    const lamp = await site.lamp();
    expect((await bob.message(ALICE, 'late', later(-AHEAD))).startLine).to.include('200');
    await lamp.until('1/0');
  });

  it('lives from when it is due: Expires counts from then', async () => {
    site = await SendingSite.open();
    const bob = await site.phone();
    const lamp = await site.lamp();
    await bob.message(ALICE, 'for a minute', { ...later(AHEAD), Expires: '60' });
    await bob.message(ALICE, 'for ever');
    await lamp.until('1/0');
    await site.jump(AHEAD + 30_000);
    await lamp.until('2/0');
    await site.jump(40_000);
    await lamp.until('1/0');
  });

  it('for no time that can be read, or too far ahead, is refused with 400 and not kept', async () => {
    site = await SendingSite.open({ SCHEDULE_MAX_SECONDS: String(AHEAD / 1000) });
    const bob = await site.phone();
    const answer = async (value: string): Promise<string> =>
      (await bob.message(ALICE, 'x', { 'X-Deliver-At': value })).startLine;
    expect(await answer('when it suits you')).to.equal('SIP/2.0 400 Unreadable X-Deliver-At');
    expect(await answer(at(AHEAD + 60_000))).to.equal('SIP/2.0 400 X-Deliver-At too far ahead');
    const chat = await site.chat(bob);
    const wrapped = 'From: <sip:b@e.test>\r\nX-Deliver-At: some day\r\n\r\nContent-Type: text/plain\r\n\r\nx';
    expect((await chat.send('message/cpim', wrapped)).status).to.equal(400);
    expect((await site.fetch())[0]).to.include('You have no new texts.');
  });

  it('is refused where none is scheduled', async () => {
    site = await SendingSite.open({ SCHEDULE_MAX_SECONDS: '0' });
    const bob = await site.phone();
    const answer = await bob.message(ALICE, 'x', later(AHEAD));
    expect(answer.startLine).to.equal('SIP/2.0 400 X-Deliver-At too far ahead');
    expect((await bob.message(ALICE, 'x', later(-AHEAD))).startLine).to.include('200');
  });

  it('is due at her author’s own time where he names no zone', async () => {
    site = await SendingSite.open({ TIME_ZONE: 'Asia/Tokyo' });
    await site.store(async (store) => {
      await store.setPreferences(address(BOB), { timeZone: 'America/New_York' });
    });
    const tomorrow = new Date(site.clock.now() + 86_400_000).toISOString().slice(0, 10);
    const wish = { 'X-Deliver-At': `${tomorrow} 09:00` };
    const [bob, carol] = [await site.phone(), await site.phone('sip:carol@example.test')];
    await bob.message(ALICE, 'good morning', wish);
    await carol.message('sip:dave@example.test', 'good morning', wish);
    const due = await site.store(async (store) => [
      ...(await store.scheduledBy(address(ALICE), BOB, 10)),
      ...(await store.scheduledBy(address('sip:dave@example.test'), 'sip:carol@example.test', 10)),
    ]);
    const [newYork = 0, tokyo = 0] = due.map(({ deliverAt }) => deliverAt ?? 0);
    expect(new Date(tokyo).toISOString()).to.equal(`${tomorrow}T00:00:00.000Z`);
    expect([13, 14]).to.include(new Date(newYork).getUTCHours());
  });
});
