import { expect } from 'chai';

import { LampSite, MAILBOX, textsSummary } from './lamp-site.ts';
import type { LampWatcher } from './lamp-watcher.ts';
import { freePort } from './ports.ts';
import { forgetPresentities } from './presentities.ts';
import { requirePeer } from './require-peer.ts';
import { SippVoicemail, voiceValue } from './sipp-voicemail.ts';
import type { VoiceCounts } from './sipp-voicemail.ts';

const NEW_VOICE: VoiceCounts = { fresh: 2, old: 1 };
/** Phones that showed a count are told that it is none. */
const NO_VOICE: VoiceCounts = { fresh: 0, old: 0 };
const HEARD_VOICE: VoiceCounts = { fresh: 0, old: 3 };

/** ms until a forgetful presence server is told everything anew: the beacon's pace is 2 s here. */
const FOUND_OUT = 15_000;

/** The whole body for a user of whom both the voicemail and the mailbox count. */
function bothSummary(voice: VoiceCounts, fresh: number, old: number): string {
  const account = fresh === 0 && voice.fresh > 0 ? SippVoicemail.account : MAILBOX;
  return [
    `Messages-Waiting: ${fresh > 0 || voice.fresh > 0 ? 'yes' : 'no'}`,
    `Message-Account: ${account}`,
    `Voice-Message: ${voiceValue(voice)}`,
    `Text-Message: ${fresh}/${old} (0/0)`,
    '',
  ].join('\r\n');
}

type Event = 'voice comes' | 'voice is heard' | 'a text comes' | 'the text is fetched';

/** Every order in which voice is heard after it came and the text is fetched after it came. */
const ORDERS: readonly (readonly Event[])[] = [
  ['voice comes', 'a text comes', 'the text is fetched', 'voice is heard'],
  ['voice comes', 'a text comes', 'voice is heard', 'the text is fetched'],
  ['voice comes', 'voice is heard', 'a text comes', 'the text is fetched'],
  ['a text comes', 'voice comes', 'the text is fetched', 'voice is heard'],
  ['a text comes', 'voice comes', 'voice is heard', 'the text is fetched'],
  ['a text comes', 'the text is fetched', 'voice comes', 'voice is heard'],
];

describe('voice and text on one lamp at a real Kamailio', function () {
  this.timeout(60_000);
  requirePeer('kamailio', 'sipp');

  let site: LampSite;
  let voicemail: SippVoicemail;

  beforeEach(async () => {
    // It publishes; nobody takes our subscriptions there.
    const voicemailPort = await freePort();
    site = await LampSite.start({ environment: { VOICEMAIL_MWI: `sip:127.0.0.1:${voicemailPort}` } });
    voicemail = new SippVoicemail(site.mailbox.udp);
  });

  afterEach(async () => {
    await site.stop();
  });

  /** Alice has voice and a text, and her lamp says so. */
  async function startWithBoth(): Promise<LampWatcher> {
    const lamp = await site.watch('alice');
    await voicemail.publish('alice', NEW_VOICE);
    await site.text('alice', 'one');
    await lamp.until(bothSummary(NEW_VOICE, 1, 0));
    return lamp;
  }

  for (const order of ORDERS) {
    it(`tells of both in one body: ${order.join(', ')}`, async () => {
      const lamp = await site.watch('alice');
      const told = [''];
      let voice: VoiceCounts | undefined;
      let [fresh, old] = [0, 0];
      for (const event of order) {
        switch (event) {
          case 'voice comes':
            voice = NEW_VOICE;
            await voicemail.publish('alice', voice);
            break;
          case 'voice is heard':
            voice = HEARD_VOICE;
            await voicemail.publish('alice', voice);
            break;
          case 'a text comes':
            fresh = 1;
            await site.text('alice', 'one');
            break;
          case 'the text is fetched':
            [fresh, old] = [0, 1];
            expect(await site.fetch('alice')).to.have.length(1);
        }
        const body = voice === undefined ? textsSummary(fresh, old) : bothSummary(voice, fresh, old);
        told.push(body);
        await lamp.until(body);
      }
      await site.untilPublishedOnce('alice', bothSummary(HEARD_VOICE, 0, 1));
      expect(lamp.shown(), lamp.transcript()).to.deep.equal(told);
    });
  }

  it('tells of urgent voice only when the voicemail does', async () => {
    const lamp = await startWithBoth();
    const urgent = { fresh: 3, old: 1, urgent: { fresh: 1, old: 0 } };
    await voicemail.publish('alice', urgent);
    await lamp.until(bothSummary(urgent, 1, 0));
    await voicemail.publish('alice', NEW_VOICE);
    await lamp.until(bothSummary(NEW_VOICE, 1, 0));
    expect(lamp.shown(), lamp.transcript()).to.deep.equal([
      '',
      bothSummary(NEW_VOICE, 0, 0),
      bothSummary(NEW_VOICE, 1, 0),
      bothSummary(urgent, 1, 0),
      bothSummary(NEW_VOICE, 1, 0),
    ]);
  });

  it('forgets voice when the voicemail takes its publication back, and keeps the text', async () => {
    const lamp = await startWithBoth();
    await voicemail.remove('alice');
    await lamp.until(bothSummary(NO_VOICE, 1, 0));
    await site.fetch('alice');
    await lamp.until(bothSummary(NO_VOICE, 0, 1));
    await site.untilPublishedOnce('alice', bothSummary(NO_VOICE, 0, 1));
    expect(lamp.shown(), lamp.transcript()).to.deep.equal([
      '',
      bothSummary(NEW_VOICE, 0, 0),
      bothSummary(NEW_VOICE, 1, 0),
      bothSummary(NO_VOICE, 1, 0),
      bothSummary(NO_VOICE, 0, 1),
    ]);
  });

  it('keeps voice over a kill of the mailbox, and counts it once when the voicemail begins anew', async () => {
    const lamp = await startWithBoth();
    await site.untilWrittenDown('alice');
    await site.mailbox.kill();
    await site.mailbox.restart();
    await site.text('alice', 'two');
    await lamp.until(bothSummary(NEW_VOICE, 2, 0));
    // Its tag was in our memory: RFC 3903 §4.1 has it publish the full state after a 412.
    const refused: unknown = await voicemail.publish('alice', HEARD_VOICE).catch((reason: unknown) => reason);
    expect(String(refused)).to.include('412');
    voicemail.forget();
    const more = { fresh: 3, old: 1 };
    await voicemail.publish('alice', more);
    await lamp.until(bothSummary(more, 2, 0));
    await site.untilPublishedOnce('alice', bothSummary(more, 2, 0));
    expect(lamp.shown(), lamp.transcript()).to.deep.equal([
      '',
      bothSummary(NEW_VOICE, 0, 0),
      bothSummary(NEW_VOICE, 1, 0),
      bothSummary(NEW_VOICE, 2, 0),
      bothSummary(more, 2, 0),
    ]);
  });

  it('counts voice once when the voicemail lost its tag', async () => {
    const lamp = await startWithBoth();
    voicemail.forget();
    await voicemail.publish('alice', { fresh: 3, old: 1 });
    await lamp.until(bothSummary({ fresh: 3, old: 1 }, 1, 0));
    await voicemail.publish('alice', HEARD_VOICE);
    await lamp.until(bothSummary(HEARD_VOICE, 1, 0));
    expect(lamp.shown().slice(-3), lamp.transcript()).to.deep.equal([
      bothSummary(NEW_VOICE, 1, 0),
      bothSummary({ fresh: 3, old: 1 }, 1, 0),
      bothSummary(HEARD_VOICE, 1, 0),
    ]);
  });

  it('tells a Kamailio that forgot everything of both again', async () => {
    const lamp = await startWithBoth();
    expect(forgetPresentities(site.kamailio.database)).to.be.at.least(1);
    await site.untilPublishedOnce('alice', bothSummary(NEW_VOICE, 1, 0), FOUND_OUT);
    expect(lamp.shown(), lamp.transcript()).to.deep.equal([
      '',
      bothSummary(NEW_VOICE, 0, 0),
      bothSummary(NEW_VOICE, 1, 0),
    ]);
  });

  it('ends with the truth of both when they change at once, and never leaves one of them out', async () => {
    const lamp = await startWithBoth();
    const voice = async (): Promise<void> => {
      for (let fresh = 3; fresh <= 8; fresh++) await voicemail.publish('alice', { fresh, old: 1 });
    };
    const texts = async (): Promise<void> => {
      for (let text = 2; text <= 40; text++) await site.text('alice', `text ${text}`);
    };
    await Promise.all([voice(), texts()]);
    await lamp.until(bothSummary({ fresh: 8, old: 1 }, 40, 0));
    await site.untilPublishedOnce('alice', bothSummary({ fresh: 8, old: 1 }, 40, 0));
    const [, , ...told] = lamp.bodies();
    const counts = told.map((body) => {
      const [fresh, texts] = [/Voice-Message: (\d+)\/1\r\n/, /Text-Message: (\d+)\/0 /].map((line) =>
        Number(line.exec(body)?.[1]),
      );
      expect(body).to.equal(bothSummary({ fresh: fresh ?? 0, old: 1 }, texts ?? 0, 0));
      return { fresh: fresh ?? 0, texts: texts ?? 0 };
    });
    const inOrder = counts.every(({ fresh, texts }, index) => {
      const before = counts[index - 1];
      return before === undefined || (before.fresh <= fresh && before.texts <= texts);
    });
    expect(inOrder, lamp.transcript()).to.equal(true);
  });
});
