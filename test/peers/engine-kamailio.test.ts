import { expect } from 'chai';

import { authority, certified } from '../doubles/certificates.ts';
import { EngineApplication, paced } from './engine-application.ts';
import type { Callee } from './engine-application.ts';
import { startKamailioProxy } from './kamailio-proxy.ts';
import type { KamailioProxy } from './kamailio-proxy.ts';
import { freePort } from './ports.ts';
import { releasedAfter } from './release.ts';
import { requirePeer } from './require-peer.ts';
import { runSipp, startSipp } from './sipp.ts';
import { capturedThroughout } from './tshark.ts';

const CALLS = 60;
const RATE = 100;
const KEYS = { address: 'IP4 127.0.0.1' };

/** What Kamailio found wrong with messages. */
function complaints(log: string): string[] {
  return log.split('\n').filter((line) => line.includes('SANITY'));
}

for (const protocol of ['tcp', 'tls'] as const) {
  describe(`the engine behind a Kamailio that records its route, over ${protocol}`, function () {
    this.timeout(40_000);
    requirePeer('sipp', 'kamailioTls');
    const release = releasedAfter();
    let application: EngineApplication;
    let proxy: KamailioProxy;
    let sipp: number;
    let callee: Callee;

    before(async () => {
      const ca = await authority();
      application = await EngineApplication.start({
        listen: [
          { protocol: 'udp', host: '127.0.0.1', port: 0 },
          { protocol: 'tcp', host: '127.0.0.1', port: 0 },
          { protocol: 'tls', host: '127.0.0.1', port: 0 },
        ],
        tls: { ...(await certified({ ip: '127.0.0.1' }, ca)), ca: ca.cert },
      });
      release(() => application.close());
      sipp = await freePort();
      const tlsPort = await freePort();
      proxy = await startKamailioProxy(`sip:127.0.0.1:${application.port(protocol)};transport=${protocol}`, {
        ...(await certified({ ip: '127.0.0.1' }, ca)),
        port: tlsPort,
      });
      release(() => proxy.stop());
      const port = protocol === 'tls' ? tlsPort : proxy.port;
      // SIPp is reached over UDP: the proxy changes transports, and so records two routes.
      callee = {
        uri: `sip:sipp@127.0.0.1:${sipp}`,
        proxy: `sip:127.0.0.1:${port};transport=${protocol}`,
      };
    });

    beforeEach(() => application.forget());

    /** SIPp calls through the proxy. */
    async function isCalled(scenario: string, service: string): Promise<void> {
      const run = { scenario: `engine-${scenario}.xml`, calls: CALLS, ratePerSecond: RATE, keys: KEYS };
      const result = await runSipp({ ...run, port: proxy.port, localPort: sipp, service });
      expect(result, result.errors).to.include({ successful: CALLS, failed: 0 });
      expect(application.failures).to.deep.equal([]);
    }

    /** SIPp is called through the proxy. */
    async function calls(
      scenario: string,
      act: () => Promise<number | undefined>,
      outcome: string,
    ): Promise<void> {
      const run = { scenario: `engine-${scenario}.xml`, calls: CALLS, ratePerSecond: RATE, keys: KEYS };
      const running = await startSipp({ ...run, localPort: sipp });
      release(() => running.stop());
      const [outcomes, result] = await Promise.all([paced(CALLS, RATE, act), running.result()]);
      expect(result, result.errors).to.include({ successful: CALLS, failed: 0 });
      expect(outcomes).to.deep.equal({ [outcome]: CALLS });
      expect(application.failures).to.deep.equal([]);
    }

    for (const [what, scenario, service] of [
      ['takes calls', 'call', 'ring'],
      ['takes re-INVITE, UPDATE, INFO and BYE', 'in-dialog', 'answer'],
      ['sends re-INVITE, UPDATE, INFO and BYE to who called', 'callee-acts', 'acts'],
      ['ends calls given up', 'cancel-ringing', 'rings'],
      ['refuses calls', 'refused', 'busy'],
      ['takes subscriptions and notifies', 'subscription', 'somebody'],
    ] as const) {
      it(what, () => isCalled(scenario, service));
    }

    it('calls', () => calls('called', () => application.call(callee), 'done'));

    it('calls without an offer', () =>
      calls('called-late-offer', () => application.callWithoutOffer(callee), 'done'));

    it('sends re-INVITE, UPDATE, INFO and BYE to who was called', () =>
      calls('called-in-dialog', () => application.callAndAct(callee), 'done'));

    it('takes re-INVITE, UPDATE, INFO and BYE of who was called', () =>
      calls('called-acts', () => application.callAndWait(callee), 'done'));

    it('gives up calls', () =>
      calls('called-cancel', () => application.callAndCancel(callee, 'when it rings'), '487'));

    it('acknowledges a refusal', () => calls('called-busy', () => application.callInVain(callee), '486'));

    it('subscribes and takes notifications', () =>
      calls('called-subscription', () => application.subscribe(callee), 'done'));

    it('goes on with its calls when the proxy was down for a while', async () => {
      const running = await startSipp({
        scenario: 'engine-called-info.xml',
        calls: 2,
        ratePerSecond: RATE,
        keys: KEYS,
        localPort: sipp,
      });
      release(() => running.stop());
      // The answer to an INFO says that the ACK before it was passed on.
      const call = await application.begin(callee);
      await call.request({ method: 'INFO' });
      await proxy.halt();
      expect(await application.callInVain(callee), 'nobody is there').to.equal(503);
      await proxy.resume();
      // Each makes its connection anew: a request of a call that stands, and a new call.
      await call.destroy();
      const next = await application.begin(callee);
      await next.request({ method: 'INFO' });
      await next.destroy();
      const result = await running.result();
      expect(result, result.errors).to.include({ successful: 2, failed: 0 });
      await isCalled('call', 'answer');
    });

    it('says nothing that Kamailio finds fault with', () => {
      expect(complaints(proxy.log())).to.deep.equal([]);
    });

    capturedThroughout(() => [application.port('udp'), application.port('tcp'), proxy.port, sipp]);
  });
}
