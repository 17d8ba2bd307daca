import { expect } from 'chai';
import { MWI_LIMITS } from '../../src/mwi/limits.ts';
import { parseMessageSummary } from '../../src/im/message-summary.ts';
import { ACCOUNT, ALICE, PublisherHarness, SETTINGS, bodyOf, counts, user } from './publisher-harness.ts';
import type { Incarnation } from './publisher-harness.ts';

describe('publisher', () => {
  let harness: PublisherHarness;
  const running: Incarnation[] = [];

  function start(options?: Parameters<PublisherHarness['start']>[0]): Incarnation {
    const incarnation = harness.start(options);
    running.push(incarnation);
    return incarnation;
  }

  /** Stops a publisher while the clock goes on. */
  async function stop({ publisher, isAlive }: Incarnation): Promise<void> {
    if (!isAlive()) return;
    const stopped = publisher.stop();
    await harness.clock.advance(MWI_LIMITS.stopDeadline);
    await stopped;
  }

  const lamp = (): string | undefined => harness.server.lamp(ALICE.toString());

  beforeEach(() => {
    harness = new PublisherHarness();
  });

  afterEach(async () => {
    for (const incarnation of running.splice(0)) await stop(incarnation);
  });

  it('publishes the full summary as soon as it is woken', async () => {
    const { publisher } = start();
    await harness.clock.advance(10_500);
    harness.store.change(ALICE, counts(1));
    publisher.wake();
    await harness.clock.advance(0);
    expect(harness.server.requests).to.have.length(1);
    expect(harness.server.requests[0]).to.include({
      entityTag: null,
      expires: 3600,
      body: bodyOf(counts(1)),
    });
    await harness.clock.advance(10);
    expect(harness.store.state(ALICE)).to.include({ entityTag: 'tag-1', publishedVersion: 1, failures: 0 });
  });

  it('publishes at once though the clock of the machine was put back an hour', async () => {
    const { publisher } = start();
    await harness.clock.advance(10_500);
    harness.clock.putBack(3_600_000);
    harness.store.change(ALICE, counts(1));
    publisher.wake();
    await harness.clock.advance(1_000);
    expect(harness.server.requests).to.have.length(1);
  });

  it('publishes what an earlier run left, without being woken', async () => {
    harness.store.change(ALICE, counts(3));
    start();
    await harness.clock.advance(10);
    expect(lamp()).to.equal(bodyOf(counts(3)));
  });

  it('notices what other nodes wrote within a second', async () => {
    start();
    await harness.clock.advance(10_000);
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(MWI_LIMITS.pollCeiling + 10);
    expect(lamp()).to.equal(bodyOf(counts(1)));
  });

  it('asks an idle store no more than a few times a second', async () => {
    start();
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(1_000);
    const before = harness.store.calls.claimDue + harness.store.calls.nextDueAt;
    await harness.clock.advance(60_000);
    expect(harness.store.calls.claimDue + harness.store.calls.nextDueAt - before).to.be.at.most(130);
  });

  it('keeps one PUBLISH in flight for a mailbox; the newest counts go next', async () => {
    harness.server.roundTrip = 500;
    const { publisher } = start();
    for (let fresh = 1; fresh <= 5; fresh++) {
      harness.store.change(ALICE, counts(fresh));
      publisher.wake();
      await harness.clock.advance(50);
    }
    await harness.clock.advance(2_000);
    expect(harness.server.requests.map(({ body }) => body)).to.deep.equal([
      bodyOf(counts(1)),
      bodyOf(counts(5)),
    ]);
    expect(harness.server.most.one).to.equal(1);
  });

  it('spends a handful of PUBLISHes on a burst of a thousand texts', async () => {
    const { publisher } = start();
    for (let fresh = 1; fresh <= 1_000; fresh++) {
      harness.store.change(ALICE, counts(fresh));
      publisher.wake();
      await harness.clock.advance(1);
    }
    await harness.clock.advance(1_000);
    expect(lamp()).to.equal(bodyOf(counts(1_000)));
    expect(harness.server.requests.length).to.be.at.most(6);
    const [first, second] = harness.server.requests;
    expect((second?.at ?? 0) - (first?.at ?? 0)).to.be.at.least(MWI_LIMITS.minGap);
    expect(harness.store.calls.claimDue).to.be.at.most(2_000 / MWI_LIMITS.claimGap + 20);
  });

  for (const maxInFlight of [64, 3]) {
    it(`keeps at most ${maxInFlight} in flight, and leaves none waiting`, async () => {
      for (let index = 0; index < 200; index++) harness.store.change(user(index), counts(1));
      harness.server.roundTrip = 20;
      start({ maxInFlight, rate: 10_000 });
      await harness.clock.advance((200 / maxInFlight + 4) * (MWI_LIMITS.claimGap + 20));
      expect(harness.server.requests).to.have.length(200);
      expect(harness.server.most).to.deep.equal({ one: 1, all: maxInFlight });
    });
  }

  it('keeps to the rate it is given', async () => {
    for (let index = 0; index < 4_000; index++) harness.store.change(user(index), counts(1));
    start({ rate: 100 });
    await harness.clock.advance(1_000);
    expect(harness.server.requests.length, 'a gentle start').to.be.within(20, 40);
    await harness.clock.advance(10_000);
    const before = harness.server.requests.length;
    await harness.clock.advance(10_000);
    expect(harness.server.requests.length - before).to.be.within(980, 1_020);
  });

  it('goes slower when the presence server answers late, and at full pace again when it recovered', async () => {
    for (let index = 0; index < 4_000; index++) harness.store.change(user(index), counts(1));
    start({ rate: 100 });
    const sent = async (ms: number): Promise<number> => {
      const before = harness.server.requests.length;
      await harness.clock.advance(ms);
      return harness.server.requests.length - before;
    };
    await sent(10_000);
    expect(await sent(5_000)).to.be.at.least(480);
    harness.server.roundTrip = 3 * MWI_LIMITS.pace.slowAnswer;
    await sent(5_000);
    expect(await sent(5_000)).to.be.at.most(100);
    harness.server.roundTrip = 5;
    await sent(20_000);
    expect(await sent(5_000)).to.be.at.least(480);
  });

  it('keeps its pace with a presence server that is far away and steady', async () => {
    for (let index = 0; index < 3_000; index++) harness.store.change(user(index), counts(1));
    harness.server.roundTrip = 300;
    start({ rate: 100 });
    await harness.clock.advance(12_000);
    const before = harness.server.requests.length;
    await harness.clock.advance(5_000);
    expect(harness.server.requests.length - before).to.be.at.least(480);
  });

  it('does not keep a new text waiting behind a long queue of refreshes', async () => {
    for (let index = 0; index < 5_000; index++) harness.store.change(user(index), counts(1));
    await harness.clock.advance(60_000);
    const { publisher } = start({ rate: 100 });
    await harness.clock.advance(1_000);
    harness.store.change(ALICE, counts(1));
    publisher.wake();
    await harness.clock.advance(100);
    expect(lamp()).to.equal(bodyOf(counts(1)));
  });

  it('does not let a few mailboxes without answer hold up the others', async () => {
    for (let index = 0; index < 15; index++) harness.server.script.push({ kind: 'request-lost' });
    for (let index = 0; index < 60; index++) harness.store.change(user(index), counts(1));
    start({ maxInFlight: 16 });
    // One hand is left for the other 45.
    await harness.clock.advance(50 * MWI_LIMITS.claimGap);
    expect(harness.server.requests).to.have.length(60);
  });

  it('refreshes with the body and the tag before the publication lapses', async () => {
    harness.server.expires.longest = 600;
    start();
    harness.store.change(ALICE, counts(2));
    await harness.clock.advance(3_600_000);
    const [first, ...refreshes] = harness.server.requests;
    expect(first?.entityTag).to.equal(null);
    expect(refreshes.length).to.be.within(6, 9);
    refreshes.forEach((request, index) => {
      expect(request).to.include({ entityTag: `tag-${index + 1}`, body: bodyOf(counts(2)) });
    });
    expect(harness.server.living(ALICE.toString())).to.deep.equal([bodyOf(counts(2))]);
  });

  it('goes on with the tag of an earlier run after a restart', async () => {
    const first = start();
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(100);
    await stop(first);
    const second = start();
    harness.store.change(ALICE, counts(2));
    second.publisher.wake();
    await harness.clock.advance(100);
    expect(harness.server.requests.map(({ entityTag }) => entityTag)).to.deep.equal([null, 'tag-1']);
  });

  it('clears the lamp with a body that says no, and keeps it alive', async () => {
    const { publisher } = start();
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(200);
    harness.store.change(ALICE, counts(0, 1));
    publisher.wake();
    await harness.clock.advance(6 * 3_600_000);
    expect(lamp()).to.equal(bodyOf(counts(0, 1)));
    expect(harness.server.living(ALICE.toString())).to.deep.equal([bodyOf(counts(0, 1))]);
  });

  it('publishes the full state once under a fresh tag after 412', async () => {
    const { publisher } = start();
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(200);
    harness.server.script.push({ kind: 'state-lost' });
    harness.store.change(ALICE, counts(2));
    publisher.wake();
    await harness.clock.advance(60_000);
    expect(harness.server.requests.map(({ entityTag }) => entityTag)).to.deep.equal([null, 'tag-1', null]);
    expect(lamp()).to.equal(bodyOf(counts(2)));
  });

  it('shows the truth again soon after a publication lapsed whose tag was in a lost answer', async () => {
    harness.server.expires.longest = 600;
    harness.server.script.push({ kind: 'answer-lost' });
    start();
    harness.store.change(ALICE, counts(1));
    let wrong = 0;
    for (let second = 0; second < 3_600; second++) {
      await harness.clock.advance(1_000);
      if (lamp() !== bodyOf(counts(1))) wrong++;
    }
    expect(harness.server.requests.filter(({ entityTag }) => entityTag === null)).to.have.length(2);
    // The server notices a lapse 100 s late; we publish again 150 s after it.
    expect(wrong).to.be.within(1, 90);
  });

  it('asks every mailbox’s publication to live as long as 423 said', async () => {
    harness.server.expires.shortest = 7_200;
    harness.server.expires.longest = 86_400;
    start();
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(100);
    harness.store.change(user(1), counts(1));
    await harness.clock.advance(2_000);
    expect(harness.server.requests.map(({ expires }) => expires)).to.deep.equal([3600, 7200, 7200]);
  });

  it('tells the operator once what is wrong when the presence server refuses, and tries again slowly', async () => {
    for (let index = 0; index < 100; index++) harness.server.script.push({ kind: 'answer', status: 489 });
    start();
    for (let index = 0; index < 3; index++) harness.store.change(user(index), counts(1));
    await harness.clock.advance(30 * 60_000);
    expect(harness.errors).to.have.length(1);
    expect(harness.errors[0]).to.include({ status: 489 });
    expect(harness.errors[0]?.['advice']).to.match(/message-summary/);
    expect(harness.server.requests.length).to.be.within(9, 21);
  });

  it('sends nothing at all while 503 asks for a pause', async () => {
    harness.server.script.push({ kind: 'answer', status: 503, retryAfter: 60 });
    const { publisher } = start();
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(2_000);
    harness.store.change(user(1), counts(1));
    publisher.wake();
    await harness.clock.advance(55_000);
    expect(harness.server.requests).to.have.length(1);
    await harness.clock.advance(20_000);
    expect(harness.server.requests).to.have.length(3);
  });

  it('outlives a sender that rejects or never answers', async () => {
    let calls = 0;
    start({
      sender: {
        publish: (request) => {
          calls++;
          if (calls === 1) return Promise.reject(new Error('a defect of the sender'));
          return calls === 2 ? new Promise(() => undefined) : harness.server.publish(request);
        },
      },
    });
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(MWI_LIMITS.publishDeadline + 10_000);
    expect(lamp()).to.equal(bodyOf(counts(1)));
  });

  it('waits longer and longer for a store that is down, however often it is woken, and then goes on', async () => {
    const { publisher } = start();
    await harness.clock.advance(1_000);
    harness.store.down = true;
    const before = harness.store.calls.claimDue;
    for (let second = 0; second < 600; second++) {
      publisher.wake();
      await harness.clock.advance(100);
    }
    expect(harness.store.calls.claimDue - before).to.be.within(5, 40);
    harness.store.down = false;
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(MWI_LIMITS.storeBackoff.ceiling + 10);
    expect(lamp()).to.equal(bodyOf(counts(1)));
  });

  it('writes down the answer when the store fails for a moment, so that the tag is not lost', async () => {
    harness.server.roundTrip = 100;
    start();
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(1);
    expect(harness.store.claimants()).to.have.length(1);
    await harness.clock.advance(50);
    harness.store.down = true;
    await harness.clock.advance(5_000);
    harness.store.down = false;
    await harness.clock.advance(MWI_LIMITS.storeBackoff.ceiling);
    expect(harness.store.state(ALICE).entityTag).to.equal('tag-1');
    expect(harness.server.requests).to.have.length(1);
  });

  it('does not send under a claim that the store was slow to give', async () => {
    const { store, clock } = harness;
    store.change(ALICE, counts(1));
    let slow = true;
    const incarnation = start({
      store: {
        claimDue: async (...parameters) => {
          const claimed = await store.claimDue(...parameters);
          if (slow) await new Promise<void>((resolve) => clock.after(30_000, resolve));
          slow = false;
          return claimed;
        },
        settle: (...parameters) => store.settle(...parameters),
        nextDueAt: () => store.nextDueAt(),
        releaseClaims: (node) => store.releaseClaims(node),
        hasten: (...parameters) => store.hasten(...parameters),
        keepBeacon: (...parameters) => store.keepBeacon(...parameters),
        newestTexts: (...parameters) => store.newestTexts(...parameters),
      },
    });
    await clock.advance(29_990);
    expect(harness.server.requests).to.have.length(0);
    await clock.advance(1_000);
    expect(lamp()).to.equal(bodyOf(counts(1)));
    expect(harness.server.requests).to.have.length(1);
    await stop(incarnation);
  });

  it('stops after what is in flight, frees its claims and leaves no timer behind', async () => {
    harness.server.roundTrip = 1_000;
    const incarnation = start();
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(500);
    await stop(incarnation);
    expect(harness.store.state(ALICE).entityTag).to.equal('tag-1');
    expect(harness.store.claimants()).to.deep.equal([]);
    expect(harness.clock.pendingTimers).to.equal(0);
    incarnation.publisher.wake();
    harness.store.change(ALICE, counts(2));
    await harness.clock.advance(10_000);
    expect(harness.server.requests).to.have.length(1);
  });

  it('stops in bounded time when an answer does not come, and keeps that claim so that nobody sends beside it', async () => {
    harness.server.script.push({ kind: 'request-lost' });
    const incarnation = start();
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(100);
    await stop(incarnation);
    await harness.clock.advance(1_000);
    expect(harness.store.claimants()).to.deep.equal(['one']);
    start({ node: 'two' });
    await harness.clock.advance(40_000);
    expect(harness.server.requests).to.have.length(1);
    await harness.clock.advance(MWI_LIMITS.claim);
    expect(lamp()).to.equal(bodyOf(counts(1)));
    expect(harness.server.most.one).to.equal(1);
  });

  it('stops though the store is down', async () => {
    const incarnation = start();
    await harness.clock.advance(100);
    harness.store.down = true;
    await stop(incarnation);
    expect(harness.clock.pendingTimers).to.equal(0);
  });

  it('takes up at once what it had claimed before it was killed', async () => {
    harness.server.script.push({ kind: 'answer-lost' });
    const killed = start();
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(10);
    killed.kill();
    harness.store.change(ALICE, counts(2));
    start();
    await harness.clock.advance(100);
    expect(lamp()).to.equal(bodyOf(counts(2)));
  });

  it('takes over from a node that died once its claims have lapsed', async () => {
    const killed = start({ node: 'one' });
    start({ node: 'two' });
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(2 * MWI_LIMITS.claimGap);
    expect(harness.store.claimants()).to.deep.equal([]);
    await harness.clock.advance(MWI_LIMITS.minGap);
    harness.server.script.push({ kind: 'request-lost' });
    harness.store.change(ALICE, counts(2));
    killed.publisher.wake();
    await harness.clock.advance(10);
    expect(harness.store.claimants()).to.deep.equal(['one']);
    killed.kill();
    await harness.clock.advance(MWI_LIMITS.claim + MWI_LIMITS.pollCeiling + 10);
    expect(lamp()).to.equal(bodyOf(counts(2)));
  });

  it('lets two nodes share the work without ever sending two PUBLISHes for one mailbox', async () => {
    harness.server.roundTrip = 30;
    const nodes = [start({ node: 'one' }), start({ node: 'two' })];
    for (let round = 1; round <= 50; round++) {
      for (let index = 0; index < 10; index++) harness.store.change(user(index), counts(round));
      nodes[round % 2]?.publisher.wake();
      await harness.clock.advance(37);
    }
    await harness.clock.advance(2_000);
    expect(harness.server.most.one).to.equal(1);
    expect(harness.server.answers.every(({ kind }) => kind === 'accepted')).to.equal(true);
    for (let index = 0; index < 10; index++) {
      expect(harness.server.lamp(user(index).toString())).to.equal(bodyOf(counts(50)));
    }
  });

  it('lights the lamp of every alias, each with a publication of its own', async () => {
    const { publisher } = start();
    const desk = user(1001);
    harness.store.change(ALICE, counts(1));
    harness.store.alias(ALICE, desk);
    publisher.wake();
    await harness.clock.advance(1_000);
    harness.store.change(ALICE, counts(2));
    publisher.wake();
    await harness.clock.advance(1_000);
    for (const target of [ALICE, desk]) {
      expect(harness.server.living(target.toString())).to.deep.equal([bodyOf(counts(2))]);
    }
  });

  it('publishes voice and text in one body, and takes the voice away when its word ends', async () => {
    const { publisher } = start();
    const voice = 'Messages-Waiting: yes\r\nMessage-Account: sip:vm@example.com\r\nVoice-Message: 2/1\r\n';
    harness.store.change(ALICE, counts(1));
    harness.store.report(ALICE, { body: voice, until: harness.clock.now() + 60_000 });
    publisher.wake();
    await harness.clock.advance(1_000);
    const summary = parseMessageSummary(voice);
    expect(lamp())
      .to.equal(bodyOf(counts(1), summary))
      .and.to.include('Voice-Message: 2/1\r\n');
    harness.store.change(ALICE, counts(0, 1));
    publisher.wake();
    await harness.clock.advance(1_000);
    expect(lamp()).to.include('Messages-Waiting: yes').and.to.include('Message-Account: sip:vm@example.com');
    await harness.clock.advance(59_000);
    const silent = parseMessageSummary('Messages-Waiting: no\r\nVoice-Message: 0/0\r\n');
    expect(lamp()).to.equal(bodyOf(counts(0, 1), silent));
  });

  it('refreshes without body where the operator says so, and says everything that is new', async () => {
    harness.server.expires.longest = 600;
    const { publisher } = start({ refreshBody: false });
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(2_000_000);
    harness.store.change(ALICE, counts(2));
    publisher.wake();
    await harness.clock.advance(1_000);
    const bodies = harness.server.requests.map(({ body }) => body);
    expect(bodies[0]).to.equal(bodyOf(counts(1)));
    expect(bodies.at(-1)).to.equal(bodyOf(counts(2)));
    // Until an older publication, had there been one, must have lapsed, the body is repeated.
    expect(bodies.slice(3, -1)).to.include(null);
  });

  it('tells of the newest texts where the site wants it', async () => {
    harness.store.newest = [
      {
        author: 'sip:bob@example.com',
        authorName: 'Bob',
        subject: 'Lunch',
        receivedAt: 0,
        urgent: true,
        messageId: 'x',
      },
    ];
    start({ body: { ...SETTINGS, messageHeaders: new Set(['From', 'Subject']) } });
    harness.store.change(ALICE, counts(1));
    await harness.clock.advance(100);
    expect(lamp()).to.equal(
      `${bodyOf(counts(1))}\r\nFrom: "Bob" <sip:bob@example.com>\r\nSubject: Lunch\r\n`,
    );
  });
});

describe('publisher: a presence server that forgets everything, or is away', () => {
  const BEACON = { target: ACCOUNT, every: 20_000 };
  let harness: PublisherHarness;
  let incarnation: Incarnation;

  const lit = (count: number): number =>
    Array.from({ length: count }, (_, index) => harness.server.living(user(index).toString())).filter(
      (bodies) => bodies.length === 1,
    ).length;

  beforeEach(async () => {
    harness = new PublisherHarness();
    for (let index = 0; index < 50; index++) harness.store.change(user(index), counts(1));
    incarnation = harness.start({ beacon: BEACON });
    await harness.clock.advance(30_000);
  });

  afterEach(async () => {
    const stopped = incarnation.publisher.stop();
    await harness.clock.advance(MWI_LIMITS.stopDeadline);
    await stopped;
    expect(harness.clock.pendingTimers).to.equal(0);
  });

  it('is noticed by the beacon, and every living lamp is published anew', async () => {
    expect(lit(50)).to.equal(50);
    harness.server.forgetEverything();
    expect(lit(50)).to.equal(0);
    await harness.clock.advance(BEACON.every + 1_000);
    expect(lit(50)).to.equal(50);
    expect(harness.server.most.one).to.equal(1);
  });

  it('is noticed as well when it was away before, and came back empty', async () => {
    harness.server.away = true;
    await harness.clock.advance(60_000);
    harness.server.away = false;
    harness.server.forgetEverything();
    await harness.clock.advance(MWI_LIMITS.publishBackoff.ceiling + 33_000 + BEACON.every);
    expect(lit(50)).to.equal(50);
  });

  it('does not make a storm of it when that happens again and again', async () => {
    const before = harness.server.requests.length;
    for (let minute = 0; minute < 10; minute++) {
      for (let third = 0; third < 3; third++) {
        harness.server.forgetEverything();
        await harness.clock.advance(20_000);
      }
    }
    // Each time at most once a minute: a stale tag and a fresh publication for each lamp, and the beacon's own.
    expect(harness.server.requests.length - before).to.be.at.most(11 * 50 * 2 + 120);
    await harness.clock.advance(MWI_LIMITS.hastenGap + BEACON.every);
    expect(lit(50)).to.equal(50);
  });

  it('does not wait for each lamp’s back-off once it is back', async () => {
    harness.server.away = true;
    for (let index = 0; index < 50; index++) harness.store.change(user(index), counts(2));
    incarnation.publisher.wake();
    await harness.clock.advance(600_000);
    harness.server.away = false;
    // The first that gets through calls the others; the longest back-off is a minute, and a request may be on its way.
    await harness.clock.advance(MWI_LIMITS.publishBackoff.ceiling + 32_000);
    for (let index = 0; index < 50; index++) {
      expect(harness.server.published(user(index).toString())).to.equal(bodyOf(counts(2)));
    }
  });

  it('is not asked about the beacon when it refuses that one for good', async () => {
    harness.server.refused.add(ACCOUNT.toString());
    await harness.clock.advance(3_600_000);
    expect(harness.errors).to.deep.equal([]);
    expect(harness.store.state(ACCOUNT)).to.include({ failures: 0, refusedWith: null });
    const asked = harness.server.requests.filter(({ target }) => target.equals(ACCOUNT)).length;
    expect(asked).to.be.at.most(30);
  });
});
