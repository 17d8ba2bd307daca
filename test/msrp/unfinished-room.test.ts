import { expect } from 'chai';
import type { Metrics } from '../../src/core/metrics.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { MsrpSession } from '../../src/msrp/session.ts';
import { UnfinishedRoom } from '../../src/msrp/unfinished-room.ts';
import { settle } from '../doubles/fake-clock.ts';
import { msrpRequest } from '../doubles/raw-msrp-client.ts';
import type { FakeStream } from './assembly.ts';
import { Assembly, FIXTURE_PEER } from './assembly.ts';

const KB = 1024;

function chunk(session: string, id: string, body: string | Buffer, flag = '+', range = '1-*/*'): Buffer {
  return msrpRequest({
    transactId: `t-${session}-${id}`,
    to: `msrp://127.0.0.1:2855/${session};tcp`,
    from: FIXTURE_PEER,
    headers: [`Message-ID: ${id}`, `Byte-Range: ${range}`, 'Content-Type: text/plain'],
    body,
    flag,
  });
}

describe('the room for what is unfinished', () => {
  it('is given out up to its size and taken back, and counts what it refuses', () => {
    let refused = 0;
    const metrics: Metrics = {
      ...noMetrics,
      counter: () => ({
        add: () => {
          refused++;
        },
      }),
    };
    const room = new UnfinishedRoom(100, metrics);
    const [one, other] = [room.share(), room.share()];
    expect(one.resize(60)).to.equal(true);
    expect(other.resize(41)).to.equal(false);
    expect(room.taken).to.equal(60);
    expect(other.resize(40)).to.equal(true);
    expect(one.resize(61)).to.equal(false);
    expect(one.resize(10)).to.equal(true);
    expect(other.resize(90)).to.equal(true);
    one.release();
    one.release();
    other.release();
    expect(room.taken).to.equal(0);
    expect(refused).to.equal(2);
  });

  it('is one for two thousand sessions that each leave their messages unfinished', async () => {
    const size = 16 * 1024 * KB;
    const assembly = new Assembly({ unfinishedRoom: size });
    const links: FakeStream[] = [];
    const sessions: MsrpSession[] = [];
    for (let i = 0; i < 2_000; i++) {
      sessions.push(assembly.open(() => Promise.resolve(), `s${i}`));
      const link = assembly.connect();
      links.push(link);
      for (const id of ['a', 'b']) {
        link.feed(chunk(`s${i}`, id, Buffer.alloc(16 * KB)));
        expect(assembly.room.taken).to.be.at.most(size);
      }
      if (i % 50 === 0) await settle();
    }
    await settle();
    expect(assembly.room.taken).to.be.above(0.9 * size);
    const answers = links.flatMap((link) => link.answers);
    expect(answers).to.have.length(4_000);
    expect(answers.filter((answer) => answer.endsWith(' 413'))).to.have.length.above(2_000);
    // Those who have room still get their messages through.
    links[0]?.feed(chunk('s0', 'a', 'end', '$', `${16 * KB + 1}-*/*`));
    await settle();
    expect(links[0]?.answers.at(-1)).to.equal('t-s0-a 200');
    for (const session of sessions.slice(0, 1_000)) session.close();
    expect(assembly.room.taken).to.be.below(0.1 * size);
    // What the others have given back is there for whoever comes.
    links[1_999]?.feed(chunk('s1999', 'c', Buffer.alloc(16 * KB)));
    await settle();
    expect(links[1_999]?.answers.at(-1)).to.equal('t-s1999-c 200');
    assembly.close();
    await settle();
    expect(assembly.room.taken).to.equal(0);
    expect(assembly.clock.pendingTimers).to.equal(0);
  });

  it('is given back by a connection that is lost in the middle of a chunk', async () => {
    const assembly = new Assembly();
    assembly.open(() => Promise.resolve(), 'known');
    const link = assembly.connect();
    link.feed(chunk('known', 'a', Buffer.alloc(10 * KB)).subarray(0, 9 * KB));
    expect(assembly.room.taken).to.be.above(8 * KB);
    link.destroy();
    await settle();
    expect(assembly.room.taken).to.equal(0);
    assembly.close();
  });

  it('is not taken by strangers who send large messages to sessions there are none of', async () => {
    const assembly = new Assembly();
    const link = assembly.connect();
    const large = chunk('unknown', 'a', Buffer.alloc(10 * KB));
    link.feed(large.subarray(0, 9 * KB));
    expect(assembly.room.taken).to.equal(0);
    link.feed(large.subarray(9 * KB));
    await settle();
    expect(link.answers).to.have.length(1);
    expect(link.answers[0]).to.match(/ 481$/);
    assembly.close();
  });

  it('is taken by what comes for a session whose call is not answered yet', async () => {
    const assembly = new Assembly();
    assembly.registry.expect('soon');
    const link = assembly.connect();
    link.feed(chunk('soon', 'a', Buffer.alloc(10 * KB), '$'));
    expect(assembly.room.taken).to.be.above(8 * KB);
    const taken: string[] = [];
    assembly.open(({ messageId }) => Promise.resolve(void taken.push(messageId)), 'soon');
    await settle();
    expect(taken).to.deep.equal(['a']);
    assembly.close();
  });

  it('holds a whole message till its owner has taken it', async () => {
    const assembly = new Assembly();
    let stored = (): void => undefined;
    assembly.open(() => new Promise((resolve) => (stored = resolve)), 's');
    assembly.connect().feed(chunk('s', 'a', Buffer.alloc(10 * KB), '$', `1-${10 * KB}/${10 * KB}`));
    await settle();
    expect(assembly.room.taken).to.equal(10 * KB);
    stored();
    await settle();
    expect(assembly.room.taken).to.equal(0);
    assembly.close();
  });

  it('is given back by a message that is given up, refused or whole', async () => {
    const assembly = new Assembly({ maxMessageBytes: 20 * KB });
    assembly.open(() => Promise.resolve(), 's');
    const link = assembly.connect();
    for (const last of [
      chunk('s', 'a', 'x', '#', `${10 * KB + 1}-*/*`),
      chunk('s', 'a', Buffer.alloc(11 * KB), '$', `${10 * KB + 1}-*/*`),
      chunk('s', 'a', 'x', '$', `${10 * KB + 1}-*/*`),
    ]) {
      link.feed(chunk('s', 'a', Buffer.alloc(10 * KB)));
      await settle();
      expect(assembly.room.taken).to.be.above(8 * KB);
      link.feed(last);
      await settle();
      expect(assembly.room.taken).to.equal(0);
    }
    assembly.close();
  });
});
