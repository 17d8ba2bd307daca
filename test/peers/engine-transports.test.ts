import { expect } from 'chai';

import { authority, certified } from '../doubles/certificates.ts';
import { EngineApplication } from './engine-application.ts';
import { startKamailioProxy } from './kamailio-proxy.ts';
import type { KamailioProxy } from './kamailio-proxy.ts';
import { freePort } from './ports.ts';
import { releasedAfter } from './release.ts';
import { requirePeer } from './require-peer.ts';
import { runSipp } from './sipp.ts';
import type { SippRun } from './sipp.ts';
import { capturedThroughout } from './tshark.ts';

const CALLS = 100;
const RATE = 25;
const V4 = { address: 'IP4 127.0.0.1' };
const V6 = { address: 'IP6 ::1' };

describe('one engine over UDP, TCP and TLS, IPv4 and IPv6', function () {
  this.timeout(40_000);
  requirePeer('sipp', 'kamailioTls');
  const release = releasedAfter();
  let application: EngineApplication;
  let proxy: KamailioProxy;
  let tlsPort: number;
  /** What each client brings to a run: its way in. SIPp has no TLS, so Kamailio speaks it. */
  let clients: Readonly<Record<string, Partial<SippRun>>>;

  before(async () => {
    const ca = await authority();
    const own = await certified({ ip: '127.0.0.1' }, ca);
    application = await EngineApplication.start({
      listen: [
        { protocol: 'udp', host: '127.0.0.1', port: 0 },
        { protocol: 'tcp', host: '127.0.0.1', port: 0 },
        { protocol: 'tls', host: '127.0.0.1', port: 0 },
        { protocol: 'udp', host: '::1', port: 0 },
        { protocol: 'tcp', host: '::1', port: 0 },
      ],
      tls: { ...own, ca: ca.cert },
    });
    release(() => application.close());
    tlsPort = await freePort();
    const engine = `sip:127.0.0.1:${application.port('tls')};transport=tls`;
    proxy = await startKamailioProxy(engine, {
      ...(await certified({ ip: '127.0.0.1' }, ca)),
      port: tlsPort,
    });
    release(() => proxy.stop());
    clients = {
      udp: { port: application.port('udp'), localPort: await freePort() },
      tcp: { port: application.port('tcp'), localPort: await freePort(), transport: 'tcp' },
      tls: { port: proxy.port, localPort: await freePort() },
      'udp over IPv6': {
        host: '::1',
        port: application.port('udp', '::1'),
        localPort: await freePort(),
        keys: V6,
      },
      'tcp over IPv6': {
        host: '::1',
        port: application.port('tcp', '::1'),
        localPort: await freePort(),
        transport: 'tcp',
        keys: V6,
      },
    };
  });

  beforeEach(() => application.forget());

  for (const [what, scenario, service] of [
    ['takes calls', 'call', 'ring'],
    ['takes requests in a dialog', 'in-dialog', 'answer'],
    ['sends requests in a dialog', 'callee-acts', 'acts'],
    ['ends calls given up', 'cancel-ringing', 'rings'],
    ['takes subscriptions', 'subscription', 'somebody'],
  ] as const) {
    it(`${what} over all at once`, async () => {
      const runs = Object.entries(clients).map(async ([name, client]) => {
        const run = { scenario: `engine-${scenario}.xml`, calls: CALLS, ratePerSecond: RATE, service };
        const { successful, failed, errors } = await runSipp({ ...run, keys: V4, ...client });
        return { name, successful, failed, errors: errors };
      });
      for (const { name, errors, ...result } of await Promise.all(runs)) {
        expect(result, `${name}: ${errors}`).to.deep.equal({ successful: CALLS, failed: 0 });
      }
      expect(application.failures).to.deep.equal([]);
    });
  }

  it('says nothing that Kamailio finds fault with', () => {
    expect(proxy.log()).not.to.include('SANITY');
  });

  capturedThroughout(() => [
    ...application.engine.sip.filter(({ protocol }) => protocol !== 'tls').map(({ port }) => port),
    proxy.port,
    ...Object.values(clients).flatMap(({ localPort }) => localPort ?? []),
  ]);
});
