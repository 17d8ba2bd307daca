import { expect } from 'chai';
import { ADMISSION_LIMITS } from '../../../src/engine/admission/limits.ts';
import { sourceKey } from '../../../src/engine/admission/source-key.ts';
import { SourceLimits } from '../../../src/engine/admission/source-limits.ts';

const NONE = (): boolean => false;

describe('the rate of one source', () => {
  it('lets a burst through, then so many a second', () => {
    const limits = new SourceLimits({ perSecond: 10, burst: 5, exempt: NONE });
    const taken = (now: number, count: number): number =>
      Array.from({ length: count }, () => limits.take('192.0.2.1', now)).filter(Boolean).length;
    expect(taken(0, 20)).to.equal(5);
    expect(limits.isOver('192.0.2.1', 50)).to.equal(true);
    expect(limits.isOver('192.0.2.1', 100)).to.equal(false);
    expect(taken(1_000, 20)).to.equal(5);
    expect(taken(1_300, 20)).to.equal(3);
  });

  it('counts one source apart from another, and IPv6 by its first 64 bits', () => {
    const limits = new SourceLimits({ perSecond: 1, burst: 1, exempt: NONE });
    expect(limits.take('192.0.2.1', 0)).to.equal(true);
    expect(limits.take('192.0.2.2', 0)).to.equal(true);
    expect(limits.take('2001:db8::1', 0)).to.equal(true);
    expect(limits.take('2001:db8:0:0:ffff::2', 0)).to.equal(false);
    expect(limits.take('2001:db8:0:1::1', 0)).to.equal(true);
  });

  it('lets exempt addresses send what they like', () => {
    const limits = new SourceLimits({ perSecond: 1, burst: 1, exempt: (address) => address === '192.0.2.9' });
    for (let i = 0; i < 100; i++) expect(limits.take('192.0.2.9', 0)).to.equal(true);
    expect(limits.isOver('192.0.2.9', 0)).to.equal(false);
  });

  it('grants nothing for a clock that was put back, and goes on from there', () => {
    const limits = new SourceLimits({ perSecond: 10, burst: 1, exempt: NONE });
    expect(limits.take('192.0.2.1', 1_000_000)).to.equal(true);
    expect(limits.take('192.0.2.1', 1_000)).to.equal(false);
    expect(limits.take('192.0.2.1', 1_100)).to.equal(true);
  });

  it('tells a source a few times in a period, the log once, and is silent after that', () => {
    const limits = new SourceLimits({ perSecond: 1, burst: 1, exempt: NONE });
    const refusals = Array.from({ length: ADMISSION_LIMITS.answersPerSource + 2 }, () =>
      limits.refuse('192.0.2.1', 0),
    );
    expect(refusals[0]).to.equal('answer-and-log');
    expect(refusals.slice(1, -2)).to.deep.equal(
      Array.from({ length: ADMISSION_LIMITS.answersPerSource - 1 }, () => 'answer'),
    );
    expect(refusals.slice(-2)).to.deep.equal(['silence', 'silence']);
    expect(limits.refuse('192.0.2.1', ADMISSION_LIMITS.sourcePeriod)).to.equal('answer-and-log');
  });

  it('made-up sources: neither the table nor the log grows beyond its bound', () => {
    const limits = new SourceLimits({ perSecond: 1, burst: 1, exempt: NONE });
    let logged = 0;
    for (let i = 0; i < ADMISSION_LIMITS.sources + 5_000; i++) {
      const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
      limits.take(address, 0);
      if (limits.refuse(address, 0) === 'answer-and-log') logged++;
    }
    expect(limits.size).to.equal(ADMISSION_LIMITS.sources);
    expect(logged).to.equal(ADMISSION_LIMITS.logsPerPeriod);
  });

  it('forgets the source heard of longest ago', () => {
    const limits = new SourceLimits({ perSecond: 1, burst: 1, exempt: NONE });
    for (let i = 0; i < ADMISSION_LIMITS.sources; i++) limits.take(`first ${i}`, 0);
    limits.take('first 0', 0);
    limits.take('another', 0);
    expect(limits.isOver('first 0', 0)).to.equal(true);
    expect(limits.isOver('first 1', 0)).to.equal(false);
  });
});

describe('what counts as one source', () => {
  const keys: readonly (readonly [address: string, key: string])[] = [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['2001::1:2:3:4:5', '2001:0:0:1::/64'],
  ];
  for (const [address, key] of keys) {
    it(`${address} is of ${key}`, () => expect(sourceKey(address)).to.equal(key));
  }
});
