import { expect } from 'chai';

import { EngineApplication, paced } from './engine-application.ts';
import type { Callee } from './engine-application.ts';
import { freePort } from './ports.ts';
import { releasedAfter } from './release.ts';
import { requirePeer } from './require-peer.ts';
import { startSipp } from './sipp.ts';
import { capturedThroughout } from './tshark.ts';

const CALLS = 200;
const RATE = 150;
const KEYS = { address: 'IP4 127.0.0.1' };

/** What the callee plays, what the application does, and how that comes out. */
interface Case {
  what: string;
  scenario: string;
  act: (application: EngineApplication, callee: Callee, index: number) => Promise<number | undefined>;
  outcome: string;
}

const CASES: readonly Case[] = [
  {
    what: 'calls: INVITE, ACK, BYE',
    scenario: 'called',
    act: (application, callee) => application.call(callee),
    outcome: 'done',
  },
  {
    what: 'calls without an offer, and answers in the ACK',
    scenario: 'called-late-offer',
    act: (application, callee) => application.callWithoutOffer(callee),
    outcome: 'done',
  },
  {
    what: 'sends re-INVITE, UPDATE, INFO and BYE',
    scenario: 'called-in-dialog',
    act: (application, callee) => application.callAndAct(callee),
    outcome: 'done',
  },
  {
    what: 'takes re-INVITE, UPDATE, INFO and BYE of the callee',
    scenario: 'called-acts',
    act: (application, callee) => application.callAndWait(callee),
    outcome: 'done',
  },
  {
    what: 'gives up calls that ring',
    scenario: 'called-cancel',
    act: (application, callee) => application.callAndCancel(callee, 'when it rings'),
    outcome: '487',
  },
  {
    what: 'gives up calls that do not ring yet, once a 100 came',
    scenario: 'called-cancel-trying',
    act: (application, callee) => application.callAndCancel(callee, 'at once'),
    outcome: '487',
  },
  {
    what: 'hangs up calls that are answered just when they are given up',
    scenario: 'called-cancel-crossing',
    act: (application, callee) => application.callAndCancel(callee, 'when it rings'),
    outcome: '200',
  },
  {
    what: 'acknowledges a refusal of itself',
    scenario: 'called-busy',
    act: (application, callee) => application.callInVain(callee),
    outcome: '486',
  },
  {
    what: 'sends MESSAGE, OPTIONS and PUBLISH',
    scenario: 'called-requests',
    act: async (application, callee, index) => {
      const headers = { 'Call-ID': `requests-${index}@example.test` };
      const text = { ...headers, 'Content-Type': 'text/plain' };
      await application.ask(callee, { method: 'MESSAGE', headers: text, body: 'hello' });
      await application.ask(callee, { method: 'OPTIONS', headers: { ...headers, CSeq: '2 OPTIONS' } });
      const publication = { ...text, CSeq: '3 PUBLISH', Event: 'message-summary', Expires: '60' };
      return await application.ask(callee, { method: 'PUBLISH', headers: publication, body: 'hello' });
    },
    outcome: '200',
  },
  {
    what: 'subscribes, takes notifications, and ends it',
    scenario: 'called-subscription',
    act: (application, callee) => application.subscribe(callee),
    outcome: 'done',
  },
];

describe('the engine calling a real SIPp', function () {
  this.timeout(30_000);
  requirePeer('sipp');
  const release = releasedAfter();
  let application: EngineApplication;
  let sipp: number;

  before(async () => {
    sipp = await freePort();
    application = await EngineApplication.start();
    release(() => application.close());
  });

  beforeEach(() => application.forget());

  async function play({ scenario, act, outcome }: Case, transport: 'udp' | 'tcp' = 'udp'): Promise<void> {
    const callee = await startSipp({
      scenario: `engine-${scenario}.xml`,
      localPort: sipp,
      calls: CALLS,
      ratePerSecond: RATE,
      transport,
      keys: KEYS,
    });
    release(() => callee.stop());
    const uri = `sip:sipp@127.0.0.1:${sipp}${transport === 'tcp' ? ';transport=tcp' : ''}`;
    const calling = paced(CALLS, RATE, (index) => act(application, { uri }, index));
    const [outcomes, result] = await Promise.all([calling, callee.result()]);
    expect(result, result.errors).to.include({ successful: CALLS, failed: 0 });
    expect(outcomes).to.deep.equal({ [outcome]: CALLS });
    expect(application.failures).to.deep.equal([]);
  }

  for (const each of CASES) it(each.what, () => play(each));

  capturedThroughout(() => [application.port('udp'), application.port('tcp'), sipp]);
});
