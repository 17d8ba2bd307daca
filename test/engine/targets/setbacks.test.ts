import { expect } from 'chai';
import { TARGET_LIMITS } from '../../../src/engine/targets/limits.ts';
import { Setbacks } from '../../../src/engine/targets/setbacks.ts';
import type { Endpoint } from '../../../src/engine/transport/transport.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';

const { longestRetryAfter, overloaded, probation, unreachable } = TARGET_LIMITS;

const at = (port: number): Endpoint => ({ protocol: 'udp', address: '192.0.2.1', port });
const [A, B, C] = [at(1), at(2), at(3)];

describe('addresses that failed (RFC 3263 §4.3)', () => {
  let clock: FakeClock;
  let setbacks: Setbacks;

  beforeEach(() => {
    clock = new FakeClock();
    setbacks = new Setbacks(clock);
  });

  const order = (): number[] => setbacks.order([A, B, C]).map(({ port }) => port);

  it('come last for a while, the one that failed first before the others', async () => {
    expect(order()).to.deep.equal([1, 2, 3]);
    setbacks.failed(A, { kind: 'unreachable' });
    await clock.advance(1);
    setbacks.failed(B, { kind: 'unreachable' });
    expect(order()).to.deep.equal([3, 1, 2]);
    await clock.advance(unreachable - 1);
    expect(order()).to.deep.equal([1, 3, 2]);
  });

  it('are told apart by transport, address and port', () => {
    setbacks.failed({ ...A, protocol: 'tcp' }, { kind: 'unreachable' });
    setbacks.failed({ ...A, address: '192.0.2.2' }, { kind: 'unreachable' });
    expect(order()).to.deep.equal([1, 2, 3]);
  });

  it('are in their place again once they have answered', () => {
    setbacks.failed(A, { kind: 'unreachable' });
    setbacks.answered(A);
    expect(order()).to.deep.equal([1, 2, 3]);
    expect(setbacks.size).to.equal(0);
  });

  it('are tried by one request when their time is over, by the others once they have answered', async () => {
    setbacks.failed(A, { kind: 'unreachable' });
    await clock.advance(unreachable);
    expect(order()).to.deep.equal([1, 2, 3]);
    expect(order()).to.deep.equal([2, 3, 1]);
    await clock.advance(probation);
    expect(order()).to.deep.equal([1, 2, 3]);
    setbacks.answered(A);
    expect(order()).to.deep.equal([1, 2, 3]);
  });

  it('that said 503 come last for less long, and are left alone as long as they said, within bounds', async () => {
    setbacks.failed(A, { kind: 'overloaded' });
    expect(setbacks.shunned(A)).to.equal(0);
    await clock.advance(overloaded - 1);
    expect(order()).to.deep.equal([2, 3, 1]);
    await clock.advance(1);
    expect(order()).to.deep.equal([1, 2, 3]);
    setbacks.failed(B, { kind: 'overloaded', retryAfter: 30_000 });
    setbacks.answered(B);
    expect(setbacks.shunned(B), 'whatever it says else').to.equal(30_000);
    await clock.advance(30_000);
    expect(setbacks.shunned(B)).to.equal(0);
    setbacks.failed(C, { kind: 'overloaded', retryAfter: 1e9 });
    expect(setbacks.shunned(C)).to.equal(longestRetryAfter);
  });

  it('flood: only so many are remembered', () => {
    for (let port = 0; port <= TARGET_LIMITS.setbacks; port++) {
      setbacks.failed(at(port), { kind: 'unreachable' });
    }
    expect(setbacks.size).to.equal(TARGET_LIMITS.setbacks);
  });
});
