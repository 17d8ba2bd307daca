import { expect } from 'chai';
import { MWI_LIMITS } from '../../src/mwi/limits.ts';
import { ALICE, PublisherHarness, bodyOf, counts, user } from './publisher-harness.ts';
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
    expect(harness.server.requests.length).to.be.at.most(12);
    const [first, second] = harness.server.requests;
    expect((second?.at ?? 0) - (first?.at ?? 0)).to.be.at.least(MWI_LIMITS.minGap);
    expect(harness.store.calls.claimDue).to.be.at.most(2_000 / MWI_LIMITS.claimGap + 20);
  });

  for (const maxInFlight of [undefined, 3]) {
    it(`keeps at most ${maxInFlight ?? 'the default of 16'} in flight, and leaves none waiting`, async () => {
      for (let index = 0; index < 200; index++) harness.store.change(user(index), counts(1));
      harness.server.roundTrip = 20;
      start(maxInFlight === undefined ? {} : { maxInFlight });
      await harness.clock.advance((200 / (maxInFlight ?? 16) + 2) * MWI_LIMITS.claimGap);
      expect(harness.server.requests).to.have.length(200);
      expect(harness.server.most).to.deep.equal({ one: 1, all: maxInFlight ?? 16 });
    });
  }

  it('works off a long queue at a steady pace that leaves room for deposits', async () => {
    for (let index = 0; index < 320; index++) harness.store.change(user(index), counts(1));
    start();
    // 16 in each look.
    await harness.clock.advance(10 * MWI_LIMITS.claimGap - 1);
    expect(harness.server.requests).to.have.length(160);
    await harness.clock.advance(10 * MWI_LIMITS.claimGap + 50);
    expect(harness.server.requests).to.have.length(320);
  });

  it('does not let a few mailboxes without answer hold up the others', async () => {
    for (let index = 0; index < 15; index++) harness.server.script.push({ kind: 'request-lost' });
    for (let index = 0; index < 60; index++) harness.store.change(user(index), counts(1));
    start();
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
    const holder = harness.store.claimants();
    expect(holder).to.deep.equal([]);
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
});
