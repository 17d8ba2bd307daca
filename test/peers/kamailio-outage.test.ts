import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { expect } from 'chai';

import { LampSite, addressOf, textsSummary } from './lamp-site.ts';
import type { LampWatcher } from './lamp-watcher.ts';
import { trueCountsIn } from './mailbox-database.ts';
import { freePort } from './ports.ts';
import { presentitiesIn } from './presentities.ts';
import { requirePeer } from './require-peer.ts';
import { SippVoicemail, voiceValue } from './sipp-voicemail.ts';
import type { VoiceCounts } from './sipp-voicemail.ts';
import { runSipp } from './sipp.ts';

const MAILBOXES = 20;
/** Texts a second over all mailboxes. */
const RATE = 50;
/** Seconds. */
const BEFORE = 2;
const OUTAGE = 60;
const AFTER = 3;
/** ms after Kamailio is back within which every lamp tells the truth. */
const CONVERGED = 60_000;

const VOICE: VoiceCounts = { fresh: 2, old: 1 };
/** Seconds that the counts of a voicemail stand: one ends while Kamailio is down, the other after it came back. */
const VOICE_ENDS_DURING = 60;
const VOICE_ENDS_AFTER = BEFORE + OUTAGE + AFTER + 5;

describe('Kamailio is down for 60 s while 50 texts a second come for 20 mailboxes', function () {
  this.timeout(180_000);
  requirePeer('kamailio', 'sipp');

  let site: LampSite;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'text-mailbox-outage-'));
    site = await LampSite.start({ environment: { VOICEMAIL_MWI: `sip:127.0.0.1:${await freePort()}` } });
  });

  afterEach(async () => {
    await site.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Texts for all mailboxes in turn, sent to the mailbox's own port; rejects unless all are acknowledged. */
  async function load(users: readonly string[], calls: number): Promise<void> {
    const injection = path.join(folder, 'users.csv');
    await writeFile(injection, ['SEQUENTIAL', ...users.map((user) => `${user};example.test`), ''].join('\n'));
    const result = await runSipp({
      scenario: 'message-load.xml',
      port: site.mailbox.udp,
      calls,
      ratePerSecond: RATE,
      args: ['-inf', injection],
    });
    expect(result.failed, result.errors).to.equal(0);
    expect(result.successful).to.equal(calls);
  }

  async function outage(): Promise<void> {
    await pause(BEFORE * 1000);
    await site.kamailio.halt();
    await pause(OUTAGE * 1000);
    await site.kamailio.resume();
  }

  /** A user with one text, and with voice for so many seconds. */
  async function watchVoice(voicemail: SippVoicemail, user: string, seconds: number): Promise<LampWatcher> {
    const lamp = await site.watch(user);
    await site.text(user, 'one');
    await voicemail.publish(user, VOICE, seconds);
    await lamp.until(withVoice(VOICE));
    return lamp;
  }

  it('every text is acknowledged, and every lamp ends with the truth, published once', async () => {
    const users = Array.from({ length: MAILBOXES }, (_, index) => `user${index}`);
    const lamps = await Promise.all(users.map((user) => site.watch(user)));
    const voicemail = new SippVoicemail(site.mailbox.udp);
    const voiceLamps = [
      await watchVoice(voicemail, 'carol', VOICE_ENDS_DURING),
      await watchVoice(voicemail, 'dave', VOICE_ENDS_AFTER),
    ];
    const calls = RATE * (BEFORE + OUTAGE + AFTER);
    await Promise.all([load(users, calls), outage()]);

    const deadline = performance.now() + CONVERGED;
    const truth = trueCountsIn(site.mailbox.folder);
    expect(users.reduce((sum, user) => sum + (truth.get(addressOf(user))?.fresh ?? 0), 0)).to.equal(calls);
    const final = (lamp: LampWatcher): string =>
      voiceLamps.includes(lamp)
        ? withVoice({ fresh: 0, old: 0 })
        : textsSummary(truth.get(lamp.address)?.fresh ?? -1, 0);
    for (const lamp of [...lamps, ...voiceLamps]) {
      await lamp.until(final(lamp), Math.max(0, deadline - performance.now()));
    }
    // Nothing comes after the truth.
    await pause(2_000);
    const held = presentitiesIn(site.kamailio.database);
    for (const lamp of [...lamps, ...voiceLamps]) {
      expect(lamp.bodies().at(-1), lamp.transcript()).to.equal(final(lamp));
      const own = held.filter(({ user }) => addressOf(user) === lamp.address);
      expect(own.map(({ body }) => body)).to.deep.equal([final(lamp)]);
    }
    for (const lamp of lamps) expectCountingUp(lamp);
    for (const lamp of voiceLamps) {
      expect(lamp.shown(), lamp.transcript()).to.deep.equal([
        '',
        textsSummary(1, 0),
        withVoice(VOICE),
        withVoice({ fresh: 0, old: 0 }),
      ]);
    }
  });
});

/** The whole body of one new text and so much voice. */
function withVoice(voice: VoiceCounts): string {
  const [waiting = '', account = '', text = ''] = textsSummary(1, 0).split('\r\n');
  return [waiting, account, `Voice-Message: ${voiceValue(voice)}`, text, ''].join('\r\n');
}

/** Every body after the first is whole, and none has fewer texts than the one before. */
function expectCountingUp(lamp: LampWatcher): void {
  const [first, ...told] = lamp.bodies();
  expect(first).to.equal('');
  const counts = told.map((body) => Number(/Text-Message: (\d+)\//.exec(body)?.[1]));
  expect(told, lamp.transcript()).to.deep.equal(counts.map((fresh) => textsSummary(fresh, 0)));
  expect(counts, lamp.transcript()).to.deep.equal([...counts].sort((one, other) => one - other));
}
