import { expect } from 'chai';
import { prepareRegistrations } from '../../src/app-registrations.ts';
import type { RegistrationEvents } from '../../src/app-registrations.ts';
import { readConfig } from '../../src/config.ts';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { Registration } from '../../src/mailbox/push/ports.ts';
import { recordingMetrics } from '../doubles/recording-metrics.ts';
import { runApp } from '../doubles/running-app.ts';
import type { SipNode } from '../doubles/sip-node.ts';
import { startSipNode } from '../doubles/sip-node.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { Kamailio } from './kamailio.ts';
import { startKamailio } from './kamailio.ts';
import { RawSip } from './raw-sip.ts';
import { requirePeer } from './require-peer.ts';
import { until } from './until.ts';

const ALICE = AddressOfRecord.parse('sip:alice@example.test');

for (const transport of ['tcp', 'udp'] as const) {
  describe(`registration events of a real Kamailio, over ${transport}`, function () {
    this.timeout(60_000);
    requirePeer('kamailio');

    let kamailio: Kamailio;
    let us: SipNode;
    let events: RegistrationEvents;
    let phone: RawSip;
    let hop: string;
    let cseq: number;
    let told: (Registration | 'offline')[];
    let withNewTexts: AddressOfRecord[];
    let metrics: ReturnType<typeof recordingMetrics>;

    beforeEach(async () => {
      cseq = 1;
      told = [];
      withNewTexts = [ALICE];
      metrics = recordingMetrics();
      phone = await RawSip.open();
      kamailio = await startKamailio({
        mailbox: 'sip:127.0.0.1:9',
        variant: 'sqlite',
        regEvents: true,
        sanity: true,
      });
      hop = `sip:127.0.0.1:${kamailio.port};transport=${transport}`;
      const config = readConfig({ DOMAINS: 'example.test', DELIVERY: 'push', REG_EVENT_SERVER: hop });
      us = await startSipNode((agent) => {
        events = prepareRegistrations(
          config,
          { clock: systemClock, random: systemRandom, logger: silentLogger, metrics },
          {
            store: {
              usersWithNewTexts: (after) =>
                Promise.resolve(after > 0 ? [] : withNewTexts.map((user) => ({ mailboxId: 1, user }))),
            },
            intake: {
              online: (registration) => Promise.resolve(void told.push(registration)),
              offline: () => Promise.resolve(void told.push('offline')),
            },
            agent,
            requests: agent,
          },
        );
        return events.notifyRoutes(undefined);
      });
    });

    afterEach(async () => {
      await events.stop();
      await us.stop();
      await phone.close();
      const complaints = kamailio
        .log()
        .split('\n')
        .filter((line) => line.includes('SANITY'));
      await kamailio.stop();
      expect(complaints).to.deep.equal([]);
    });

    async function register(expires: number, callId = 'first'): Promise<void> {
      const headers = {
        'Call-ID': callId,
        CSeq: `${cseq++} REGISTER`,
        Contact: `<sip:alice@127.0.0.1:${phone.port}>`,
        Expires: String(expires),
      };
      const request = { method: 'REGISTER', uri: 'sip:example.test', from: ALICE.toString(), headers };
      const answer = await phone.request({ ...request, to: ALICE.toString() }, kamailio.port);
      expect(answer.startLine).to.equal('SIP/2.0 200 OK');
    }

    const notified = (says: string, count = 1): Promise<unknown> =>
      until(
        `${count} NOTIFYs that say ${says}`,
        5_000,
        () => metrics.count('registration_notify_total', { says }) >= count,
        metrics.text,
      );

    async function next(count: number): Promise<Registration | 'offline'> {
      return await until(
        `${count} reports`,
        5_000,
        () => told[count - 1],
        () => JSON.stringify(told),
      );
    }

    async function online(count: number): Promise<Registration> {
      const report = await next(count);
      if (report === 'offline') throw new Error('offline');
      return report;
    }

    it('tell within seconds that she comes, stays and goes', async () => {
      events.start();
      await notified('nothing');
      expect(told).to.deep.equal([]);

      const before = Date.now();
      await register(600);
      const came = await online(1);
      expect(came).to.deep.include({ user: ALICE, methods: null, hop });
      expect(came.until).to.be.within(before + 595_000, Date.now() + 601_000);

      await register(300);
      const stayed = await online(2);
      expect(stayed.name).to.equal(came.name);
      expect(stayed.until).to.be.below(came.until);

      await register(0);
      expect(await next(3)).to.equal('offline');

      await register(600, 'second');
      expect((await online(4)).name).not.to.equal(came.name);
    });

    it('tell of a user who was online before her first text', async () => {
      withNewTexts = [];
      await register(600);
      events.start();
      events.wake(ALICE);
      expect((await online(1)).user).to.equal(ALICE);
    });

    it('are learnt again after Kamailio was down', async () => {
      events.start();
      await notified('nothing');
      await kamailio.restart();
      await register(600);
      // Its subscriptions outlived it in its database.
      expect((await online(1)).user).to.equal(ALICE);
    });
  });
}

describe('a user whom a real Kamailio’s registration events tell of', function () {
  this.timeout(60_000);
  requirePeer('kamailio');

  it('is brought her texts when she comes online, once each', async () => {
    const kamailio = await startKamailio({
      mailbox: 'sip:127.0.0.1:9',
      variant: 'sqlite',
      regEvents: true,
      sanity: true,
    });
    const hop = `sip:127.0.0.1:${kamailio.port};transport=udp`;
    const app = await runApp({ DELIVERY: 'push', REG_EVENT_SERVER: hop });
    const bob = await SipPhone.open({ address: 'sip:bob@example.test', server: app.udp });
    const alice = await SipPhone.open({ address: ALICE.toString(), server: kamailio.port });
    const texts = (): string[] =>
      alice.received
        .filter(({ startLine }) => startLine.startsWith('MESSAGE'))
        .map(({ body }) => body.replace(/^.*UTC: /s, ''));
    try {
      for (const text of ['one', 'two', 'three']) await bob.message(ALICE.toString(), text);
      const headers = { To: `<${ALICE.toString()}>`, Contact: alice.contact, Expires: '600' };
      const answer = await alice.request('REGISTER', 'sip:example.test', headers);
      expect(answer.startLine).to.equal('SIP/2.0 200 OK');
      await until(
        'three texts',
        10_000,
        () => texts().length >= 3,
        () => kamailio.log(),
      );
      // A refresh tells of her again, and brings nothing a second time; what comes then does.
      await alice.request('REGISTER', 'sip:example.test', headers);
      await bob.message(ALICE.toString(), 'four');
      await until('a fourth text', 10_000, () => texts().length >= 4);
      expect(texts()).to.deep.equal(['one', 'two', 'three', 'four']);
      expect(kamailio.log()).not.to.include('SANITY');
    } finally {
      await alice.close();
      await bob.close();
      await app.stop();
      await kamailio.stop();
    }
  });
});
