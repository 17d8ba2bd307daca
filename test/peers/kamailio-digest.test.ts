import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { startEngine } from '../../src/engine/engine.ts';
import type { PublishRequest } from '../../src/mwi/ports.ts';
import { SipAgent } from '../../src/sip/agent.ts';
import { AuthenticatedRequests } from '../../src/sip/authenticated-requests.ts';
import type { Credentials } from '../../src/sip/digest.ts';
import { SipPublishSender } from '../../src/sip/publish-sender.ts';
import type { RequestSender } from '../../src/sip/request-sender.ts';
import type { Kamailio } from './kamailio.ts';
import { startKamailio } from './kamailio.ts';
import { requirePeer } from './require-peer.ts';

const SURROUNDINGS = {
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
  metrics: noMetrics,
};
const GOOD: Credentials = { username: 'mailbox', password: 'open, "sesame"' };

/** The engine and the agent as the program wires them, and what a publisher sends through them. */
class PublishingMailbox {
  readonly statuses: number[] = [];
  readonly #engine: Engine;
  readonly #agent: SipAgent;

  private constructor(engine: Engine, agent: SipAgent) {
    this.#engine = engine;
    this.#agent = agent;
  }

  static async start(): Promise<PublishingMailbox> {
    const engine = await startEngine({
      ...SURROUNDINGS,
      listen: [
        { protocol: 'udp', host: '127.0.0.1', port: 0 },
        { protocol: 'tcp', host: '127.0.0.1', port: 0 },
      ],
      control: { host: '127.0.0.1', port: 0 },
      secret: 'secret',
    });
    const agent = new SipAgent({ ...SURROUNDINGS, servers: [engine.control], secret: 'secret' });
    await agent.start({});
    return new PublishingMailbox(engine, agent);
  }

  publisher(server: string, credentials: Credentials | undefined): SipPublishSender {
    const counting: RequestSender = {
      request: async (uri, options) => {
        const response = await this.#agent.request(uri, options);
        this.statuses.push(response.status);
        return response;
      },
    };
    const sender = new AuthenticatedRequests({ ...SURROUNDINGS, sender: counting, credentials });
    return new SipPublishSender(sender, server, silentLogger);
  }

  async close(): Promise<void> {
    this.#agent.stop();
    await this.#engine.close();
  }
}

function publication(user: string, entityTag: string | null = null): PublishRequest {
  return {
    target: AddressOfRecord.parse(`sip:${user}@example.test`),
    entityTag,
    expires: 600,
    body: 'Messages-Waiting: yes\r\nMessage-Account: sip:mailbox@example.test\r\nText-Message: 1/0 (0/0)\r\n',
  };
}

for (const [transport, algorithm] of [
  ['udp', 'MD5'],
  ['tcp', 'SHA-256'],
] as const) {
  describe(`a real Kamailio that wants ${algorithm} credentials, over ${transport}`, function () {
    this.timeout(60_000);
    requirePeer('kamailio');

    let kamailio: Kamailio;
    let mailbox: PublishingMailbox;
    let server: string;

    beforeEach(async () => {
      const auth = { user: GOOD.username, password: GOOD.password.replaceAll('"', '\\"'), algorithm };
      kamailio = await startKamailio({ mailbox: 'sip:127.0.0.1:9', sanity: true, auth });
      server = `sip:127.0.0.1:${kamailio.port};transport=${transport}`;
      mailbox = await PublishingMailbox.start();
    });

    afterEach(async () => {
      await mailbox.close();
      await kamailio.stop();
      expect(kamailio.log()).not.to.include('SANITY');
    });

    it('takes the publication of who knows the password, and later ones at the first try', async () => {
      const publisher = mailbox.publisher(server, GOOD);
      let tag: string | null = null;
      for (let round = 0; round < 5; round++) {
        const answer = await publisher.publish(publication('alice', tag));
        if (answer.kind !== 'accepted') throw new Error(JSON.stringify(answer));
        expect(answer.entityTag).not.to.equal('');
        expect(answer.expires).to.equal(600);
        tag = answer.entityTag;
      }
      expect(mailbox.statuses).to.deep.equal([401, 200, 200, 200, 200, 200]);
    });

    it('takes many publications at a time', async () => {
      const publisher = mailbox.publisher(server, GOOD);
      const users = Array.from({ length: 50 }, (_, index) => `user${index}`);
      const first = await Promise.all(users.map((user) => publisher.publish(publication(user))));
      const second = await Promise.all(users.map((user) => publisher.publish(publication(user))));
      expect(new Set([...first, ...second].map(({ kind }) => kind))).to.deep.equal(new Set(['accepted']));
    });

    it('takes publications again at once after a restart, which made every nonce unknown', async () => {
      const publisher = mailbox.publisher(server, GOOD);
      expect((await publisher.publish(publication('alice'))).kind).to.equal('accepted');
      await kamailio.restart();
      expect((await publisher.publish(publication('alice'))).kind).to.equal('accepted');
      expect(mailbox.statuses).to.deep.equal([401, 200, 401, 200]);
    });

    for (const [what, credentials, requests] of [
      ['a wrong password', { ...GOOD, password: 'guess' }, 2],
      ['a wrong user name', { ...GOOD, username: 'mallory' }, 2],
      ['no credentials', undefined, 1],
    ] as const) {
      it(`answers 401 to ${what}, and is asked no more than ${requests} times`, async () => {
        const answer = await mailbox.publisher(server, credentials).publish(publication('alice'));
        expect(answer).to.deep.include({ kind: 'rejected', status: 401 });
        expect(mailbox.statuses).to.deep.equal(Array<number>(requests).fill(401));
      });
    }
  });
}
