import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { EventPackage } from '../../src/presence/event-package.ts';
import { eventPackages } from '../../src/presence/packages.ts';
import type { PresenceServer } from '../../src/presence/ports.ts';
import { startPresenceServer } from '../../src/presence/presence-server.ts';
import type { AdmissionPolicy } from '../../src/sip/admission.ts';
import { publishRoute } from '../../src/sip/publish-route.ts';
import { subscribeRoute } from '../../src/sip/subscribe-route.ts';
import { SubscriberDialogs } from '../../src/sip/subscriber-dialogs.ts';
import { TrustedProxies } from '../../src/sip/trust.ts';
import { MemoryPresenceStore } from '../doubles/memory-presence-store.ts';
import type { SipNode } from '../doubles/sip-node.ts';
import { startSipNode } from '../doubles/sip-node.ts';
import { SipPhone } from '../doubles/sip-phone.ts';

const DOOR = 'sip:door@example.test';
const TYPE = 'application/x-door';

/** All that a further package is: whether a door is open, for everybody to see. */
class DoorPackage implements EventPackage {
  readonly name = 'x-door';
  readonly contentTypes = [TYPE, 'text/x-door'] as const;
  readonly defaultExpires = 300;
  readonly notifyInterval = 0;

  mayWatch(): boolean {
    return true;
  }

  validate(body: string): boolean {
    return /^(open|shut)$/.test(body);
  }

  /** Open when any sensor says so. */
  compose(publications: readonly string[]): string | null {
    if (publications.length === 0) return null;
    return publications.includes('open') ? 'open' : 'shut';
  }

  neutralBody(): string {
    return 'unknown';
  }
}

describe('a further event package', () => {
  let presence: PresenceServer;
  let node: SipNode;
  let phone: SipPhone;
  const store = new MemoryPresenceStore();

  async function serve(): Promise<void> {
    const surroundings = { clock: systemClock, random: systemRandom, logger: silentLogger };
    const trustedProxies = new TrustedProxies([]);
    const policy: AdmissionPolicy = {
      domains: new Set(['example.test']),
      messageAccount: AddressOfRecord.parse('sip:mailbox@example.test'),
      trustedProxies,
      depositFrom: 'trusted',
    };
    presence = startPresenceServer({
      ...{ ...surroundings, metrics: noMetrics, store },
      packages: [...eventPackages({}), new DoorPackage()],
    });
    node = await startSipNode((agent) => {
      const dialogs = new SubscriberDialogs({ ...surroundings, requests: agent });
      return {
        PUBLISH: publishRoute(presence, policy.domains, { trusts: () => true }),
        SUBSCRIBE: subscribeRoute({ ...surroundings, presence, dialogs, policy }),
      };
    });
    await presence.restore(() => undefined);
    phone = await SipPhone.open({ address: 'sip:bob@example.test', server: node.udp });
  }

  async function close(): Promise<void> {
    await phone.close();
    await presence.stop();
    await node.stop();
  }

  beforeEach(serve);
  afterEach(close);

  it('is published and subscribed to like the lamp, by its own rules, and kept', async () => {
    expect(presence.events).to.deep.equal(['message-summary', 'x-door']);
    const door = await phone.dialog('SUBSCRIBE', DOOR, { Event: 'x-door', Accept: TYPE });
    expect(door.answer.header('Expires')).to.equal('300');
    const first = await door.next('NOTIFY');
    expect(first.header('Event')).to.equal('x-door');
    expect(first.header('Content-Type')).to.equal(TYPE);
    expect(first.body).to.equal('unknown');

    const published = await phone.request(
      'PUBLISH',
      DOOR,
      { Event: 'x-door', 'Content-Type': 'text/x-door' },
      'open',
    );
    expect(published.startLine).to.equal('SIP/2.0 200 OK');
    expect((await door.next('NOTIFY')).body).to.equal('open');
    await phone.request('PUBLISH', DOOR, { Event: 'x-door', 'Content-Type': TYPE }, 'shut');

    await close();
    await serve();
    const tag = published.header('SIP-ETag') ?? '';
    const closed = await phone.request(
      'PUBLISH',
      DOOR,
      { Event: 'x-door', 'Content-Type': TYPE, 'SIP-If-Match': tag },
      'shut',
    );
    expect(closed.startLine).to.equal('SIP/2.0 200 OK');
    const again = await phone.dialog('SUBSCRIBE', DOOR, { Event: 'x-door' });
    expect((await again.next('NOTIFY')).body).to.equal('shut');
  });

  it('refuses what is not its own, and is named where an event is unknown', async () => {
    const publish = async (event: string, type: string, body: string): Promise<string> =>
      (await phone.request('PUBLISH', DOOR, { Event: event, 'Content-Type': type }, body)).startLine;
    expect(await publish('x-door', TYPE, 'ajar')).to.match(/ 400 /);
    expect(await publish('x-door', 'application/simple-message-summary', 'open')).to.match(/ 415 /);
    expect(await publish('message-summary', TYPE, 'open')).to.match(/ 415 /);
    const unknown = await phone.request('SUBSCRIBE', DOOR, { Event: 'presence', Contact: phone.contact });
    expect(unknown.startLine).to.match(/ 489 /);
    expect(unknown.header('Allow-Events')).to.equal('message-summary, x-door');
    const lamp = await phone.request('SUBSCRIBE', DOOR, { Event: 'message-summary', Contact: phone.contact });
    expect(lamp.startLine, 'the lamp is its owner’s').to.match(/ 403 /);
  });
});
