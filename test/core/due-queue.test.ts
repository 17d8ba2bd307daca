import { expect } from 'chai';
import fc from 'fast-check';
import { DueQueue } from '../../src/core/due-queue.ts';

describe('the queue of what is due', () => {
  it('hands out, whatever was put in, moved and taken out, what is due first, and each item once', () => {
    const operation = fc.record({
      item: fc.integer({ min: 0, max: 20 }),
      at: fc.integer({ min: 0, max: 50 }),
      kind: fc.constantFrom('set', 'set', 'delete', 'take'),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const queue = new DueQueue<number>();
        const model = new Map<number, number>();
        for (const { item, at, kind } of operations) {
          if (kind === 'set') {
            queue.set(item, at);
            model.set(item, at);
          } else if (kind === 'delete') {
            expect(queue.delete(item)).to.equal(model.delete(item));
          } else {
            const least = Math.min(...model.values());
            const taken = queue.takeDue(at);
            if (least > at) expect(taken).to.equal(undefined);
            else {
              expect(model.get(taken ?? -1)).to.equal(least);
              model.delete(taken ?? -1);
            }
          }
          expect(queue.size).to.equal(model.size);
          expect(queue.first?.at ?? Infinity).to.equal(Math.min(...model.values()));
        }
      }),
    );
  });

  it('is empty once it is cleared', () => {
    const queue = new DueQueue<string>();
    queue.set('a', 1);
    queue.clear();
    expect(queue.first).to.equal(undefined);
    expect(queue.takeDue(2)).to.equal(undefined);
    queue.set('a', 3);
    expect(queue.takeDue(2)).to.equal(undefined);
    expect(queue.takeDue(3)).to.equal('a');
  });
});
