import { expect } from 'chai';
import { SessionClosed } from '../../src/msrp/errors.ts';
import type { MsrpLimits } from '../../src/msrp/limits.ts';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import { LargeMsrpReader } from '../doubles/large-msrp-reader.ts';
import { RunningEndpoint } from './running-endpoint.ts';
import type { OpenSession } from './running-endpoint.ts';

const LARGE = Buffer.alloc(10_000_000, 'a line of text\r\n');
const message = { contentType: 'text/plain; charset=utf-8', content: LARGE };

describe('a peer that reads large messages', () => {
  let running: RunningEndpoint;
  let reader: LargeMsrpReader;

  async function bound(limits: Partial<MsrpLimits> = {}, answers = true): Promise<OpenSession> {
    running = await RunningEndpoint.start({ limits });
    const open = running.open();
    reader = await LargeMsrpReader.bound(open.uri, { answers });
    return open;
  }

  afterEach(async () => {
    reader.close();
    await running.stop();
  });

  it('gets ten of 10 MB one after the other, more than may wait at a time', async () => {
    const { session } = await bound();
    const sent = Array.from({ length: 10 }, () => session.send(message));
    await Promise.all(sent);
    expect(reader.messages).to.have.length(10);
    expect(10 * LARGE.length).to.be.greaterThan(MSRP_LIMITS.queuedPerConnection);
  });

  it('gets them in chunks of 2048 bytes when it is set so', async () => {
    const { session } = await bound({ chunkOver: 65_536 });
    await Promise.all([session.send(message), session.send(message)]);
    expect(reader.messages).to.have.length(2);
    expect(reader.bytes).to.be.greaterThan(2 * LARGE.length);
  });

  it('gets those of two sessions in turn', async () => {
    const { session } = await bound();
    const other = running.open();
    await reader.share(other.uri);
    const sent = [1, 2, 3].map((number) => session.send({ ...message, messageId: `a${number}` }));
    sent.push(...[1, 2, 3].map((number) => other.session.send({ ...message, messageId: `b${number}` })));
    await Promise.all(sent);
    expect(reader.messages).to.deep.equal(['a1', 'a2', 'b1', 'a3', 'b2', 'b3']);
  });

  it('gets a short one of another session between the chunks of a long one', async () => {
    const { session } = await bound({ chunkOver: 65_536 });
    const other = running.open();
    await reader.share(other.uri);
    const sent = session.send({ ...message, messageId: 'long' });
    await other.session.send({
      contentType: 'text/plain',
      content: Buffer.from('short'),
      messageId: 'short',
    });
    await sent;
    expect(reader.messages).to.deep.equal(['short', 'long']);
  });

  it('may read and answer later than 30 s', async () => {
    const { session, owner } = await bound({}, false);
    reader.pause();
    const sent = session.send(message);
    await running.clock.advance(29_000);
    reader.resume();
    await reader.waitFor(1);
    await running.clock.advance(29_000);
    expect(owner.ended).to.equal(undefined);
    reader.answer();
    await sent;
  });

  it('loses the connection when it never reads, and the messages stay ours', async () => {
    const { session, owner } = await bound();
    reader.pause();
    const outcomes = Promise.allSettled([session.send(message), session.send(message)]);
    // What the system takes by itself is taken first, a piece at a time.
    while (owner.ended === undefined) await running.clock.advance(MSRP_LIMITS.stalledTimeout);
    expect(owner.ended).to.equal('connection lost');
    for (const outcome of await outcomes) {
      expect(outcome.status === 'rejected' && outcome.reason).to.be.instanceOf(SessionClosed);
    }
    expect(reader.messages).to.deep.equal([]);
  });
});
