import { expect } from 'chai';

import { EngineApplication } from './engine-application.ts';
import { freePort } from './ports.ts';
import { releasedAfter } from './release.ts';
import { requirePeer } from './require-peer.ts';
import { runSipp } from './sipp.ts';
import type { SippResult, SippRun } from './sipp.ts';
import { capturedThroughout } from './tshark.ts';

const CALLS = 200;
const RATE = 150;
const KEYS = { address: 'IP4 127.0.0.1' };
const NORMAL = 'over: normal release';

/**
 * Of two events that reach drachtio-srf in one read the application may miss the first: it is told of a dialog a turn later.
 * SIPp counts the answers to all of them.
 */
const SEEN_AT_LEAST = 0.7 * CALLS;

/** What SIPp plays, whom it calls, and what the application then saw, per call. */
interface Case {
  what: string;
  scenario: string;
  service: string;
  told: Readonly<Record<string, number>>;
}

const ANSWERED: readonly Case[] = [
  {
    what: 'takes calls: INVITE, ACK, BYE',
    scenario: 'call',
    service: 'answer',
    told: { INVITE: 1, ack: 1, [NORMAL]: 1 },
  },
  {
    what: 'takes calls that ring first',
    scenario: 'call',
    service: 'ring',
    told: { INVITE: 1, ack: 1, [NORMAL]: 1 },
  },
  {
    what: 'takes calls without an offer, whose answer is in the ACK',
    scenario: 'late-offer',
    service: 'answer',
    told: { INVITE: 1, 'ack with SDP': 1, [NORMAL]: 1 },
  },
  {
    what: 'takes re-INVITE, UPDATE, INFO, MESSAGE and OPTIONS in a dialog',
    scenario: 'in-dialog',
    service: 'answer',
    told: { INVITE: 1, ack: 2, modify: 1, update: 1, info: 1, message: 1, options: 1, [NORMAL]: 1 },
  },
  {
    what: 'sends re-INVITE, UPDATE, INFO and BYE in a dialog',
    scenario: 'callee-acts',
    service: 'acts',
    told: { INVITE: 1, ack: 1, acted: 1 },
  },
  {
    what: 'ends calls given up after the 100',
    scenario: 'cancel-trying',
    service: 'silent',
    told: { INVITE: 1, cancel: 1 },
  },
  {
    what: 'ends calls given up after the 180',
    scenario: 'cancel-ringing',
    service: 'rings',
    told: { INVITE: 1, cancel: 1 },
  },
  {
    what: 'lets calls stand whose CANCEL comes after the 200',
    scenario: 'cancel-too-late',
    service: 'answer',
    told: { INVITE: 1, ack: 1, [NORMAL]: 1 },
  },
  {
    what: 'refuses calls, once',
    scenario: 'refused',
    service: 'busy',
    told: { INVITE: 1 },
  },
  {
    what: 'answers a second BYE with 481',
    scenario: 'late-bye',
    service: 'answer',
    told: { INVITE: 1, ack: 1, [NORMAL]: 1 },
  },
  {
    what: 'ends calls by a BYE that comes before the ACK',
    scenario: 'early-bye',
    service: 'answer',
    told: { INVITE: 1, [NORMAL]: 1 },
  },
  {
    what: 'answers MESSAGE, OPTIONS, REGISTER and PUBLISH',
    scenario: 'requests',
    service: 'somebody',
    told: { MESSAGE: 1, OPTIONS: 1, REGISTER: 1, PUBLISH: 1 },
  },
  {
    what: 'takes subscriptions, notifies, and ends them',
    scenario: 'subscription',
    service: 'somebody',
    told: { notified: 1 },
  },
  {
    what: 'refuses requests in a dialog that are out of order, and the dialog stands',
    scenario: 'out-of-order',
    service: 'answer',
    told: { INVITE: 1, ack: 1, info: 1, [NORMAL]: 1 },
  },
  {
    what: 'refuses what nobody understands, by the right status',
    scenario: 'not-understood',
    service: 'somebody',
    told: {},
  },
];

describe('the engine called by a real SIPp', function () {
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

  async function play({ scenario, service }: Case, more: Partial<SippRun> = {}): Promise<SippResult> {
    const result = await runSipp({
      scenario: `engine-${scenario}.xml`,
      port: application.port(more.transport ?? 'udp'),
      localPort: sipp,
      calls: CALLS,
      ratePerSecond: RATE,
      service,
      keys: KEYS,
      ...more,
    });
    expect(result, result.errors).to.include({ successful: more.calls ?? CALLS, failed: 0 });
    return result;
  }

  for (const each of ANSWERED) {
    it(each.what, async () => {
      await play(each);
      expect(Object.keys(application.counts())).to.have.members(Object.keys(each.told));
      for (const [what, perCall] of Object.entries(each.told)) {
        const seen = application.count(what);
        const least = what === 'INVITE' ? CALLS : SEEN_AT_LEAST;
        expect(seen, what).to.be.within(least * perCall, CALLS * perCall);
      }
      expect(application.failures).to.deep.equal([]);
    });
  }

  it('ends calls given up at the moment they are answered, one way or the other', async () => {
    await play({ what: '', scenario: 'cancel-race', service: 'race', told: {} });
    expect(application.count('INVITE')).to.equal(CALLS);
    expect(application.failures).to.deep.equal([]);
  });

  capturedThroughout(() => [application.port('udp'), application.port('tcp'), sipp]);
});
