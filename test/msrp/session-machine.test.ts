import { expect } from 'chai';
import fc from 'fast-check';
import type { SessionEvent, SessionState } from '../../src/msrp/session-machine.ts';
import { transition } from '../../src/msrp/session-machine.ts';

const EVENTS: readonly SessionEvent[] = [
  'peer sent',
  'peer stayed',
  'bind accepted',
  'bind refused',
  'peer unreachable',
  'bind timeout',
  'connection closed',
  'moved',
  'closed by us',
];

describe('the life of a session', () => {
  const table: readonly [SessionState, SessionEvent, SessionState, unknown][] = [
    ['waiting', 'peer sent', 'bound', 'bound'],
    ['waiting', 'bind accepted', 'bound', 'bound'],
    ['waiting', 'bind refused', 'over', { ended: 'peer did not come' }],
    ['waiting', 'peer unreachable', 'over', { ended: 'peer did not come' }],
    ['waiting', 'bind timeout', 'over', { ended: 'peer did not come' }],
    ['waiting', 'connection closed', 'over', { ended: 'connection lost' }],
    ['waiting', 'closed by us', 'over', { ended: 'closed' }],
    ['bound', 'peer sent', 'bound', undefined],
    ['bound', 'bind accepted', 'bound', undefined],
    ['bound', 'bind refused', 'bound', undefined],
    ['bound', 'peer unreachable', 'bound', undefined],
    ['bound', 'bind timeout', 'bound', undefined],
    ['bound', 'connection closed', 'over', { ended: 'connection lost' }],
    ['bound', 'closed by us', 'over', { ended: 'closed' }],
    ['bound', 'peer stayed', 'bound', undefined],
    ['waiting', 'moved', 'waiting', undefined],
    ['bound', 'moved', 'moved', undefined],
    ['moved', 'moved', 'moved', undefined],
    ['moved', 'peer sent', 'bound', undefined],
    ['moved', 'bind accepted', 'bound', undefined],
    ['moved', 'bind refused', 'over', { ended: 'peer did not come' }],
    ['moved', 'peer unreachable', 'over', { ended: 'peer did not come' }],
    ['moved', 'bind timeout', 'over', { ended: 'peer did not come' }],
    ['moved', 'connection closed', 'over', { ended: 'connection lost' }],
    ['moved', 'closed by us', 'over', { ended: 'closed' }],
    ['moved', 'peer stayed', 'stayed', undefined],
    ['stayed', 'peer stayed', 'stayed', undefined],
    ['stayed', 'bind timeout', 'bound', undefined],
    ['stayed', 'peer unreachable', 'bound', undefined],
    ['stayed', 'moved', 'moved', undefined],
    ['stayed', 'connection closed', 'moved', undefined],
    ['stayed', 'closed by us', 'over', { ended: 'closed' }],
    ...EVENTS.map((event) => ['over', event, 'over', undefined] as const),
  ].map(
    ([from, event, to, tell]) =>
      [from, event, to, tell] as [SessionState, SessionEvent, SessionState, unknown],
  );

  for (const [from, event, to, tell] of table) {
    it(`goes from ${from} by "${event}" to ${to}`, () => {
      expect(transition(from, event)).to.deep.equal(tell === undefined ? { state: to } : { state: to, tell });
    });
  }

  it('tells of one bind at most and one end at most, and of nothing after the end', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 20 }), (events) => {
        let state: SessionState = 'waiting';
        const told: string[] = [];
        for (const event of events) {
          const next = transition(state, event);
          state = next.state;
          if (next.tell !== undefined) told.push(next.tell === 'bound' ? 'bound' : 'ended');
        }
        expect(['', 'bound', 'ended', 'bound,ended']).to.include(told.join());
        expect(state === 'over').to.equal(told.includes('ended'));
      }),
    );
  });
});
