import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { MAILBOX_LIMITS } from '../../src/mailbox/limits.ts';
import type { PagerRequest } from '../../src/mailbox/pager-mode.ts';
import { PagerMode } from '../../src/mailbox/pager-mode.ts';
import type { PagerSender, RetrievalStore } from '../../src/mailbox/ports.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import { OwnerProfiles } from '../../src/mailbox/owner-profiles.ts';
import { en } from '../../src/mailbox/phrases/en.ts';
import { Retrievals } from '../../src/mailbox/retrieval.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { seededRandom } from '../doubles/seeded-random.ts';

const ALICE = AddressOfRecord.parse('sip:alice@example.test');

/** A mailbox without texts. */
class EmptyStore implements RetrievalStore {
  down = false;

  lease(): Promise<never[]> {
    return this.down ? Promise.reject(new StoreUnavailable('lease texts')) : Promise.resolve([]);
  }

  counts(): ReturnType<RetrievalStore['counts']> {
    return Promise.resolve({ new: 0, old: 0, newUrgent: 0, oldUrgent: 0 });
  }

  markRead(): Promise<boolean> {
    return Promise.resolve(false);
  }

  renewLease(): Promise<void> {
    return Promise.resolve();
  }

  releaseLease(): Promise<void> {
    return Promise.resolve();
  }

  releaseLeases(): Promise<void> {
    return Promise.resolve();
  }
}

describe('a phone without MSRP that finds no texts', () => {
  let clock: FakeClock;
  let store: EmptyStore;
  let pager: PagerMode;
  let said: string[];

  beforeEach(() => {
    clock = new FakeClock();
    store = new EmptyStore();
    const retrievals = new Retrievals({
      store,
      node: 'one',
      clock,
      random: seededRandom(),
      logger: silentLogger,
      metrics: noMetrics,
    });
    const profiles = new OwnerProfiles({
      store: { preferences: () => Promise.resolve({ language: null, timeZone: null, greeting: null }) },
      language: 'en',
      timeZone: 'UTC',
      autoReply: '',
    });
    pager = new PagerMode({ retrievals, desk: undefined, profiles, logger: silentLogger, clock });
    said = [];
  });

  const sender: PagerSender = {
    maxBytes: 1_000,
    send: (_to, text) => {
      said.push(text);
      return Promise.resolve();
    },
  };

  let requests = 0;

  function request(words = ''): PagerRequest {
    return { visitor: { owner: ALICE, name: '', languages: [], hop: null }, words, id: `${++requests}` };
  }

  async function ask(): Promise<void> {
    pager.take(request(), sender);
    await pager.idle();
  }

  it('is told so', async () => {
    await ask();
    expect(said).to.deep.equal([en.noNewTexts]);
  });

  it('and answers each MESSAGE by itself is told once, not for ever (loop of two machines)', async () => {
    const answering: PagerSender = {
      ...sender,
      send: async (to, text) => {
        await sender.send(to, text);
        clock.after(50, () => pager.take(request(), answering));
      },
    };
    pager.take(request(), answering);
    await clock.advance(MAILBOX_LIMITS.toldNothing.rates[0].within * 10);
    expect(said).to.deep.equal([en.noNewTexts]);
  });

  it('is told again when she asks again later', async () => {
    await ask();
    await clock.advance(MAILBOX_LIMITS.toldNothing.rates[0].within);
    await ask();
    expect(said).to.have.length(2);
  });

  it('is told at once when something else is the matter', async () => {
    await ask();
    store.down = true;
    await ask();
    expect(said).to.deep.equal([en.noNewTexts, en.cannotFetch]);
  });
});
