import { expect } from 'chai';
import { DeadlineExceeded } from '../../../src/core/deadline.ts';
import { AnswerCache, UnansweredQuestion } from '../../../src/engine/targets/answer-cache.ts';
import type { Answer, NameService } from '../../../src/engine/targets/host-resolver.ts';
import { TARGET_LIMITS } from '../../../src/engine/targets/limits.ts';
import { FakeClock, settle } from '../../doubles/fake-clock.ts';

const { failureLifetime, longestLifetime, noneLifetime, question, staleLifetime, unsaidLifetime } =
  TARGET_LIMITS;

function error(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** A name service that answers as the test says. */
class Names implements NameService {
  readonly asked: string[] = [];
  answer: () => Promise<Answer<string>> = () => Promise.resolve({ records: ['192.0.2.1'], lifetime: 10_000 });
  closed = false;

  addresses(host: string): Promise<Answer<string>> {
    this.asked.push(host);
    return this.answer();
  }

  services(name: string): Promise<Answer<never>> {
    this.asked.push(name);
    return Promise.resolve({ records: [] });
  }

  pointers(name: string): Promise<Answer<never>> {
    return this.services(name);
  }

  close(): void {
    this.closed = true;
  }
}

describe('answers of DNS that are kept', () => {
  let clock: FakeClock;
  let names: Names;
  let cache: AnswerCache;

  beforeEach(() => {
    clock = new FakeClock();
    names = new Names();
    cache = new AnswerCache(names, clock);
  });

  afterEach(() => {
    cache.close();
    expect(clock.pendingTimers, 'timers left').to.equal(0);
    expect(names.closed).to.equal(true);
  });

  const code = async (host: string): Promise<unknown> =>
    await cache.addresses(host).then(
      () => 'answered',
      (reason: unknown) => (reason as { code: string }).code,
    );

  it('hold as long as DNS says, whatever the case of the name', async () => {
    expect(await cache.addresses('P.example')).to.deep.equal(['192.0.2.1']);
    await clock.advance(9_999);
    await cache.addresses('p.example');
    expect(names.asked).to.have.lengthOf(1);
    await clock.advance(1);
    await cache.addresses('p.example');
    expect(names.asked).to.have.lengthOf(2);
  });

  it('hold not at all with a TTL of 0, not for ever with a long one, and for a set time with none', async () => {
    const timesAsked = async (lifetime: number | undefined, wait: number): Promise<number> => {
      const host = `${lifetime}-${wait}.example`;
      const before = names.asked.length;
      names.answer = () =>
        Promise.resolve({ records: ['192.0.2.1'], ...(lifetime === undefined ? {} : { lifetime }) });
      await cache.addresses(host);
      await clock.advance(wait);
      await cache.addresses(host);
      return names.asked.length - before;
    };
    expect(await timesAsked(0, 0)).to.equal(2);
    expect(await timesAsked(1e12, longestLifetime - 1)).to.equal(1);
    expect(await timesAsked(1e12, longestLifetime)).to.equal(2);
    expect(await timesAsked(undefined, unsaidLifetime - 1)).to.equal(1);
    expect(await timesAsked(undefined, unsaidLifetime)).to.equal(2);
  });

  it('that there is none is remembered as well (RFC 2308), and that nobody answered for less long', async () => {
    names.answer = () => Promise.reject(error('ENOTFOUND'));
    expect(await code('none.example')).to.equal('ENOTFOUND');
    await clock.advance(noneLifetime - 1);
    expect(await code('none.example')).to.equal('ENOTFOUND');
    expect(names.asked).to.have.lengthOf(1);
    await clock.advance(1);
    names.answer = () => Promise.reject(error('ETIMEOUT'));
    expect(await code('none.example')).to.equal('ETIMEOUT');
    await clock.advance(failureLifetime - 1);
    expect(await code('none.example')).to.equal('ETIMEOUT');
    expect(names.asked).to.have.lengthOf(2);
    await clock.advance(1);
    expect(await code('none.example')).to.equal('ETIMEOUT');
    expect(names.asked).to.have.lengthOf(3);
  });

  it('an old one serves while nobody can be asked (RFC 8767), for a set time', async () => {
    await cache.addresses('p.example');
    await clock.advance(10_000);
    names.answer = () => Promise.reject(error('ETIMEOUT'));
    expect(await cache.addresses('p.example')).to.deep.equal(['192.0.2.1']);
    await clock.advance(staleLifetime - 1);
    expect(await cache.addresses('p.example')).to.deep.equal(['192.0.2.1']);
    await clock.advance(failureLifetime);
    expect(await code('p.example')).to.equal('ETIMEOUT');
  });

  it('but not once DNS says that there is none', async () => {
    await cache.addresses('p.example');
    await clock.advance(10_000);
    names.answer = () => Promise.reject(error('ENODATA'));
    expect(await code('p.example')).to.equal('ENODATA');
  });

  it('many who wait for the same answer put one question', async () => {
    let say: (answer: Answer<string>) => void = () => undefined;
    names.answer = () => new Promise((resolve) => (say = resolve));
    const waiting = Promise.all([1, 2, 3].map(() => cache.addresses('p.example')));
    await settle();
    say({ records: ['192.0.2.7'] });
    expect(await waiting).to.deep.equal([['192.0.2.7'], ['192.0.2.7'], ['192.0.2.7']]);
    expect(names.asked).to.have.lengthOf(1);
  });

  it('a question that nobody answers ends', async () => {
    names.answer = () => new Promise(() => undefined);
    const failed = cache.addresses('p.example').catch((reason: unknown) => reason);
    await clock.advance(question);
    expect(await failed).to.be.instanceOf(DeadlineExceeded);
  });

  it('flood: only so many questions are under way, and so many answers kept', async () => {
    const answers: ((answer: Answer<string>) => void)[] = [];
    names.answer = () => new Promise((resolve) => answers.push(resolve));
    const { questions } = TARGET_LIMITS;
    const waiting = Array.from({ length: questions }, (_, i) => cache.addresses(`h${i}.example`));
    await settle();
    const refused: unknown = await cache.addresses('more.example').catch((reason: unknown) => reason);
    expect(refused).to.be.instanceOf(UnansweredQuestion);
    for (const answer of answers) answer({ records: ['192.0.2.1'] });
    await Promise.all(waiting);
    names.answer = () => Promise.resolve({ records: ['192.0.2.1'] });
    for (let i = 0; i <= TARGET_LIMITS.answers; i++) await cache.addresses(`k${i}.example`);
    const before = names.asked.length;
    await cache.addresses(`k1.example`);
    await cache.addresses(`k0.example`);
    expect(names.asked.length - before, 'the one not asked for longest made room').to.equal(1);
  });
});
