import { expect } from 'chai';
import { SessionClosed } from '../../src/msrp/errors.ts';
import type { RawMsrpClient } from '../doubles/raw-msrp-client.ts';
import { RawMsrpServer, msrpReport, msrpResponse } from '../doubles/raw-msrp-client.ts';
import { settle } from '../doubles/fake-clock.ts';
import { PEER, RunningEndpoint, bind, remoteSide, text } from './running-endpoint.ts';

/** Where the peer goes on. */
const ELSEWHERE = 'msrp://198.51.100.9:7000/k82ndPq01x;tcp';

const HELLO = { messageId: 'hello', contentType: 'text/plain', content: Buffer.from('hello') };

/** What became of a promise, to be looked at before it is settled. */
function outcome(promise: Promise<void>): { word: string } {
  const seen = { word: 'open' };
  promise.then(
    () => (seen.word = 'delivered'),
    (error: unknown) => (seen.word = error instanceof SessionClosed ? 'session closed' : String(error)),
  );
  return seen;
}

describe('a session whose peer goes on from elsewhere', () => {
  let running: RunningEndpoint;

  /** A connection over which the session is bound anew. */
  async function rebind(uri: string, from = ELSEWHERE): Promise<RawMsrpClient> {
    const client = await running.connect();
    await client.sendBytes(bind(uri, 'bind0009', from));
    expect(await client.nextFrame()).to.include({ transactId: 'bind0009', status: 200 });
    return client;
  }

  beforeEach(async () => {
    running = await RunningEndpoint.start();
  });

  afterEach(async () => {
    await running.stop();
    expect(running.clock.pendingTimers).to.equal(0);
  });

  it('keeps its URI, is bound by the next SEND over another connection, and tells its owner nothing', async () => {
    const { uri, session, owner } = await running.bound();
    session.move(remoteSide(ELSEWHERE));
    const client = await rebind(uri);
    await client.sendBytes(text(uri, 'over here', { from: ELSEWHERE }));
    expect((await client.nextFrame()).status).to.equal(200);
    session.send(HELLO).catch(() => undefined);
    const sent = await client.nextFrame();
    expect(sent.header('To-Path')).to.equal(ELSEWHERE);
    expect(sent.header('From-Path')).to.equal(uri);
    expect(owner.told).to.deep.equal(['bound', 'over here']);
  });

  it('is bound anew by a SEND with content too, and what waits goes out after its answer', async () => {
    const { uri, session, owner } = await running.bound();
    session.move(remoteSide(ELSEWHERE));
    session.send(HELLO).catch(() => undefined);
    const client = await running.connect();
    await client.sendBytes(text(uri, 'over here', { from: ELSEWHERE }));
    expect((await client.nextFrame()).status).to.equal(200);
    expect((await client.nextFrame()).body.toString()).to.equal('hello');
    expect(owner.told).to.deep.equal(['bound', 'over here']);
  });

  it('sends nothing new before it is bound anew', async () => {
    const { uri, client: former, session } = await running.bound();
    session.move(remoteSide(ELSEWHERE));
    session.send(HELLO).catch(() => undefined);
    await running.clock.advance(20_000);
    expect(former.takeFrame()).to.equal(undefined);
    const client = await rebind(uri);
    expect((await client.nextFrame()).body.toString()).to.equal('hello');
    expect(former.takeFrame()).to.equal(undefined);
  });

  it('is over when the peer does not come in time, counted from the move', async () => {
    const { session, owner } = await running.bound();
    await running.clock.advance(25_000);
    session.move(remoteSide(ELSEWHERE));
    await running.clock.advance(29_999);
    expect(owner.told).to.deep.equal(['bound']);
    await running.clock.advance(1);
    expect(owner.told).to.deep.equal(['bound', 'ended: peer did not come']);
  });

  it('may move before it was ever bound', async () => {
    const { uri, session, owner } = running.open();
    await running.clock.advance(25_000);
    session.move(remoteSide(ELSEWHERE));
    await running.clock.advance(25_000);
    await rebind(uri);
    expect(owner.told).to.deep.equal(['bound']);
  });

  it('may move again before it is bound anew, and goes where it moved last', async () => {
    const { uri, session } = await running.bound();
    session.move(remoteSide('msrp://198.51.100.9:7000/between;tcp'));
    session.move(remoteSide(ELSEWHERE));
    const client = await rebind(uri);
    session.send(HELLO).catch(() => undefined);
    expect((await client.nextFrame()).header('To-Path')).to.equal(ELSEWHERE);
  });

  it('takes the answer to what it sent over the former connection', async () => {
    const { client: former, session } = await running.bound();
    const sent = outcome(session.send(HELLO));
    const frame = await former.nextFrame();
    session.move(remoteSide(ELSEWHERE));
    await former.sendBytes(msrpResponse(frame, '200 OK', PEER));
    await former.sendBytes(msrpReport(frame, '000 200 OK', PEER));
    await running.clock.advance(0);
    for (let i = 0; i < 100 && sent.word === 'open'; i++) await settle();
    expect(sent.word).to.equal('delivered');
  });

  it('leaves undelivered what was not answered when the former connection closes', async () => {
    const { uri, client: former, session, owner } = await running.bound();
    const sent = session.send(HELLO);
    await former.nextFrame();
    session.move(remoteSide(ELSEWHERE));
    former.close();
    expect(await sent.catch((error: unknown) => error)).to.be.instanceOf(SessionClosed);
    await rebind(uri);
    expect(owner.told).to.deep.equal(['bound']);
  });

  it('leaves undelivered what was not answered a moment after it was bound anew, and then the connection', async () => {
    const { uri, client: former, session } = await running.bound();
    const sent = outcome(session.send(HELLO));
    await former.nextFrame();
    session.move(remoteSide(ELSEWHERE));
    const client = await rebind(uri);
    await running.clock.advance(1_499);
    expect(sent.word).to.equal('open');
    await running.clock.advance(1);
    expect(sent.word).to.equal('session closed');
    await running.clock.advance(1_500);
    await former.waitForEnd();
    expect(client.ended).to.equal(false);
  });

  it('answers the last requests of the peer over the former connection, which do not bind it', async () => {
    const { uri, client: former, session, owner } = await running.bound();
    session.move(remoteSide(ELSEWHERE));
    await former.sendBytes(text(uri, 'last words'));
    expect(await former.nextFrame()).to.include({ transactId: 'tid-m1', status: 200 });
    session.send(HELLO).catch(() => undefined);
    const client = await rebind(uri);
    expect((await client.nextFrame()).body.toString()).to.equal('hello');
    await former.sendBytes(text(uri, 'and still more', { id: 'm2' }));
    expect(await former.nextFrame()).to.include({ transactId: 'tid-m2', status: 200 });
    expect(owner.told).to.deep.equal(['bound', 'last words', 'and still more']);
    await running.clock.advance(1_500);
    await former.sendBytes(text(uri, 'too late', { id: 'm3' }));
    expect(await former.nextFrame()).to.include({ transactId: 'tid-m3', status: 506 });
  });

  it('puts a message together whose chunks came before and after the move', async () => {
    const { uri, client: former, session, owner } = await running.bound();
    await former.sendBytes(text(uri, 'half', { range: '1-4/9', flag: '+' }));
    expect((await former.nextFrame()).status).to.equal(200);
    session.move(remoteSide(ELSEWHERE));
    const client = await rebind(uri);
    await client.sendBytes(text(uri, ' more', { from: ELSEWHERE, range: '5-9/9', transactId: 'tid-2nd' }));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound', 'half more']);
  });

  it('goes on over the same connection when the peer does, named as in its new SDP', async () => {
    const { uri, client, session, owner } = await running.bound();
    session.move(remoteSide(ELSEWHERE));
    session.send(HELLO).catch(() => undefined);
    await client.sendBytes(text(uri, 'same line', { from: ELSEWHERE }));
    expect((await client.nextFrame()).status).to.equal(200);
    const sent = await client.nextFrame();
    expect(sent.header('To-Path')).to.equal(ELSEWHERE);
    await running.clock.advance(120_000);
    await client.sendBytes(text(uri, 'still here', { from: ELSEWHERE, id: 'm2' }));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound', 'same line', 'still here']);
  });

  it('follows a peer that says its last words under the same session-id and then comes from elsewhere', async () => {
    // Only the address in its path is new.
    const renumbered = PEER.replace('192.0.2.7:7654', '198.51.100.9:7000');
    const { uri, client: former, session, owner } = await running.bound();
    session.move(remoteSide(renumbered));
    await former.sendBytes(text(uri, 'last words'));
    expect((await former.nextFrame()).status).to.equal(200);
    const client = await rebind(uri, renumbered);
    session.send(HELLO).catch(() => undefined);
    expect((await client.nextFrame()).body.toString()).to.equal('hello');
    expect(owner.told).to.deep.equal(['bound', 'last words']);
  });

  it('still waits for a peer whose former connection it first stayed on is lost', async () => {
    const renumbered = PEER.replace('192.0.2.7:7654', '198.51.100.9:7000');
    const { uri, client: former, session, owner } = await running.bound();
    session.move(remoteSide(renumbered));
    await former.sendBytes(text(uri, 'last words'));
    expect((await former.nextFrame()).status).to.equal(200);
    const sent = session.send(HELLO);
    await former.nextFrame();
    former.close();
    expect(await sent.catch((error: unknown) => error)).to.be.instanceOf(SessionClosed);
    await rebind(uri, renumbered);
    expect(owner.told).to.deep.equal(['bound', 'last words']);
  });

  it('does not close a former connection that other sessions use', async () => {
    const { uri, client: former, session } = await running.bound();
    const other = running.open();
    await former.sendBytes(bind(other.uri, 'bind0002'));
    expect((await former.nextFrame()).status).to.equal(200);
    session.move(remoteSide(ELSEWHERE));
    await rebind(uri);
    await running.clock.advance(60_000);
    await former.sendBytes(text(other.uri, 'still here'));
    expect((await former.nextFrame()).status).to.equal(200);
  });

  it('does nothing any more once it is over', async () => {
    const { session, owner } = await running.bound();
    session.close();
    session.move(remoteSide(ELSEWHERE));
    await running.clock.advance(60_000);
    expect(owner.told).to.deep.equal(['bound', 'ended: closed']);
  });

  describe('to a place where we make the connection', () => {
    let peer: RawMsrpServer;
    let path: string;

    beforeEach(async () => {
      peer = await RawMsrpServer.listen();
      path = `msrp://127.0.0.1:${peer.port}/k82ndPq01x;tcp`;
    });

    afterEach(async () => {
      await peer.close();
    });

    it('is bound by the 200 to a new empty SEND, and nothing is sent before', async () => {
      const { uri, session, owner } = await running.bound();
      session.move(remoteSide(path, 'active'));
      session.send(HELLO).catch(() => undefined);
      const client = await peer.nextClient();
      const frame = await client.nextFrame();
      expect(frame.header('To-Path')).to.equal(path);
      expect(frame.header('From-Path')).to.equal(uri);
      expect(frame.header('Byte-Range')).to.equal('1-0/0');
      await running.clock.advance(5_000);
      expect(client.takeFrame()).to.equal(undefined);
      await client.sendBytes(msrpResponse(frame, '200 OK', path));
      expect((await client.nextFrame()).body.toString()).to.equal('hello');
      expect(owner.told).to.deep.equal(['bound']);
    });

    it('is over when our bind is refused there', async () => {
      const { session, owner } = await running.bound();
      session.move(remoteSide(path, 'active'));
      const client = await peer.nextClient();
      await client.sendBytes(msrpResponse(await client.nextFrame(), '481 No such session', path));
      await owner.waitFor(2);
      expect(owner.told).to.deep.equal(['bound', 'ended: peer did not come']);
    });

    it('is over when the connection is lost before it was bound', async () => {
      const { session, owner } = await running.bound();
      session.move(remoteSide(path, 'active'));
      const client = await peer.nextClient();
      await client.nextFrame();
      client.close();
      await owner.waitFor(2);
      expect(owner.told).to.deep.equal(['bound', 'ended: connection lost']);
    });

    it('gives up a connection it was making to where the peer is no more', async () => {
      const { uri, session, owner } = await running.bound();
      session.move(remoteSide(path.replace('msrp:', 'msrps:'), 'active'));
      const stale = await peer.nextClient();
      session.move(remoteSide(ELSEWHERE));
      await stale.waitForEnd();
      await rebind(uri);
      expect(owner.told).to.deep.equal(['bound']);
    });

    it('leaves a connection it was binding to where the peer is no more', async () => {
      const { uri, session, owner } = await running.bound();
      session.move(remoteSide(path, 'active'));
      const stale = await peer.nextClient();
      const frame = await stale.nextFrame();
      session.move(remoteSide(ELSEWHERE));
      await stale.sendBytes(msrpResponse(frame, '481 No such session', path));
      await rebind(uri);
      await running.clock.advance(1_500);
      await stale.waitForEnd();
      expect(owner.told).to.deep.equal(['bound']);
    });
  });
});
