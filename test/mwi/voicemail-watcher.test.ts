import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { Clock, Timer } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { VoicemailStore } from '../../src/mwi/ports.ts';
import { VOICEMAIL_LIMITS } from '../../src/mwi/voicemail-limits.ts';
import type { VoicemailWatcher, VoicemailWatcherOptions } from '../../src/mwi/voicemail-watcher.ts';
import { startVoicemailWatcher } from '../../src/mwi/voicemail-watcher.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { MemoryVoicemailStore } from '../doubles/memory-voicemail-store.ts';
import { seededRandom } from '../doubles/seeded-random.ts';
import { ScriptedVoicemail } from './scripted-voicemail.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const ALICE = AddressOfRecord.parse('sip:alice@example.com');

function user(index: number): AddressOfRecord {
  return AddressOfRecord.parse(`sip:user${index}@example.com`);
}

describe('the watch over the voicemail', function () {
  this.timeout(30_000);

  let clock: FakeClock;
  let store: MemoryVoicemailStore;
  let voicemail: ScriptedVoicemail;
  let watchers: VoicemailWatcher[];
  let warnings: string[];

  beforeEach(() => {
    clock = new FakeClock();
    store = new MemoryVoicemailStore(clock);
    voicemail = new ScriptedVoicemail(clock);
    watchers = [];
    warnings = [];
  });

  afterEach(async () => {
    store.away = false;
    const stopped = Promise.all(watchers.map((watcher) => watcher.stop()));
    await clock.advance(VOICEMAIL_LIMITS.stopDeadline + SECOND);
    await stopped;
    // What the double itself still waits for.
    voicemail.restart();
    await clock.advance(MINUTE);
    expect(clock.pendingTimers).to.equal(0);
  });

  const logger: Logger = {
    ...silentLogger,
    warn: (_fields, message) => warnings.push(message),
  };

  function start(options: Partial<VoicemailWatcherOptions> = {}): VoicemailWatcher {
    const watcher = startVoicemailWatcher({
      store,
      subscriber: voicemail.connection(),
      node: 'one',
      clock,
      random: seededRandom(7),
      expires: 3600,
      logger,
      metrics: noMetrics,
      ...options,
    });
    watchers.push(watcher);
    return watcher;
  }

  /** A node that can die without a word. */
  function startMortal(node: string): () => void {
    let alive = true;
    const isAlive = (): boolean => alive;
    const never = new Promise<never>(() => undefined);
    const guard = async <T>(work: () => Promise<T>): Promise<T> => {
      if (!isAlive()) return await never;
      const result = await work();
      return isAlive() ? result : await never;
    };
    const mortalStore: VoicemailStore = {
      reportVoicemail: (...parameters) => guard(() => store.reportVoicemail(...parameters)),
      claimWatches: (...parameters) => guard(() => store.claimWatches(...parameters)),
      keepWatch: (...parameters) => guard(() => store.keepWatch(...parameters)),
      nextWatchAt: () => guard(() => store.nextWatchAt()),
      releaseWatches: (name) => guard(() => store.releaseWatches(name)),
    };
    const timers = new Set<Timer>();
    const mortalClock: Clock = {
      now: () => clock.now(),
      after: (delay, callback) => {
        const timer = clock.after(delay, callback);
        timers.add(timer);
        return timer;
      },
    };
    startVoicemailWatcher({
      store: mortalStore,
      subscriber: voicemail.connection(isAlive),
      node,
      clock: mortalClock,
      random: seededRandom(9),
      logger,
      metrics: noMetrics,
    });
    return () => {
      alive = false;
      for (const timer of timers) timer.cancel();
    };
  }

  const standing = (): string | null => store.standing(ALICE);
  const kinds = (): string[] => voicemail.requests.map(({ kind }) => kind);

  it('subscribes for every mailbox, keeps what is notified, and follows each change', async () => {
    store.addMailbox(ALICE);
    voicemail.set(ALICE, 2);
    start();
    await clock.advance(SECOND);
    expect(standing()).to.equal(voicemail.bodyOf(ALICE));
    voicemail.set(ALICE, 3);
    await clock.advance(50);
    expect(standing()).to.include('Voice-Message: 3/0');
    expect(kinds()).to.deep.equal(['subscribe']);
  });

  it('picks a new mailbox up within a second or so', async () => {
    start();
    await clock.advance(10 * SECOND);
    voicemail.set(ALICE, 1);
    store.addMailbox(ALICE);
    await clock.advance(1_500);
    expect(standing()).to.equal(voicemail.bodyOf(ALICE));
  });

  it('picks a new mailbox up at once when it is woken', async () => {
    const watcher = start();
    await clock.advance(10 * SECOND);
    store.addMailbox(ALICE);
    watcher.wake();
    await clock.advance(VOICEMAIL_LIMITS.claimGap + 50);
    expect(standing()).to.equal(voicemail.bodyOf(ALICE));
  });

  it('refreshes before the end, for days, with one subscription at a time', async () => {
    store.addMailbox(ALICE);
    voicemail.set(ALICE, 1);
    start();
    for (let hour = 0; hour < 48; hour++) {
      await clock.advance(HOUR);
      expect(standing(), `after ${hour} hours`).to.include('Voice-Message: 1/0');
      expect(voicemail.subscriptionsOf(ALICE)).to.equal(1);
    }
    expect(kinds().filter((kind) => kind === 'subscribe')).to.have.length(1);
    expect(kinds().length).to.be.within(48, 70);
  });

  it('believes a NOTIFY that overtakes the 2xx', async () => {
    store.addMailbox(ALICE);
    voicemail.set(ALICE, 2);
    voicemail.script.push({ kind: 'notify-first' });
    start();
    await clock.advance(SECOND);
    expect(standing()).to.include('Voice-Message: 2/0');
    await clock.advance(2 * HOUR);
    expect(kinds().filter((kind) => kind === 'subscribe')).to.have.length(1);
  });

  it('comes again after a lost SUBSCRIBE, a lost answer and a 503, later each time', async () => {
    store.addMailbox(ALICE);
    voicemail.set(ALICE, 2);
    voicemail.script.push(
      { kind: 'request-lost' },
      { kind: 'answer-lost' },
      { kind: 'answer', status: 503, retryAfter: 20 },
    );
    start();
    await clock.advance(3 * MINUTE);
    expect(standing()).to.include('Voice-Message: 2/0');
    expect(kinds()).to.deep.equal(['subscribe', 'subscribe', 'subscribe', 'subscribe']);
    const [, , third, fourth] = voicemail.requests;
    expect((fourth?.at ?? 0) - (third?.at ?? 0)).to.be.at.least(20 * SECOND);
    // The one whose answer was lost is not listened to: the voicemail drops it with its next NOTIFY.
    voicemail.set(ALICE, 4);
    expect(voicemail.subscriptionsOf(ALICE)).to.equal(1);
  });

  it('asks for as long as the voicemail wants at least', async () => {
    store.addMailbox(ALICE);
    voicemail.expires.shortest = 7200;
    voicemail.expires.longest = 7200;
    start();
    await clock.advance(SECOND);
    expect(voicemail.requests.map(({ expires }) => expires)).to.deep.equal([3600, 7200]);
    expect(standing()).not.to.equal(null);
  });

  it('takes a subscription without NOTIFY for none', async () => {
    store.addMailbox(ALICE);
    voicemail.set(ALICE, 2);
    voicemail.script.push({ kind: 'mute' });
    start();
    await clock.advance(VOICEMAIL_LIMITS.notifyDeadline + 5 * SECOND);
    expect(kinds()).to.deep.equal(['subscribe', 'subscribe']);
    expect(standing()).to.include('Voice-Message: 2/0');
  });

  it('begins anew when a refresh brings no NOTIFY', async () => {
    store.addMailbox(ALICE);
    start();
    await clock.advance(SECOND);
    voicemail.script.push({ kind: 'mute' });
    await clock.advance(HOUR);
    expect(kinds()).to.deep.equal(['subscribe', 'refresh', 'subscribe']);
    expect(standing()).not.to.equal(null);
  });

  it('finds out about a voicemail that forgot everything with the next refresh, by its 481', async () => {
    store.addMailbox(ALICE);
    voicemail.set(ALICE, 2);
    start();
    await clock.advance(SECOND);
    voicemail.restart();
    voicemail.set(ALICE, 5);
    await clock.advance(HOUR);
    expect(kinds()).to.deep.equal(['subscribe', 'refresh', 'subscribe']);
    expect(standing()).to.include('Voice-Message: 5/0');
  });

  it('refreshes all at once, as the pace allows, when one is not known any more', async () => {
    for (let i = 0; i < 300; i++) store.addMailbox(user(i));
    start({ rate: 100 });
    await clock.advance(10 * MINUTE);
    expect(voicemail.subscriptions).to.equal(300);
    voicemail.restart();
    for (let i = 0; i < 300; i++) voicemail.set(user(i), i);
    await clock.advance(36 * MINUTE);
    for (let i = 0; i < 300; i++) expect(store.standing(user(i))).to.include(`Voice-Message: ${i}/0`);
    expect(voicemail.subscriptions).to.equal(300);
  });

  it('asks for lives that are short for few users, and longer for many', async () => {
    store.addMailbox(ALICE);
    const watcher = startVoicemailWatcher({
      store,
      subscriber: voicemail.connection(),
      node: 'one',
      rate: 1,
      clock,
      random: seededRandom(7),
      logger,
      metrics: noMetrics,
    });
    watchers.push(watcher);
    await clock.advance(SECOND);
    for (let i = 0; i < 1_000; i++) store.addMailbox(user(i));
    await clock.advance(20 * MINUTE);
    const lives = voicemail.requests.map(({ expires }) => expires);
    expect(lives[0]).to.equal(VOICEMAIL_LIMITS.expires.shortest);
    expect(lives.at(-1)).to.be.within(2_000, VOICEMAIL_LIMITS.expires.longest);
  });

  for (const reason of ['deactivated', 'timeout', '']) {
    it(`subscribes anew at once when terminated${reason === '' ? ' without reason' : `: ${reason}`}`, async () => {
      store.addMailbox(ALICE);
      start();
      await clock.advance(MINUTE);
      voicemail.terminate(ALICE, reason);
      await clock.advance(50);
      expect(kinds()).to.deep.equal(['subscribe', 'subscribe']);
    });
  }

  for (const reason of ['probation', 'giveup']) {
    it(`waits as told when terminated: ${reason}`, async () => {
      store.addMailbox(ALICE);
      start();
      await clock.advance(MINUTE);
      voicemail.terminate(ALICE, reason, 120);
      await clock.advance(119 * SECOND);
      expect(kinds()).to.deep.equal(['subscribe']);
      await clock.advance(2 * SECOND);
      expect(kinds()).to.deep.equal(['subscribe', 'subscribe']);
    });
  }

  it('takes back what was said of a user who has no voicemail any more, and comes again much later', async () => {
    store.addMailbox(ALICE);
    voicemail.set(ALICE, 2);
    start();
    await clock.advance(MINUTE);
    voicemail.terminate(ALICE, 'noresource');
    await clock.advance(SECOND);
    expect(standing()).to.equal(null);
    expect(store.watcherOf(ALICE)).to.equal(null);
    await clock.advance(10 * MINUTE);
    expect(kinds()).to.deep.equal(['subscribe']);
    await clock.advance(20 * MINUTE);
    expect(kinds()).to.deep.equal(['subscribe', 'subscribe']);
  });

  it('is not drawn into a loop by a voicemail that ends each subscription at once', async () => {
    store.addMailbox(ALICE);
    start();
    for (let i = 0; i < 600; i++) {
      await clock.advance(SECOND);
      voicemail.terminate(ALICE, 'deactivated');
    }
    expect(voicemail.requests.length).to.be.lessThan(30);
  });

  for (const [status, longest] of [
    [403, 25 * MINUTE],
    [404, 25 * MINUTE],
    [489, 6 * HOUR],
  ] as const) {
    it(`tells of ${status} once, whoever it hits, and comes again slowly`, async () => {
      for (let i = 0; i < 20; i++) {
        store.addMailbox(user(i));
        voicemail.script.push({ kind: 'answer', status });
      }
      start();
      await clock.advance(5 * MINUTE);
      expect(voicemail.requests).to.have.length(20);
      expect(warnings).to.have.length(1);
      await clock.advance(longest);
      expect(voicemail.requests.filter(({ kind }) => kind === 'subscribe')).to.have.length(40);
      expect(store.standing(user(3))).not.to.equal(null);
    });
  }

  it('lets the last known counts of an unreachable voicemail stand until they expire, and no longer', async () => {
    store.addMailbox(ALICE);
    voicemail.set(ALICE, 2);
    start();
    await clock.advance(SECOND);
    voicemail.unreachable = true;
    await clock.advance(HOUR);
    expect(standing()).to.include('Voice-Message: 2/0');
    await clock.advance(VOICEMAIL_LIMITS.grace + MINUTE);
    expect(standing()).to.equal(null);
    expect(warnings).to.deep.equal([
      'the voicemail does not answer; what it last said stands until it expires',
    ]);
    voicemail.set(ALICE, 7);
    voicemail.unreachable = false;
    await clock.advance(2 * MINUTE);
    expect(standing()).to.include('Voice-Message: 7/0');
  });

  it('goes on listening to a subscription whose refresh found nobody', async () => {
    store.addMailbox(ALICE);
    voicemail.set(ALICE, 1);
    start();
    await clock.advance(SECOND);
    for (let i = 0; i < 3; i++) voicemail.script.push({ kind: 'answer', status: 500 });
    const before = voicemail.requests.length;
    while (voicemail.requests.length === before) await clock.advance(MINUTE);
    voicemail.set(ALICE, 6);
    await clock.advance(SECOND);
    expect(standing()).to.include('Voice-Message: 6/0');
    await clock.advance(2 * MINUTE);
    expect(voicemail.subscriptionsOf(ALICE)).to.equal(1);
    expect(kinds().filter((kind) => kind === 'subscribe')).to.have.length(1);
  });

  it('keeps what was notified while the store was away, the newest of it', async () => {
    store.addMailbox(ALICE);
    start();
    await clock.advance(SECOND);
    store.away = true;
    for (let fresh = 1; fresh <= 5; fresh++) {
      voicemail.set(ALICE, fresh);
      await clock.advance(20 * SECOND);
    }
    store.away = false;
    await clock.advance(10 * SECOND);
    expect(standing()).to.include('Voice-Message: 5/0');
    expect(kinds()).to.deep.equal(['subscribe']);
    expect(store.watcherOf(ALICE)).to.equal('one');
  });

  it('holds a user longer than the store is away, and gives way to a node that claimed her meanwhile', async () => {
    store.addMailbox(ALICE);
    start();
    await clock.advance(SECOND);
    store.away = true;
    await clock.advance(VOICEMAIL_LIMITS.claim + MINUTE);
    store.away = false;
    const until = clock.now() + 2 * VOICEMAIL_LIMITS.claim;
    const claiming = store.claimWatches({ node: 'two', until }, clock.now(), 10);
    await clock.advance(2);
    expect(await claiming).to.have.length(1);
    await clock.advance(10 * SECOND);
    expect(store.watcherOf(ALICE)).to.equal('two');
    voicemail.set(ALICE, 3);
    expect(voicemail.subscriptions).to.equal(0);
  });

  it('is watched by one of two nodes, and by the other once the first stops', async () => {
    for (let i = 0; i < 50; i++) store.addMailbox(user(i));
    const first = start();
    start({ node: 'two', random: seededRandom(3) });
    await clock.advance(10 * SECOND);
    expect(voicemail.subscriptions).to.equal(50);
    const stopped = first.stop();
    await clock.advance(5 * SECOND);
    await stopped;
    for (let i = 0; i < 50; i++) {
      voicemail.set(user(i), i);
      expect(store.watcherOf(user(i))).to.equal('two');
    }
    await clock.advance(SECOND);
    for (let i = 0; i < 50; i++) expect(store.standing(user(i))).to.include(`Voice-Message: ${i}/0`);
    expect(voicemail.subscriptions).to.equal(50);
  });

  it('is taken over from a node that died, when its claim lapses', async () => {
    store.addMailbox(ALICE);
    voicemail.set(ALICE, 1);
    const kill = startMortal('mortal');
    await clock.advance(SECOND);
    start({ node: 'two' });
    await clock.advance(5 * MINUTE);
    expect(store.watcherOf(ALICE)).to.equal('mortal');
    kill();
    voicemail.set(ALICE, 2);
    await clock.advance(VOICEMAIL_LIMITS.claim + 2 * SECOND);
    expect(store.watcherOf(ALICE)).to.equal('two');
    expect(standing()).to.include('Voice-Message: 2/0');
  });

  it('takes up at once what an earlier run of the same node left', async () => {
    store.addMailbox(ALICE);
    const kill = startMortal('one');
    await clock.advance(SECOND);
    kill();
    voicemail.set(ALICE, 4);
    start();
    await clock.advance(SECOND);
    expect(standing()).to.include('Voice-Message: 4/0');
  });

  it('forgets a user whose mailbox is gone', async () => {
    store.addMailbox(ALICE);
    start();
    await clock.advance(SECOND);
    store.removeMailbox(ALICE);
    await clock.advance(VOICEMAIL_LIMITS.claim);
    voicemail.set(ALICE, 1);
    expect(voicemail.subscriptions).to.equal(0);
  });

  it('keeps to its rate and its hands, and spreads the refreshes of many', async () => {
    for (let i = 0; i < 1_000; i++) store.addMailbox(user(i));
    start({ rate: 50, maxInFlight: 8 });
    await clock.advance(25 * SECOND);
    expect(voicemail.subscriptions).to.equal(1_000);
    expect(voicemail.mostInFlight).to.be.at.most(8);
    const perSecond = (from: number): number => {
      const times = voicemail.requests.slice(from).map(({ at }) => Math.floor(at / SECOND));
      const counts = new Map<number, number>();
      for (const time of times) counts.set(time, (counts.get(time) ?? 0) + 1);
      return Math.max(...counts.values());
    };
    expect(perSecond(0)).to.be.at.most(60);
    await clock.advance(HOUR);
    expect(voicemail.requests.length).to.be.at.least(2_000);
    expect(perSecond(1_000)).to.be.lessThan(20);
  });

  it('does not hammer a voicemail that is down, and is back soon when it is', async () => {
    for (let i = 0; i < 500; i++) store.addMailbox(user(i));
    voicemail.unreachable = true;
    start({ rate: 200 });
    await clock.advance(10 * MINUTE);
    expect(voicemail.requests.length).to.be.lessThan(700);
    voicemail.unreachable = false;
    await clock.advance(2 * MINUTE);
    expect(voicemail.subscriptions).to.equal(500);
    expect(warnings).to.have.length(1);
  });

  it('watches no more than it may: the rest is for other nodes', async () => {
    for (let i = 0; i < 30; i++) store.addMailbox(user(i));
    start({ maxWatched: 20 });
    await clock.advance(10 * SECOND);
    expect(voicemail.subscriptions).to.equal(20);
    start({ node: 'two', maxWatched: 20 });
    await clock.advance(10 * SECOND);
    expect(voicemail.subscriptions).to.equal(30);
  });

  it('stops in bounded time while nothing answers, and listens to nothing after', async () => {
    store.addMailbox(ALICE);
    voicemail.set(ALICE, 1);
    const watcher = start();
    await clock.advance(SECOND);
    store.away = true;
    voicemail.set(ALICE, 2);
    await clock.advance(SECOND);
    let isStopped = false;
    void watcher.stop().then(() => (isStopped = true));
    await clock.advance(VOICEMAIL_LIMITS.stopDeadline + SECOND);
    expect(isStopped).to.equal(true);
    voicemail.set(ALICE, 3);
    expect(voicemail.subscriptions).to.equal(0);
    watcher.wake();
  });
});
