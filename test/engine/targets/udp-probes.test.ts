import { expect } from 'chai';
import { TARGET_LIMITS } from '../../../src/engine/targets/limits.ts';
import { UdpProbes } from '../../../src/engine/targets/udp-probes.ts';
import type { Endpoint } from '../../../src/engine/transport/transport.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';
import { RawSipClient } from '../../doubles/raw-sip-client.ts';

const at = (port: number): Endpoint => ({ protocol: 'udp', address: '127.0.0.1', port });

describe('a UDP address that says nothing', () => {
  let clock: FakeClock;
  let probes: UdpProbes;

  beforeEach(() => {
    clock = new FakeClock();
    probes = new UdpProbes(clock);
  });

  afterEach(() => {
    probes.close();
    expect(clock.pendingTimers, 'timers left').to.equal(0);
  });

  it('is known to be dead by the ICMP of its host, and else after a while to be unknown', async () => {
    const peer = await RawSipClient.connect('udp', 9);
    const { port } = peer;
    const asked = probes.isRefused(at(port));
    await clock.advance(TARGET_LIMITS.probe);
    expect(await asked).to.equal(false);
    await peer.close();
    expect(await probes.isRefused(at(port))).to.equal(true);
  });

  it('flood: only so many are asked at one time, and none any longer than the engine runs', async () => {
    const peer = await RawSipClient.connect('udp', 9);
    const asked = Array.from({ length: TARGET_LIMITS.probes }, () => probes.isRefused(at(peer.port)));
    expect(await probes.isRefused(at(peer.port)), 'one more').to.equal(false);
    probes.close();
    expect(new Set(await Promise.all(asked))).to.deep.equal(new Set([false]));
    await peer.close();
  });
});
