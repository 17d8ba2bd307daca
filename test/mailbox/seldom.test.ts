import { expect } from 'chai';
import { Seldom } from '../../src/mailbox/seldom.ts';

describe('what is said or done seldom', () => {
  let now = 0;
  const clock = { now: () => now, after: () => ({ cancel: () => undefined }) };
  const rates = [
    { times: 2, within: 10 },
    { times: 3, within: 100 },
  ];

  beforeEach(() => {
    now = 1_000;
  });

  const at = (seldom: Seldom, times: readonly number[]): boolean[] =>
    times.map((time) => {
      now = 1_000 + time;
      return seldom.may('alice', 'old');
    });

  it('is not more often than every rate allows; what is left out does not count', () => {
    const seldom = new Seldom({ clock, rates, most: 10 });
    expect(at(seldom, [0, 1, 2, 10, 20, 99, 100, 101])).to.deep.equal([
      ...[true, true, false, true, false, false, true, true],
    ]);
  });

  it('begins anew after something else, and for somebody else', () => {
    const seldom = new Seldom({ clock, rates, most: 10 });
    at(seldom, [0, 1]);
    expect(seldom.may('bob', 'old')).to.equal(true);
    expect(seldom.may('alice', 'new')).to.equal(true);
    expect(seldom.may('alice', 'old')).to.equal(true);
  });

  it('is not put off by a clock that was put back', () => {
    const seldom = new Seldom({ clock, rates, most: 10 });
    at(seldom, [0, 1]);
    now = 0;
    expect(seldom.may('alice', 'old')).to.equal(true);
  });

  it('keeps a bounded number of names in mind', () => {
    const seldom = new Seldom({ clock, rates: [{ times: 1, within: 10 }], most: 2 });
    for (const name of ['a', 'b', 'c']) expect(seldom.may(name)).to.equal(true);
    expect(['c', 'b', 'a'].map((name) => seldom.may(name))).to.deep.equal([false, false, true]);
  });
});
