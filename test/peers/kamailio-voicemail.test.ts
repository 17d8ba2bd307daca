import { expect } from 'chai';
import type { RunningApp } from '../doubles/running-app.ts';
import { runApp } from '../doubles/running-app.ts';
import type { PhoneDialog } from '../doubles/sip-phone.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { Kamailio } from './kamailio.ts';
import { startKamailio } from './kamailio.ts';
import { RawSip } from './raw-sip.ts';
import { requirePeer } from './require-peer.ts';

const ALICE = 'sip:alice@example.test';
const TYPE = 'application/simple-message-summary';

function voice(fresh: number, old = 0): string {
  return `Messages-Waiting: ${fresh > 0 ? 'yes' : 'no'}\r\nVoice-Message: ${fresh}/${old}\r\n`;
}

for (const transport of ['tcp', 'udp'] as const) {
  describe(`a real Kamailio as voicemail, over ${transport}`, function () {
    this.timeout(60_000);
    requirePeer('kamailio');

    let kamailio: Kamailio;
    let app: RunningApp;
    let sip: RawSip;
    let entityTag: string | undefined;
    const phones: SipPhone[] = [];

    beforeEach(async () => {
      entityTag = undefined;
      sip = await RawSip.open();
      kamailio = await startKamailio({ mailbox: 'sip:127.0.0.1:9', sanity: true });
      app = await runApp({ VOICEMAIL_MWI: `sip:127.0.0.1:${kamailio.port};transport=${transport}` });
    });

    afterEach(async () => {
      for (const phone of phones.splice(0)) await phone.close();
      await app.stop();
      const complaints = kamailio
        .log()
        .split('\n')
        .filter((line) => line.includes('SANITY'));
      await kamailio.stop();
      await sip.close();
      expect(complaints).to.deep.equal([]);
    });

    async function publish(body: string, expires = 600): Promise<void> {
      const headers = {
        Event: 'message-summary',
        Expires: String(expires),
        ...(body === '' ? {} : { 'Content-Type': TYPE }),
        ...(entityTag === undefined ? {} : { 'SIP-If-Match': entityTag }),
      };
      const request = { method: 'PUBLISH', uri: ALICE, from: ALICE, headers, body };
      const answer = await sip.request(request, kamailio.port);
      expect(answer.startLine).to.equal('SIP/2.0 200 OK');
      entityTag = answer.header('SIP-ETag');
    }

    async function phone(address: string): Promise<SipPhone> {
      const opened = await SipPhone.open({ address, server: app.udp });
      phones.push(opened);
      return opened;
    }

    async function shows(lamp: PhoneDialog, ...lines: readonly string[]): Promise<string> {
      for (;;) {
        const { body } = await lamp.next('NOTIFY');
        expect(body).not.to.equal('');
        if (lines.every((line) => body.includes(`${line}\r\n`))) return body;
      }
    }

    it('is subscribed to for each mailbox; its counts stand beside the texts', async () => {
      await publish(voice(2));
      const [bob, alice] = [await phone('sip:bob@example.test'), await phone(ALICE)];
      const lamp = await alice.dialog('SUBSCRIBE', ALICE, {
        Event: 'message-summary',
        Accept: TYPE,
        Expires: '600',
      });
      await bob.message(ALICE, 'one');
      await shows(lamp, 'Messages-Waiting: yes', 'Voice-Message: 2/0', 'Text-Message: 1/0 (0/0)');
      await publish(voice(5, 1));
      await shows(lamp, 'Voice-Message: 5/1', 'Text-Message: 1/0 (0/0)');
      // It notifies an empty body when a publication is removed. That says nothing: what it said last stands.
      await publish('', 0);
      await bob.message(ALICE, 'two');
      await shows(lamp, 'Voice-Message: 5/1', 'Text-Message: 2/0 (0/0)');
    });
  });
}
