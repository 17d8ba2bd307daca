import { expect } from 'chai';
import { Places } from '../../src/core/places.ts';

/** Work that ends when it is told to. */
function heldWork(log: string[], name: string): { work: () => Promise<string>; end: () => void } {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const work = async (): Promise<string> => {
    log.push(`${name} begins`);
    await ended;
    return name;
  };
  return { work, end: () => end() };
}

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('places', () => {
  it('let so many run at one time, the others in the order they came', async () => {
    const log: string[] = [];
    const places = new Places(2);
    const works = ['a', 'b', 'c', 'd'].map((name) => heldWork(log, name));
    const results = works.map(({ work }) => places.take(work));
    await soon();
    expect(log).to.deep.equal(['a begins', 'b begins']);
    works[1]?.end();
    await soon();
    expect(log.slice(2)).to.deep.equal(['c begins']);
    for (const { end } of works) end();
    expect(await Promise.all(results)).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(log.slice(3)).to.deep.equal(['d begins']);
  });

  it('go on after work that failed', async () => {
    const places = new Places(1);
    const failed = places.take(() => Promise.reject(new Error('no')));
    const next = places.take(() => Promise.resolve('yes'));
    expect(await failed.catch((error: unknown) => String(error))).to.equal('Error: no');
    expect(await next).to.equal('yes');
  });
});
