import { expect } from 'chai';
import { settle } from '../doubles/fake-clock.ts';
import type { RawMsrpClient } from '../doubles/raw-msrp-client.ts';
import type { OpenSession } from './running-endpoint.ts';
import { RunningEndpoint, text } from './running-endpoint.ts';

describe('the answer to the last words of a peer, whose commit takes longer than a moment', () => {
  let running: RunningEndpoint;
  let bound: OpenSession & { client: RawMsrpClient };
  let commit: () => void;

  beforeEach(async () => {
    running = await RunningEndpoint.start();
    bound = await running.bound();
    bound.owner.take = () => new Promise((resolve) => (commit = resolve));
    await bound.client.sendBytes(text(bound.uri, 'last words'));
    await bound.owner.waitFor(2);
  });

  afterEach(async () => {
    await running.stop();
    expect(running.clock.pendingTimers).to.equal(0);
  });

  it('is given after the end of its session, and then the connection ends', async () => {
    bound.session.close();
    await running.clock.advance(11_000);
    commit();
    expect((await bound.client.nextFrame()).status).to.equal(200);
    await bound.client.waitForEnd();
  });

  it('is given after the peer said that it sends no more, and then the connection ends', async () => {
    bound.client.end();
    // The clock is turned once our side has heard of it.
    for (let timers = 0; timers === 0; timers = running.clock.pendingTimers) await settle();
    await running.clock.advance(9_000);
    commit();
    expect((await bound.client.nextFrame()).status).to.equal(200);
    await bound.client.waitForEnd();
  });

  it('is not waited for longer than 10 s', async () => {
    bound.session.close();
    await running.clock.advance(11_499);
    expect(bound.client.ended).to.equal(false);
    await running.clock.advance(1);
    await bound.client.waitForEnd();
    expect(bound.client.takeFrame()).to.equal(undefined);
    commit();
  });
});
