import { expect } from 'chai';
import { AddressOfRecord } from '../../../src/core/address-of-record.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { StoreUnavailable } from '../../../src/mailbox/ports.ts';
import type { Registration } from '../../../src/mailbox/push/ports.ts';
import { REGISTRATION_LIMITS } from '../../../src/mailbox/push/registration-limits.ts';
import { RegistrationWatch } from '../../../src/mailbox/push/registration-watch.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';
import type { RecordingMetrics } from '../../doubles/recording-metrics.ts';
import { recordingMetrics } from '../../doubles/recording-metrics.ts';
import { seededRandom } from '../../doubles/seeded-random.ts';
import { ScriptedRegistrar } from './scripted-registrar.ts';

const HOP = 'sip:192.0.2.1:5060';
const ALICE = user('alice');
const BOB = user('bob');

function user(name: string): AddressOfRecord {
  return AddressOfRecord.parse(`sip:${name}@example.test`);
}

describe('watching registrations', () => {
  let clock: FakeClock;
  let registrar: ScriptedRegistrar;
  let watch: RegistrationWatch;
  let metrics: RecordingMetrics;
  let withNewTexts: AddressOfRecord[];
  let storeFault: Error | undefined;
  let told: (Registration | string)[];

  function open(options: { readonly maxWatched?: number; readonly rate?: number } = {}): void {
    watch = new RegistrationWatch({
      ...options,
      store: {
        usersWithNewTexts: async (after, limit) => {
          await Promise.resolve();
          if (storeFault !== undefined) throw storeFault;
          return withNewTexts
            .map((each, index) => ({ mailboxId: index + 1, user: each }))
            .filter(({ mailboxId }) => mailboxId > after)
            .slice(0, limit);
        },
      },
      subscriber: registrar,
      intake: {
        online: async (registration) => {
          await Promise.resolve();
          if (storeFault !== undefined) throw storeFault;
          told.push(registration);
        },
        offline: async (gone) => {
          await Promise.resolve();
          if (storeFault !== undefined) throw storeFault;
          told.push(`${gone.user} is off`);
        },
      },
      hop: HOP,
      clock,
      random: seededRandom(7),
      logger: silentLogger,
      metrics,
    });
  }

  beforeEach(() => {
    clock = new FakeClock();
    registrar = new ScriptedRegistrar(clock);
    metrics = recordingMetrics();
    withNewTexts = [];
    storeFault = undefined;
    told = [];
    open();
  });

  afterEach(async () => {
    await watch.stop();
    await clock.advance(60_000);
    expect(clock.pendingTimers).to.equal(0);
  });

  const asked = (kind: string): string[] =>
    registrar.requests.filter((each) => each.kind === kind).map((each) => each.user);
  const lastTold = (): Registration => {
    const last = told.at(-1);
    if (last === undefined || typeof last === 'string') throw new Error(`told: ${JSON.stringify(told)}`);
    return last;
  };

  it('begins with every user who has new texts', async () => {
    withNewTexts = Array.from({ length: REGISTRATION_LIMITS.page + 3 }, (_each, index) => user(`u${index}`));
    watch.start();
    await clock.advance(20_000);
    expect(new Set(asked('subscribe')).size).to.equal(withNewTexts.length);
    expect(metrics.count('registration_watched')).to.equal(withNewTexts.length);
  });

  it('takes no more than its pace and its hands allow', async () => {
    open({ rate: 10 });
    withNewTexts = Array.from({ length: 50 }, (_each, index) => user(`u${index}`));
    watch.start();
    await clock.advance(2_000);
    expect(asked('subscribe').length).to.be.within(15, 25);
    expect(registrar.mostInFlight).to.be.at.most(REGISTRATION_LIMITS.maxInFlight);
  });

  it('begins with a text, at once, and once for many', async () => {
    watch.start();
    await clock.advance(1_000);
    watch.wake(ALICE);
    watch.wake(ALICE);
    await clock.advance(100);
    watch.wake(ALICE);
    await clock.advance(100);
    expect(asked('subscribe')).to.deep.equal([ALICE.toString()]);
  });

  it('tells that she comes, stays and goes', async () => {
    withNewTexts = [ALICE];
    watch.start();
    await clock.advance(100);
    expect(told).to.deep.equal(['alice is off']);
    registrar.register(ALICE, 300);
    await clock.advance(1);
    const came = lastTold();
    expect(came).to.deep.include({ user: ALICE, hop: HOP, methods: null });
    expect(came.until).to.be.closeTo(clock.now() + 300_000, 1_000);
    await clock.advance(100_000);
    registrar.register(ALICE, 300);
    await clock.advance(1);
    expect(lastTold().name).to.equal(came.name);
    expect(lastTold().until).to.be.above(came.until);
    registrar.register(ALICE, 0);
    await clock.advance(1);
    expect(told.at(-1)).to.equal('alice is off');
  });

  it('ends with Expires: 0 when a look finds no new texts of hers', async () => {
    withNewTexts = [ALICE, BOB];
    watch.start();
    await clock.advance(100);
    withNewTexts = [BOB];
    await clock.advance(REGISTRATION_LIMITS.lookEvery + 1_000);
    expect(asked('end')).to.deep.equal([ALICE.toString()]);
    expect(registrar.subscriptions).to.equal(1);
    told = [];
    registrar.register(ALICE, 300);
    await clock.advance(10);
    expect(told).to.deep.equal([]);
  });

  it('goes on for a text that comes while a look is under way', async () => {
    watch.start();
    await clock.advance(REGISTRATION_LIMITS.lookEvery - 1);
    watch.wake(ALICE);
    withNewTexts = [ALICE];
    await clock.advance(2 * REGISTRATION_LIMITS.lookEvery);
    expect(asked('end')).to.deep.equal([]);
    expect(registrar.subscriptions).to.equal(1);
  });

  it('begins anew for one who was let go', async () => {
    withNewTexts = [ALICE];
    watch.start();
    await clock.advance(100);
    withNewTexts = [];
    await clock.advance(REGISTRATION_LIMITS.lookEvery + 1_000);
    watch.wake(ALICE);
    await clock.advance(100);
    expect(asked('subscribe')).to.have.length(2);
    expect(registrar.subscriptions).to.equal(1);
  });

  it('has room for so many; the rest is watched as room comes', async () => {
    open({ maxWatched: 2 });
    withNewTexts = [ALICE, BOB, user('carol')];
    watch.start();
    await clock.advance(1_000);
    expect(registrar.subscriptions).to.equal(2);
    expect(metrics.count('registration_left_out')).to.equal(1);
    withNewTexts = [BOB, user('carol')];
    await clock.advance(2 * REGISTRATION_LIMITS.lookEvery + 1_000);
    expect(asked('subscribe')).to.include('sip:carol@example.test');
    expect(metrics.count('registration_left_out')).to.equal(0);
  });

  it('keeps its subscriptions alive', async () => {
    withNewTexts = [ALICE];
    watch.start();
    await clock.advance(3_600_000);
    expect(asked('subscribe')).to.have.length(1);
    expect(asked('refresh').length).to.be.within(6, 9);
    registrar.register(ALICE, 300);
    await clock.advance(1);
    expect(lastTold().user).to.equal(ALICE);
  });

  it('finds out that the server forgot one, and then looks after all', async () => {
    withNewTexts = [ALICE, BOB];
    watch.start();
    await clock.advance(1_000);
    registrar.restart();
    registrar.register(BOB, 3_600);
    await clock.advance(600_000);
    expect(registrar.subscriptions).to.equal(2);
    expect(lastTold().user).to.equal(BOB);
  });

  for (const [reason, retryAfter, pause] of [
    ['deactivated', null, 0],
    ['timeout', null, 0],
    ['', null, 0],
    ['probation', 90, 90],
    ['giveup', 120, 120],
    ['rejected', null, 900],
    ['noresource', null, 900],
  ] as const) {
    it(`subscribes again ${pause} s after the server ended it: ${reason === '' ? 'no reason' : reason}`, async () => {
      withNewTexts = [ALICE];
      watch.start();
      await clock.advance(60_000);
      registrar.terminate(reason, retryAfter);
      const before = Math.max(0, pause * 1000 - 10);
      await clock.advance(before);
      expect(asked('subscribe')).to.have.length(pause === 0 ? 2 : 1);
      await clock.advance(pause * 500 + 100);
      expect(asked('subscribe')).to.have.length(2);
    });
  }

  it('backs off from a server that refuses, and obeys Retry-After', async () => {
    registrar.refusals.push(
      { kind: 'unanswered', cause: new Error('lost') },
      { kind: 'rejected', status: 503, reason: 'Busy', retryAfter: 30 },
      { kind: 'rejected', status: 489, reason: 'Bad Event' },
    );
    withNewTexts = [ALICE];
    watch.start();
    await clock.advance(1_500);
    expect(asked('subscribe')).to.have.length(2);
    await clock.advance(29_000);
    expect(asked('subscribe')).to.have.length(2);
    await clock.advance(3_600_000);
    expect(asked('subscribe')).to.have.length(3);
    expect(metrics.count('registration_subscribe_total', { answer: '489' })).to.equal(1);
  });

  it('asks for the full state where a document is missing, and not without end', async () => {
    registrar.full = false;
    withNewTexts = [ALICE];
    watch.start();
    await clock.advance(1_000);
    registrar.version += 5;
    registrar.register(ALICE, 300);
    await clock.advance(100);
    expect(asked('refresh')).to.have.length(1);
    for (let turn = 0; turn < 100; turn++) {
      registrar.version += 5;
      registrar.register(ALICE, 300);
      await clock.advance(100);
    }
    expect(asked('refresh').length).to.be.at.most(2);
    await clock.advance(REGISTRATION_LIMITS.fullStateGap);
    expect(asked('refresh')).to.have.length(2);
  });

  it('believes a server that counts anew, once it was asked', async () => {
    registrar.version = 9;
    withNewTexts = [ALICE];
    watch.start();
    await clock.advance(1_000);
    registrar.version = 0;
    registrar.register(ALICE, 300);
    await clock.advance(100);
    expect(asked('refresh')).to.have.length(1);
    expect(lastTold().user).to.equal(ALICE);
  });

  it('hands on the newest it was told once the store is back', async () => {
    withNewTexts = [ALICE];
    watch.start();
    await clock.advance(1_000);
    told = [];
    storeFault = new StoreUnavailable('answer');
    registrar.register(ALICE, 300);
    await clock.advance(10_000);
    registrar.register(ALICE, 300, 'call-2');
    await clock.advance(10_000);
    expect(told).to.deep.equal([]);
    storeFault = undefined;
    await clock.advance(REGISTRATION_LIMITS.storeBackoff.ceiling);
    expect(told).to.have.length(1);
  });

  it('looks again when the store was away at its first look', async () => {
    storeFault = new StoreUnavailable('answer');
    withNewTexts = [ALICE];
    watch.start();
    await clock.advance(5_000);
    storeFault = undefined;
    await clock.advance(REGISTRATION_LIMITS.storeBackoff.ceiling + 100);
    expect(asked('subscribe')).to.deep.equal([ALICE.toString()]);
  });

  it('begins nothing more once it is stopped', async () => {
    withNewTexts = [ALICE];
    watch.start();
    await clock.advance(1_000);
    await watch.stop();
    watch.wake(BOB);
    registrar.register(ALICE, 300);
    await clock.advance(3_600_000);
    expect(asked('subscribe')).to.deep.equal([ALICE.toString()]);
    expect(told).to.deep.equal(['alice is off']);
  });
});
