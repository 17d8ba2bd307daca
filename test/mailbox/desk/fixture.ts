import { AddressOfRecord } from '../../../src/core/address-of-record.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { noMetrics } from '../../../src/core/metrics.ts';
import { Deposits } from '../../../src/mailbox/deposit.ts';
import type { DeskOutcome } from '../../../src/mailbox/desk/desk.ts';
import { Desk } from '../../../src/mailbox/desk/desk.ts';
import type { Reply, ReplyAnswer } from '../../../src/mailbox/desk/reply.ts';
import { Replies } from '../../../src/mailbox/desk/reply.ts';
import type { Visit, Visitor } from '../../../src/mailbox/desk/visit.ts';
import { OwnerProfiles } from '../../../src/mailbox/owner-profiles.ts';
import { wordsOf } from '../../../src/mailbox/presentation.ts';
import { Retrievals } from '../../../src/mailbox/retrieval.ts';
import type { Store } from '../../../src/store/store.ts';
import { openStore } from '../../../src/store/store.ts';
import { seededRandom } from '../../doubles/seeded-random.ts';

export const ALICE = AddressOfRecord.parse('sip:alice@example.test');
export const BOB = AddressOfRecord.parse('sip:bob@example.test');
export const ACCOUNT = AddressOfRecord.parse('sip:mailbox@example.test');

/** 10:00 in Madrid, a Saturday. */
export const NOW = Date.UTC(2026, 10, 21, 9, 0);

/** A desk with a mailbox of its own, and what it said and handed over. */
export class DeskFixture {
  readonly store: Store;
  readonly desk: Desk;
  readonly retrievals: Retrievals;
  readonly profiles: OwnerProfiles;
  /** Texts that were handed over in `<>`, and what was said, in order. */
  readonly heard: string[] = [];
  readonly replies: Reply[] = [];
  replyAnswer: Omit<ReplyAnswer, 'transportId'> = { status: 200, reason: 'OK' };
  visitor: Visitor = { owner: ALICE, name: 'Alice', languages: [], hop: 'sip:127.0.0.1:5070' };
  now = NOW;
  readonly clock: Clock = { now: () => this.now, after: (delay, call) => systemClock.after(delay, call) };
  readonly deposits: Deposits;
  /** What a proxy does with a reply on its way. */
  onReply: (reply: Reply, transportId: string) => Promise<unknown> = () => Promise.resolve();
  #texts = 0;

  private constructor(store: Store, scheduleMax: number) {
    const common = { clock: this.clock, random: seededRandom(), logger: silentLogger, metrics: noMetrics };
    this.store = store;
    const options = { ...common, store: this.store };
    this.deposits = new Deposits({ ...options, maxBytes: 10_000 });
    this.retrievals = new Retrievals({ ...options, node: 'one' });
    this.profiles = new OwnerProfiles({ store: this.store, language: 'en', timeZone: 'UTC', autoReply: '' });
    this.desk = new Desk({
      ...options,
      retrievals: this.retrievals,
      profiles: this.profiles,
      replies: new Replies({
        ...common,
        deposits: this.deposits,
        domains: new Set(['example.test']),
        sender: {
          maxBytes: 100,
          send: async (reply) => {
            this.replies.push(reply);
            const transportId = `sip:reply-${this.replies.length} 1 MESSAGE`;
            await this.onReply(reply, transportId);
            return { ...this.replyAnswer, transportId };
          },
        },
      }),
      messageAccount: ACCOUNT,
      scheduleMax,
      ttl: () => 0,
    });
  }

  static async open(
    options: { readonly keepsRead?: boolean; readonly scheduleMax?: number; readonly maxTexts?: number } = {},
  ): Promise<DeskFixture> {
    const made: { fixture?: DeskFixture } = {};
    const clock: Clock = {
      now: () => made.fixture?.now ?? NOW,
      after: (delay, call) => systemClock.after(delay, call),
    };
    const store = await openStore({
      url: 'sqlite::memory:',
      limits: {
        maxTexts: options.maxTexts ?? 1000,
        maxBytes: 1_000_000,
        maxMessageBytes: 10_000,
        dropRead: false,
      },
      keepsRead: options.keepsRead ?? true,
      clock,
      random: seededRandom(),
      logger: silentLogger,
      metrics: noMetrics,
      onSummaryDirty: () => undefined,
    });
    made.fixture = new DeskFixture(store, options.scheduleMax ?? 31_536_000);
    return made.fixture;
  }

  /** Another way to her than `visit`; what is said there is heard too. */
  anotherVisit(): Visit {
    return {
      isShared: false,
      shown: undefined,
      say: (words) => {
        this.heard.push(words);
        return Promise.resolve();
      },
      handOver: (message) => {
        this.heard.push(`<${wordsOf(message).toString('utf8')}>`);
        return Promise.resolve();
      },
    };
  }

  readonly visit: Visit = this.anotherVisit();

  /** Leaves a text for Alice, a minute after the one before. */
  async leave(words: string, author = 'sip:bob@example.test', authorName = 'Bob'): Promise<void> {
    await this.deposits.accept({
      owner: ALICE,
      author,
      authorName,
      contentType: 'text/plain',
      content: Buffer.from(words),
      subject: '',
      urgent: false,
      transportId: `text ${++this.#texts}`,
    });
    this.now += 60_000;
  }

  /** What she hears when she says `words`. */
  async ask(words: string): Promise<string[]> {
    this.heard.length = 0;
    await this.outcome(words);
    return [...this.heard];
  }

  async outcome(words: string): Promise<DeskOutcome> {
    return await this.desk.run(this.visitor, words, this.visit);
  }

  async close(): Promise<void> {
    await this.store.close();
  }
}
