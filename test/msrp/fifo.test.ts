import { expect } from 'chai';
import { Fifo } from '../../src/msrp/fifo.ts';

describe('what waits first in, first out', () => {
  it('comes in its order, however it is put in and taken', () => {
    const fifo = new Fifo<number>();
    const taken: (number | undefined)[] = [];
    let next = 0;
    for (let round = 0; round < 300; round++) {
      for (let i = 0; i < (round * 7) % 11; i++) fifo.push(next++);
      for (let i = 0; i < (round * 5) % 7; i++) if (fifo.length > 0) taken.push(fifo.shift());
    }
    while (fifo.length > 0) taken.push(fifo.shift());
    expect(taken).to.deep.equal([...Array(next).keys()]);
    expect(fifo.shift()).to.equal(undefined);
  });

  it('is none any more when it is cleared', () => {
    const fifo = new Fifo<string>();
    fifo.push('a');
    fifo.push('b');
    fifo.clear();
    fifo.push('c');
    expect([fifo.length, fifo.shift(), fifo.shift()]).to.deep.equal([1, 'c', undefined]);
  });

  it('costs each no more however many wait', () => {
    const time = (count: number): number => {
      const fifo = new Fifo<object>();
      const begun = performance.now();
      for (let i = 0; i < count; i++) fifo.push({});
      while (fifo.shift() !== undefined);
      return (performance.now() - begun) / count;
    };
    time(10_000);
    // Array.shift takes 30 times as long for each of so many.
    expect(time(400_000)).to.be.lessThan(10 * time(10_000) + 0.002);
  });
});
