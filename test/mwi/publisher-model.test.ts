import { expect } from 'chai';
import fc from 'fast-check';
import type { MailboxCounts } from '../../src/mailbox/ports.ts';
import { MWI_LIMITS } from '../../src/mwi/limits.ts';
import { PublisherHarness, bodyOf, counts, user } from './publisher-harness.ts';
import type { Incarnation } from './publisher-harness.ts';
import type { Fault } from './scripted-presence-server.ts';

const MAILBOXES = 3;
/**
 * Longest life of a publication here, ms. Only its refresh shows that the server forgot it; and one whose tag was lost in a
 * crash lapses unseen, which the refresh after it mends.
 */
const LONGEST_LIFE = 2_400_000;
/** What is asked for, seconds. */
const EXPIRES = 1_800;
/** Longer than any pause the publisher takes, and shorter than the time to any refresh. */
const PAUSES = MWI_LIMITS.claim + MWI_LIMITS.stoppedRetry * 1.2 + 120_000;

type Event =
  | { readonly kind: 'deposit' | 'read'; readonly mailbox: number }
  | { readonly kind: 'fault'; readonly fault: Fault }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'crash'; readonly sameNode: boolean }
  | { readonly kind: 'store'; readonly down: boolean }
  | { readonly kind: 'shortest'; readonly seconds: number };

const mailbox = fc.integer({ min: 0, max: MAILBOXES - 1 });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constantFrom<Fault>({ kind: 'request-lost' }, { kind: 'answer-lost' }, { kind: 'state-lost' }),
  fc.record({
    kind: fc.constant('answer' as const),
    status: fc.constantFrom(412, 500, 503, 408, 404, 423),
    retryAfter: fc.constantFrom(0, 1, 30),
  }),
);
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('deposit' as const, 'read' as const), mailbox }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('fault' as const), fault }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('time' as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(2_000, 40_000, 700_000)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), sameNode: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('store' as const), down: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('shortest' as const), seconds: fc.constantFrom(0, 900, 2_400) }),
  },
);

/** One story: what happens to the mailboxes, the publisher and the presence server. */
class Story {
  readonly harness = new PublisherHarness();
  readonly truth = new Map<number, MailboxCounts>();
  #node = 1;
  #current: Incarnation;

  constructor() {
    this.harness.server.expires.longest = LONGEST_LIFE / 1000;
    this.#current = this.harness.start({ node: 'node-1', expires: EXPIRES });
  }

  async play(events: readonly Event[]): Promise<void> {
    for (const one of events) await this.#happen(one);
  }

  /** Nothing goes wrong any more. */
  async calm(ms: number): Promise<void> {
    this.harness.store.down = false;
    this.harness.server.script.length = 0;
    await this.harness.clock.advance(ms);
  }

  async end(): Promise<void> {
    const stopped = this.#current.publisher.stop();
    await this.harness.clock.advance(MWI_LIMITS.stopDeadline);
    await stopped;
  }

  async #happen(one: Event): Promise<void> {
    const { harness } = this;
    switch (one.kind) {
      case 'deposit':
      case 'read':
        this.#change(one.mailbox, one.kind);
        return;
      case 'fault':
        harness.server.script.push(one.fault);
        return;
      case 'time':
        await harness.clock.advance(one.ms);
        return;
      case 'crash':
        this.#current.kill();
        if (!one.sameNode) this.#node++;
        this.#current = harness.start({ node: `node-${this.#node}`, expires: EXPIRES });
        return;
      case 'store':
        harness.store.down = one.down;
        return;
      case 'shortest':
        harness.server.expires.shortest = one.seconds;
    }
  }

  #change(index: number, kind: 'deposit' | 'read'): void {
    const before = this.truth.get(index) ?? counts(0);
    const after =
      kind === 'deposit' ? counts(before.new + 1, before.old) : counts(0, before.old + before.new);
    this.truth.set(index, after);
    this.harness.store.change(user(index), after);
    this.#current.publisher.wake();
  }
}

describe('publisher, whatever happens', () => {
  it('shows the true counts in the end, with one PUBLISH in flight and no loops', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 40 }), async (events) => {
        const story = new Story();
        await story.play(events);
        const { server, store, clock } = story.harness;
        const before = server.requests.length;
        await story.calm(PAUSES);
        for (const [index, mailboxCounts] of story.truth) {
          expect(server.published(user(index).toString()), 'what was published').to.equal(
            bodyOf(mailboxCounts),
          );
        }

        await story.calm(2 * LONGEST_LIFE);
        for (const [index, mailboxCounts] of story.truth) {
          const target = user(index).toString();
          expect(server.lamp(target), 'what the phone was last told').to.equal(bodyOf(mailboxCounts));
          expect(server.living(target), 'what a phone is told from now on').to.include(bodyOf(mailboxCounts));
          expect(store.state(user(index)).failures).to.equal(0);
        }
        expect(server.most.one).to.be.at.most(1);
        // In calm a mailbox is published now and then: what was left over, a 412, a 423, refreshes, a restoration.
        expect(server.requests.length - before).to.be.at.most(story.truth.size * 20);
        // Every PUBLISH is owed to something that happened, never to the one before it.
        const minutes = clock.now() / 60_000 - Date.UTC(2026, 0, 1) / 60_000;
        expect(server.requests.length).to.be.at.most(events.length * 4 + MAILBOXES * (minutes / 4 + 12));
        await story.end();
        expect(clock.pendingTimers).to.equal(0);
      }),
      { numRuns: 150 },
    );
  });

  it('does not loop when every tag turns out stale', async () => {
    const story = new Story();
    const { server, clock } = story.harness;
    const isStale = (): void => {
      server.script.length = 0;
      for (let index = 0; index < 50; index++) {
        // Conditional requests meet a server without memory, initial ones a good one.
        server.script.push({ kind: 'state-lost' });
      }
    };
    for (let minute = 0; minute < 30; minute++) {
      isStale();
      await story.play([{ kind: 'deposit', mailbox: 0 }]);
      await clock.advance(60_000);
    }
    server.script.length = 0;
    expect(server.requests.length).to.be.at.most(30 * 2);
    await story.calm(PAUSES);
    expect(server.lamp(user(0).toString())).to.equal(bodyOf(counts(30)));
    await story.end();
  });
});
