import { expect } from 'chai';

import type { DatagramRelay } from '../doubles/datagram-relay.ts';
import { startDatagramRelay } from '../doubles/datagram-relay.ts';
import { EngineApplication, paced } from './engine-application.ts';
import { freePort } from './ports.ts';
import { releasedAfter } from './release.ts';
import { requirePeer } from './require-peer.ts';
import { runSipp, startSipp } from './sipp.ts';
import type { SippResult } from './sipp.ts';
import { capturedThroughout } from './tshark.ts';

const CALLS = 200;
const RATE = 100;
const KEYS = { address: 'IP4 127.0.0.1' };

/** 64 times that is the time an ACK has, 6.4 s. */
const T1 = 100;

/** ms a call lasts, so that its last ACK is in time. */
const STAY = 2_500;

/** Loses of each call the first so many of each kind of message. */
function losing(first: Readonly<Record<string, number>>): (datagram: string) => boolean {
  const seen = new Map<string, number>();
  return (datagram) => {
    const [, number = '', method = ''] = /^CSeq: *(\d+) (\w+)/m.exec(datagram) ?? [];
    const status = /^SIP\/2\.0 (\d+)/.exec(datagram)?.[1];
    const kind = status === undefined ? method : `${status} ${method}`;
    const callId = /^Call-ID: *(\S+)/m.exec(datagram)?.[1] ?? '';
    const key = `${callId} ${number} ${kind}`;
    const times = (seen.get(key) ?? 0) + 1;
    seen.set(key, times);
    return times > (first[kind] ?? 0);
  };
}

describe('the engine over a wire that loses messages, with a real SIPp', function () {
  this.timeout(30_000);
  requirePeer('sipp');
  const release = releasedAfter();
  let application: EngineApplication;
  let sipp: number;
  let wire: DatagramRelay;

  before(async () => {
    sipp = await freePort();
    application = await EngineApplication.start({ timers: { t1: T1, t2: 8 * T1, t4: 10 * T1 } });
    release(() => application.close());
    wire = await startDatagramRelay();
    release(() => wire.close());
  });

  beforeEach(() => application.forget());

  async function play(
    scenario: string,
    args: readonly string[] = [],
    port = application.port('udp'),
  ): Promise<SippResult> {
    const result = await runSipp({
      scenario: `engine-${scenario}.xml`,
      port,
      localPort: sipp,
      calls: CALLS,
      ratePerSecond: RATE,
      service: 'answer',
      keys: KEYS,
      args,
      deadline: 25_000,
    });
    expect(result, result.errors).to.include({ successful: CALLS, failed: 0 });
    expect(application.count('INVITE'), 'a repeated INVITE is absorbed').to.equal(CALLS);
    return result;
  }

  it('repeats the 200 that nobody acknowledges, then hangs up and tells the application', async () => {
    const { repetitions } = await play('lost-ack');
    // After T1, then at intervals that double up to T2, for 64*T1: 1, 3, 7, 15, 23, 31, 39, 47, 55 and 63 times T1.
    expect(repetitions).to.be.within(CALLS * 8, CALLS * 10);
    expect(application.counts()).to.deep.equal({ INVITE: CALLS, 'over: ACK timeout': CALLS });
    expect(application.failures).to.deep.equal([]);
  });

  it('repeats the 200 until its ACK comes, and not after', async () => {
    const { repetitions } = await play('late-ack', ['-d', String(5 * T1)]);
    // At 1 and at 3 times T1.
    expect(repetitions).to.be.within(CALLS * 1.5, CALLS * 2.5);
    expect(application.count('ack')).to.equal(CALLS);
    expect(application.count('over: normal release')).to.be.within(CALLS * 0.8, CALLS);
  });

  it('gets the calls it takes through when INVITE, 200, ACK and BYE are lost at first', async () => {
    const lost = losing({ '200 INVITE': 3, ACK: 2, BYE: 1, '200 BYE': 1 });
    wire.server = application.port('udp');
    wire.letOut = lost;
    wire.letBack = lost;
    const { retransmissions } = await play('lossy-call', [], wire.port);
    // SIPp sends the INVITE once more, and the BYE twice; its ACKs it sends for each 200 that comes.
    expect(retransmissions).to.be.within(CALLS * 2, CALLS * 5);
    expect(application.count('over: ACK timeout')).to.equal(0);
    expect(application.failures).to.deep.equal([]);
  });

  it('gets the calls it makes through when INVITE, 200, ACK and BYE are lost at first', async () => {
    const lost = losing({ INVITE: 1, '200 INVITE': 2, ACK: 2, BYE: 1, '200 BYE': 1 });
    const callee = await startSipp({
      scenario: 'engine-called-lost.xml',
      localPort: sipp,
      calls: CALLS,
      ratePerSecond: RATE,
      keys: { ...KEYS, wire: String(wire.port) },
      deadline: 25_000,
    });
    release(() => callee.stop());
    wire.server = sipp;
    wire.letOut = lost;
    wire.letBack = lost;
    const calling = paced(CALLS, RATE, () =>
      application.callAndStay({ uri: `sip:sipp@127.0.0.1:${wire.port}` }, STAY),
    );
    const [outcomes, result] = await Promise.all([calling, callee.result()]);
    expect(result, result.errors).to.include({ successful: CALLS, failed: 0 });
    expect(outcomes).to.deep.equal({ done: CALLS });
    // The 200 to the INVITE twice for what was lost of it, and twice for the ACKs.
    expect(result.retransmissions).to.be.within(CALLS * 3, CALLS * 5);
  });

  capturedThroughout(() => [application.port('udp'), wire.port, sipp]);
});
