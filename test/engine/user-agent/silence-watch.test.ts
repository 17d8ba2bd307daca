import { expect } from 'chai';
import { SENDING_LIMITS } from '../../../src/engine/user-agent/limits.ts';
import type { Attempt } from '../../../src/engine/user-agent/attempt.ts';
import { SilenceWatch } from '../../../src/engine/user-agent/silence-watch.ts';
import type { Surroundings } from '../../../src/engine/user-agent/surroundings.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';

const timers = { t1: 500, t2: 4_000, t4: 5_000 };
const SUSPECTED = SENDING_LIMITS.suspectRounds * timers.t1;
const SILENT = SENDING_LIMITS.silenceRounds * timers.t1;

const attemptOver = (protocol: string): Attempt =>
  ({ departure: { flow: { remote: { protocol, address: '192.0.2.7', port: 5060 } } } }) as unknown as Attempt;

describe('the watch for silence', () => {
  let clock: FakeClock;
  let watch: SilenceWatch;
  let silent: Attempt[];
  /** Answers each question whether nobody listens at a UDP address. */
  let answers: ((refused: boolean) => void)[];

  beforeEach(() => {
    clock = new FakeClock();
    silent = [];
    answers = [];
    const isRefused = (): Promise<boolean> => new Promise((resolve) => answers.push(resolve));
    const probes = { isRefused } as unknown as Surroundings['probes'];
    watch = new SilenceWatch({ clock, timers, probes }, (attempt) => silent.push(attempt));
  });

  afterEach(() => expect(clock.pendingTimers, 'timers left').to.equal(0));

  it('lasts 16·T1, over TCP without asking anybody', async () => {
    const attempt = attemptOver('tcp');
    watch.begin(attempt);
    await clock.advance(SILENT - 1);
    expect(silent).to.deep.equal([]);
    await clock.advance(1);
    expect(silent).to.deep.equal([attempt]);
    expect(answers).to.deep.equal([]);
  });

  it('is over as soon as the host says that nobody listens, once', async () => {
    watch.begin(attemptOver('udp'));
    await clock.advance(SUSPECTED);
    answers[0]?.(true);
    await clock.advance(SILENT);
    expect(silent).to.have.length(1);
  });

  it('goes on when the host says nothing', async () => {
    watch.begin(attemptOver('udp'));
    await clock.advance(SUSPECTED);
    answers[0]?.(false);
    await clock.advance(SILENT - SUSPECTED - 1);
    expect(silent).to.deep.equal([]);
    await clock.advance(1);
    expect(silent).to.have.length(1);
  });

  it('heeds no answer of a host that comes after its end, or after that of the wait', async () => {
    watch.begin(attemptOver('udp'));
    await clock.advance(SUSPECTED);
    watch.end();
    answers[0]?.(true);
    await clock.advance(SILENT);
    expect(silent).to.deep.equal([]);

    watch.begin(attemptOver('udp'));
    await clock.advance(SILENT);
    answers[1]?.(true);
    await clock.advance(0);
    expect(silent).to.have.length(1);
  });

  it('watches the newest attempt alone', async () => {
    const [first, second] = [attemptOver('tcp'), attemptOver('tcp')];
    watch.begin(first);
    await clock.advance(SILENT - 1);
    watch.begin(second);
    await clock.advance(SILENT);
    expect(silent).to.deep.equal([second]);
  });
});
