import { expect } from 'chai';
import type { ReceivedMessage } from '../../../src/engine/transport/transport.ts';
import { Opening } from '../../../src/engine/user-agent/opening.ts';
import { parseMessage } from '../../../src/engine/message/parse-message.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';

const end = { protocol: 'udp', address: '127.0.0.1', port: 5060 } as const;
const text =
  'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKa\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n';
const received: ReceivedMessage = {
  message: parseMessage(Buffer.from(text)),
  source: end,
  local: end,
  flow: { local: end, remote: end, send: () => Promise.resolve() },
};

describe('an engine that has just opened its ports', () => {
  it('holds requests until an application is at work, and then takes them in their order', async () => {
    const clock = new FakeClock();
    let served = false;
    let taken = 0;
    const opening = new Opening(
      clock,
      () => served,
      () => taken++,
    );
    opening.begin(5_000);
    expect([opening.holds(received), opening.holds(received)]).to.deep.equal([true, true]);
    await clock.advance(1_000);
    expect(taken).to.equal(0);
    served = true;
    await clock.advance(20);
    expect(taken).to.equal(2);
    expect(opening.holds(received)).to.equal(false);
    expect(clock.pendingTimers).to.equal(0);
  });

  it('holds them no longer than it was told, and none at all unless it was told', async () => {
    const clock = new FakeClock();
    let taken = 0;
    const opening = new Opening(
      clock,
      () => false,
      () => taken++,
    );
    opening.begin(100);
    opening.holds(received);
    await clock.advance(110);
    expect(taken).to.equal(1);
    const ready = new Opening(
      clock,
      () => false,
      () => taken++,
    );
    ready.begin(0);
    expect(ready.holds(received)).to.equal(false);
    expect(clock.pendingTimers).to.equal(0);
  });
});
