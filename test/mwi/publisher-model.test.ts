import { expect } from 'chai';
import fc from 'fast-check';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { MailboxCounts } from '../../src/mailbox/ports.ts';
import { MWI_LIMITS } from '../../src/mwi/limits.ts';
import { parseMessageSummary } from '../../src/im/message-summary.ts';
import { ACCOUNT, PublisherHarness, bodyOf, counts, user } from './publisher-harness.ts';
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
const BEACON = { target: ACCOUNT, every: 60_000 };

type Event =
  | { readonly kind: 'deposit' | 'read'; readonly mailbox: number }
  | { readonly kind: 'fault'; readonly fault: Fault }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'crash'; readonly sameNode: boolean }
  | { readonly kind: 'store'; readonly down: boolean }
  | { readonly kind: 'shortest'; readonly seconds: number }
  | { readonly kind: 'voice'; readonly mailbox: number; readonly fresh: number; readonly ms: number }
  | { readonly kind: 'alias'; readonly mailbox: number };

const mailbox = fc.integer({ min: 0, max: MAILBOXES - 1 });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constantFrom<Fault>({ kind: 'request-lost' }, { kind: 'answer-lost' }, { kind: 'state-lost' }),
  fc.record({
    kind: fc.constantFrom('delayed' as const, 'slow' as const),
    // Some answers come in another order than their requests left, some requests when they were given up.
    ms: fc.constantFrom(10, 200, 1_500, 31_000, 45_000),
  }),
  fc.record({
    kind: fc.constant('answer' as const),
    status: fc.constantFrom(412, 500, 503, 408, 404, 401, 489, 423),
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
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('voice' as const),
      mailbox,
      fresh: fc.integer({ min: 0, max: 3 }),
      ms: fc.constantFrom(1_000, 400_000, 100_000_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('alias' as const), mailbox }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('shortest' as const), seconds: fc.constantFrom(0, 900, 2_400) }),
  },
);

/** What is true of one mailbox. */
interface Truth {
  readonly counts: MailboxCounts;
  readonly voice: { readonly fresh: number; readonly until: number } | null;
}

const NOTHING: Truth = { counts: counts(0), voice: null };
const voiceBody = (fresh: number): string =>
  `Messages-Waiting: ${fresh > 0 ? 'yes' : 'no'}\r\nMessage-Account: sip:vm@example.com\r\nVoice-Message: ${fresh}/0\r\n`;

/** One story: what happens to the mailboxes, the publisher and the presence server. */
class Story {
  readonly harness = new PublisherHarness();
  readonly truth = new Map<number, Truth>();
  readonly #aliases = new Map<string, number>();
  #node = 1;
  #current: Incarnation;

  constructor() {
    this.harness.server.expires.longest = LONGEST_LIFE / 1000;
    this.#current = this.#start();
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

  /** What each lamp should say now. */
  *lamps(): Iterable<readonly [target: string, body: string]> {
    for (const [index, { counts: texts, voice }] of this.truth) {
      const fresh = voice !== null && voice.until > this.harness.clock.now() ? voice.fresh : 0;
      // A voicemail that is heard of no more counts as empty, and its account is no longer named.
      const stands = voice !== null && voice.until > this.harness.clock.now();
      const spoken = voiceBody(fresh).replace(stands ? /^$/ : /Message-Account.*\r\n/, '');
      const body = bodyOf(texts, voice === null ? null : parseMessageSummary(spoken));
      yield [user(index).toString(), body];
      for (const [alias, owner] of this.#aliases) if (owner === index) yield [alias, body];
    }
  }

  #start(): Incarnation {
    return this.harness.start({ node: `node-${this.#node}`, expires: EXPIRES, beacon: BEACON });
  }

  async #happen(one: Event): Promise<void> {
    const { harness } = this;
    switch (one.kind) {
      case 'deposit':
      case 'read':
        this.#change(one.mailbox, one.kind);
        return;
      case 'voice':
        this.#voice(one.mailbox, one.fresh, one.ms);
        return;
      case 'alias':
        this.#alias(one.mailbox);
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
        this.#current = this.#start();
        return;
      case 'store':
        harness.store.down = one.down;
        return;
      case 'shortest':
        harness.server.expires.shortest = one.seconds;
    }
  }

  #change(index: number, kind: 'deposit' | 'read'): void {
    const truth = this.truth.get(index) ?? NOTHING;
    const { new: fresh, old } = truth.counts;
    const after = kind === 'deposit' ? counts(fresh + 1, old) : counts(0, old + fresh);
    this.truth.set(index, { ...truth, counts: after });
    this.harness.store.change(user(index), after);
    this.#current.publisher.wake();
  }

  #voice(index: number, fresh: number, ms: number): void {
    const truth = this.truth.get(index) ?? NOTHING;
    const until = this.harness.clock.now() + ms;
    this.truth.set(index, { ...truth, voice: { fresh, until } });
    this.harness.store.report(user(index), { body: voiceBody(fresh), until });
    this.#current.publisher.wake();
  }

  #alias(index: number): void {
    const alias = AddressOfRecord.parse(`sip:alias${this.#aliases.size}@example.com`);
    this.#aliases.set(alias.toString(), index);
    this.truth.set(index, this.truth.get(index) ?? NOTHING);
    this.harness.store.alias(user(index), alias);
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
        for (const [target, body] of story.lamps()) {
          expect(server.published(target), 'what was published').to.equal(body);
        }

        await story.calm(2 * LONGEST_LIFE);
        for (const [target, body] of story.lamps()) {
          expect(server.lamp(target), 'what the phone was last told').to.equal(body);
          expect(server.living(target), 'what a phone is told from now on').to.include(body);
          expect(store.state(AddressOfRecord.parse(target)).failures).to.equal(0);
        }
        expect(server.most.one).to.be.at.most(1);
        // In calm a mailbox is published now and then: what was left over, a 412, a 423, refreshes, a restoration.
        const lamps = [...story.lamps()].length;
        const beacons = (PAUSES + 2 * LONGEST_LIFE) / BEACON.every;
        expect(server.requests.length - before).to.be.at.most(lamps * 20 + beacons + 20);
        // Every PUBLISH is owed to something that happened, never to the one before it.
        const minutes = clock.now() / 60_000 - Date.UTC(2026, 0, 1) / 60_000;
        const others = server.requests.filter(({ target }) => !target.equals(ACCOUNT)).length;
        expect(others).to.be.at.most(events.length * (6 + lamps) + lamps * (minutes / 4 + 14));
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
    const others = server.requests.filter(({ target }) => !target.equals(ACCOUNT));
    expect(others.length).to.be.at.most(30 * 4);
    await story.calm(PAUSES);
    expect(server.lamp(user(0).toString())).to.equal(bodyOf(counts(30)));
    await story.end();
  });
});
