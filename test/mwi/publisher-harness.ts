import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { LogFields, Logger } from '../../src/core/logger.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { MailboxCounts } from '../../src/mailbox/ports.ts';
import type { SummaryStore } from '../../src/mwi/ports.ts';
import type { MessageSummary } from '../../src/im/message-summary.ts';
import type { Publisher, PublisherOptions } from '../../src/mwi/publisher.ts';
import { startPublisher } from '../../src/mwi/publisher.ts';
import type { SummaryBodySettings } from '../../src/mwi/summary-body.ts';
import { composeSummary } from '../../src/mwi/summary-body.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { MemorySummaryStore } from '../doubles/memory-summary-store.ts';
import { seededRandom } from '../doubles/seeded-random.ts';
import { ScriptedPresenceServer } from './scripted-presence-server.ts';

export const ACCOUNT = AddressOfRecord.parse('sip:mailbox@example.com');
export const ALICE = AddressOfRecord.parse('sip:alice@example.com');

export function user(index: number): AddressOfRecord {
  return AddressOfRecord.parse(`sip:user${index}@example.com`);
}

export function counts(fresh: number, old = 0): MailboxCounts {
  return { new: fresh, old, newUrgent: 0, oldUrgent: 0 };
}

export const SETTINGS: SummaryBodySettings = {
  messageAccount: ACCOUNT,
  contextClass: 'text-message',
  voiceLine: false,
  messageHeaders: new Set(),
};

export function bodyOf(mailbox: MailboxCounts, voicemail: MessageSummary | null = null): string {
  return composeSummary({ counts: mailbox, voicemail, newest: [] }, SETTINGS);
}

/** A publisher that can die without a word. */
export interface Incarnation {
  readonly publisher: Publisher;
  readonly isAlive: () => boolean;
  readonly kill: () => void;
}

/** A store, a presence server and publishers on one fake clock. */
export class PublisherHarness {
  readonly clock = new FakeClock();
  readonly store = new MemorySummaryStore(this.clock);
  readonly server = new ScriptedPresenceServer(this.clock);
  readonly errors: LogFields[] = [];
  #seed = 1;

  start(options: Partial<PublisherOptions> = {}): Incarnation {
    let alive = true;
    const isAlive = (): boolean => alive;
    const logger: Logger = { ...silentLogger, error: (fields) => this.errors.push(fields) };
    const publisher = startPublisher({
      store: mortalStore(this.store, isAlive),
      sender: this.server.connection(isAlive),
      node: 'one',
      body: SETTINGS,
      expires: 3600,
      refreshBody: true,
      beacon: null,
      rate: 1_000,
      clock: mortalClock(this.clock, isAlive),
      random: seededRandom(this.#seed++),
      logger,
      metrics: noMetrics,
      ...options,
    });
    const kill = (): void => {
      alive = false;
      this.server.forgetInFlight();
    };
    return { publisher, isAlive, kill };
  }
}

const never = new Promise<never>(() => undefined);

/** A dead process calls nothing and hears nothing; what it had asked for may still happen. */
function mortalStore(store: MemorySummaryStore, isAlive: () => boolean): SummaryStore {
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!isAlive()) return await never;
    const result = await work();
    return isAlive() ? result : await never;
  };
  return {
    claimDue: (...parameters) => guard(() => store.claimDue(...parameters)),
    settle: (...parameters) => guard(() => store.settle(...parameters)),
    nextDueAt: () => guard(() => store.nextDueAt()),
    releaseClaims: (node) => guard(() => store.releaseClaims(node)),
    hasten: (...parameters) => guard(() => store.hasten(...parameters)),
    keepBeacon: (...parameters) => guard(() => store.keepBeacon(...parameters)),
    newestTexts: (...parameters) => guard(() => store.newestTexts(...parameters)),
  };
}

function mortalClock(clock: FakeClock, isAlive: () => boolean): Clock {
  return {
    now: () => clock.now(),
    after: (delay, callback) =>
      clock.after(delay, () => {
        if (isAlive()) callback();
      }),
  };
}
