import { expect } from 'chai';
import type { RunningApp } from './doubles/running-app.ts';
import { runApp } from './doubles/running-app.ts';
import type { PhoneDialog, PhoneMessage } from './doubles/sip-phone.ts';
import { SipPhone } from './doubles/sip-phone.ts';
import type { RawMessage } from './peers/raw-sip.ts';
import { RawSip } from './peers/raw-sip.ts';

const ALICE = 'sip:alice@example.test';
const BOB = 'sip:bob@example.test';
const MAILBOX = 'sip:mailbox@example.test';
const VOICEMAIL = 'sip:voicemail@example.test';
const TYPE = 'application/simple-message-summary';

function voice(fresh: number, old = 0): string {
  const waiting = fresh > 0 ? 'yes' : 'no';
  return `Messages-Waiting: ${waiting}\r\nMessage-Account: ${VOICEMAIL}\r\nVoice-Message: ${fresh}/${old}\r\n`;
}

/** Publishes voice counts as a voicemail does, and remembers its tag. */
class VoicePublisher {
  readonly #sip: RawSip;
  readonly #port: number;
  #entityTag: string | undefined;

  constructor(sip: RawSip, port: number) {
    this.#sip = sip;
    this.#port = port;
  }

  async publish(body: string, expires = 600): Promise<RawMessage> {
    const answer = await this.#sip.request(
      {
        method: 'PUBLISH',
        uri: ALICE,
        from: ALICE,
        headers: {
          Event: 'message-summary',
          Expires: String(expires),
          ...(body === '' ? {} : { 'Content-Type': TYPE }),
          ...(this.#entityTag === undefined ? {} : { 'SIP-If-Match': this.#entityTag }),
        },
        body,
      },
      this.#port,
    );
    expect(answer.startLine).to.equal('SIP/2.0 200 OK');
    this.#entityTag = answer.header('SIP-ETag');
    return answer;
  }
}

describe('voice and text on one lamp', function () {
  this.timeout(30_000);

  const apps: RunningApp[] = [];
  const phones: SipPhone[] = [];
  let sip: RawSip;

  beforeEach(async () => {
    sip = await RawSip.open();
  });

  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.close();
    for (const app of apps.splice(0).reverse()) await app.stop();
    await sip.close();
  });

  async function run(environment: Readonly<Record<string, string>> = {}): Promise<RunningApp> {
    const app = await runApp(environment);
    apps.push(app);
    return app;
  }

  async function phone(address: string, server: number): Promise<SipPhone> {
    const opened = await SipPhone.open({ address, server });
    phones.push(opened);
    return opened;
  }

  async function lampOf(owner: SipPhone): Promise<PhoneDialog> {
    return await owner.dialog('SUBSCRIBE', ALICE, {
      Event: 'message-summary',
      Accept: TYPE,
      Expires: '600',
    });
  }

  /** The first NOTIFY whose body says all of `lines`. */
  async function shows(lamp: PhoneDialog, ...lines: readonly string[]): Promise<PhoneMessage> {
    for (;;) {
      const notify = await lamp.next('NOTIFY');
      expect(notify.body).not.to.equal('');
      if (lines.every((line) => notify.body.includes(`${line}\r\n`))) return notify;
    }
  }

  describe('by a subscription to the voicemail', () => {
    it('stand side by side through every order of events', async () => {
      const voicemail = await run();
      const app = await run({ VOICEMAIL_MWI: `sip:127.0.0.1:${voicemail.tcp};transport=tcp` });
      const publisher = new VoicePublisher(sip, voicemail.udp);
      const bob = await phone(BOB, app.udp);
      const lamp = await lampOf(await phone(ALICE, app.udp));

      await publisher.publish(voice(2));
      expect((await bob.message(ALICE, 'one')).startLine).to.equal('SIP/2.0 200 OK');
      await shows(lamp, 'Messages-Waiting: yes', `Message-Account: ${MAILBOX}`, 'Voice-Message: 2/0');
      await publisher.publish(voice(3));
      await shows(lamp, 'Voice-Message: 3/0', 'Text-Message: 1/0 (0/0)');
      expect((await bob.message(ALICE, 'two')).startLine).to.equal('SIP/2.0 200 OK');
      await shows(lamp, 'Voice-Message: 3/0', 'Text-Message: 2/0 (0/0)');
      await publisher.publish(voice(0, 3));
      await shows(lamp, 'Messages-Waiting: yes', 'Voice-Message: 0/3', 'Text-Message: 2/0 (0/0)');
    });

    it('still stand after a restart of ours, and change after it', async () => {
      const voicemail = await run();
      const publisher = new VoicePublisher(sip, voicemail.udp);
      await publisher.publish(voice(2));
      const environment = { VOICEMAIL_MWI: `sip:127.0.0.1:${voicemail.tcp};transport=tcp` };
      const first = await run(environment);
      const bob = await phone(BOB, first.udp);
      await bob.message(ALICE, 'one');
      await shows(await lampOf(await phone(ALICE, first.udp)), 'Voice-Message: 2/0');
      await first.app.stop();

      const second = await run({ ...environment, DATABASE_URL: `sqlite:${first.folder}/mailbox.db` });
      const lamp = await lampOf(await phone(ALICE, second.udp));
      await (await phone(BOB, second.udp)).message(ALICE, 'two');
      await shows(lamp, 'Voice-Message: 2/0', 'Text-Message: 2/0 (0/0)');
      await publisher.publish(voice(7));
      await shows(lamp, 'Voice-Message: 7/0', 'Text-Message: 2/0 (0/0)');
    });
  });

  describe('by what the voicemail tells of its own accord', () => {
    /** Our presence server's stand-in: another instance, to which ours publishes and Alice subscribes. */
    async function site(): Promise<{ app: RunningApp; lamp: PhoneDialog }> {
      const presence = await run();
      const nobody = await RawSip.open();
      const { port } = nobody;
      await nobody.close();
      const app = await run({
        PRESENCE_SERVER: `sip:127.0.0.1:${presence.tcp};transport=tcp`,
        VOICEMAIL_MWI: `sip:127.0.0.1:${port};transport=tcp`,
      });
      return { app, lamp: await lampOf(await phone(ALICE, presence.udp)) };
    }

    it('a PUBLISH is merged, and gone when it is removed', async () => {
      const { app, lamp } = await site();
      const publisher = new VoicePublisher(sip, app.udp);
      await publisher.publish(voice(2));
      await shows(lamp, 'Messages-Waiting: yes', `Message-Account: ${VOICEMAIL}`, 'Voice-Message: 2/0');
      await (await phone(BOB, app.udp)).message(ALICE, 'one');
      await shows(lamp, `Message-Account: ${MAILBOX}`, 'Voice-Message: 2/0', 'Text-Message: 1/0 (0/0)');
      await publisher.publish('', 0);
      const { body } = await shows(lamp, 'Messages-Waiting: yes', 'Text-Message: 1/0 (0/0)');
      expect(body).not.to.include('Voice-Message: 2/0');
    });

    it('a NOTIFY nobody subscribed to is merged', async () => {
      const { app, lamp } = await site();
      const tell = (body: string): Promise<RawMessage> =>
        sip.request(
          {
            method: 'NOTIFY',
            uri: `sip:alice@example.test`,
            from: 'sip:asterisk@example.test',
            headers: { Event: 'message-summary', 'Content-Type': TYPE, 'Subscription-State': 'active' },
            body,
          },
          app.udp,
        );
      expect((await tell(voice(4, 1))).startLine).to.equal('SIP/2.0 200 OK');
      await shows(lamp, 'Messages-Waiting: yes', 'Voice-Message: 4/1');
      expect((await tell('hello')).startLine).to.include('400');
      expect((await tell(voice(0, 5))).startLine).to.equal('SIP/2.0 200 OK');
      await shows(lamp, 'Messages-Waiting: no', 'Voice-Message: 0/5');
    });
  });
});
