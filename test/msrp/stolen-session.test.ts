import { expect } from 'chai';
import type { RawMsrpClient } from '../doubles/raw-msrp-client.ts';
import { msrpReport, msrpRequest, msrpResponse } from '../doubles/raw-msrp-client.ts';
import { PEER, RunningEndpoint, bind, remoteSide, text } from './running-endpoint.ts';

/** The thief's own path: she has a session of her own with us. */
const THIEF = 'msrp://192.0.2.66:7654/Ym0uZ1sI4n;tcp';

const SECRET = { messageId: 'secret', contentType: 'text/plain', content: Buffer.from('secret') };

describe('a session URI known to somebody else', () => {
  let running: RunningEndpoint;

  beforeEach(async () => {
    running = await RunningEndpoint.start();
  });

  afterEach(async () => {
    await running.stop();
    expect(running.clock.pendingTimers).to.equal(0);
  });

  /** A second session, of the thief, over the connection of the first. */
  async function admitThief(client: RawMsrpClient, from = THIEF): Promise<void> {
    const own = running.open('passive', from);
    await client.sendBytes(bind(own.uri, 'thiefbind', from));
    expect(await client.nextFrame()).to.include({ transactId: 'thiefbind', status: 200 });
  }

  for (const [what, theirs] of [
    ['a message', (uri: string) => text(uri, 'forged', { from: THIEF })],
    ['a bind', (uri: string) => bind(uri, 'tid-m1', THIEF)],
  ] as const) {
    it(`is worth nothing on another connection: ${what} gets 506`, async () => {
      const { uri, owner } = await running.bound();
      const thief = await running.connect();
      await thief.sendBytes(theirs(uri));
      expect(await thief.nextFrame()).to.include({ transactId: 'tid-m1', status: 506 });
      expect(owner.told).to.deep.equal(['bound']);
    });

    it(`is worth nothing to the peer of another session on the same connection: ${what} gets 403`, async () => {
      const { client, uri, owner } = await running.bound();
      await admitThief(client);
      await client.sendBytes(theirs(uri));
      expect(await client.nextFrame()).to.include({ transactId: 'tid-m1', status: 403 });
      await client.sendBytes(text(uri, 'true', { id: 'm2' }));
      expect((await client.nextFrame()).status).to.equal(200);
      expect(owner.told).to.deep.equal(['bound', 'true']);
    });

    it(`is worth nothing to another client of the same relay: ${what} gets 403`, async () => {
      const relay = (token: string): string => `msrp://relay.example:2855/${token};tcp`;
      const path = `${relay('alice+1')} ${PEER}`;
      const { client, uri, owner } = await running.bound(path);
      // The relay puts in what it gave to the client the message came from, whatever that one says it is.
      const forged = theirs(uri)
        .toString()
        .replace(THIEF, `${relay('mallory+2')} ${PEER}`);
      await client.sendBytes(forged);
      expect(await client.nextFrame()).to.include({ transactId: 'tid-m1', status: 403 });
      expect(owner.told).to.deep.equal(['bound']);
    });
  }

  it('does not let the peer of another session vouch for messages that were not delivered', async () => {
    const { client, session, uri } = await running.bound();
    await admitThief(client);
    let outcome = 'open';
    const sent = session.send(SECRET).then(() => (outcome = 'delivered'));
    const frame = await client.nextFrame();
    await client.sendBytes(msrpReport(frame, '000 200 OK', THIEF));
    await client.sendBytes(bind(uri, 'ping0001'));
    expect((await client.nextFrame()).transactId).to.equal('ping0001');
    await running.clock.advance(10_000);
    expect(outcome).to.equal('open');
    await client.sendBytes(msrpResponse(frame, '200 OK', PEER));
    await client.sendBytes(msrpReport(frame, '000 200 OK', PEER));
    await sent;
  });

  it('does not let anybody vouch for messages while the session waits to be bound anew', async () => {
    const { client, session } = await running.bound();
    let outcome = 'open';
    const sent = session.send(SECRET).then(() => (outcome = 'delivered'));
    const frame = await client.nextFrame();
    session.move(remoteSide('msrp://198.51.100.9:7000/k82ndPq01x;tcp'));
    const thief = await running.connect();
    await thief.sendBytes(msrpReport(frame, '000 200 OK', PEER));
    await thief.sendBytes(msrpResponse(frame, '200 OK', PEER));
    await thief.sendBytes(text('msrp://127.0.0.1/none;tcp', 'x'));
    expect((await thief.nextFrame()).status).to.equal(481);
    await running.clock.advance(10_000);
    expect(outcome).to.equal('open');
    await client.sendBytes(msrpResponse(frame, '200 OK', PEER));
    await client.sendBytes(msrpReport(frame, '000 200 OK', PEER));
    await sent;
  });
});

describe('the From-Path of a peer', () => {
  let running: RunningEndpoint;

  beforeEach(async () => {
    running = await RunningEndpoint.start();
  });

  afterEach(async () => {
    await running.stop();
  });

  /** Two sessions over one connection, the first of which names itself so. */
  async function shared(from: string): Promise<{ client: RawMsrpClient; uri: string }> {
    const client = await running.connect();
    const [one, two] = [running.open(), running.open('passive', THIEF)];
    await client.sendBytes(bind(one.uri, 'bind0001', from));
    expect((await client.nextFrame()).status).to.equal(200);
    await client.sendBytes(bind(two.uri, 'bind0002', THIEF));
    expect((await client.nextFrame()).status).to.equal(200);
    return { client, uri: one.uri };
  }

  it('need not be that of its SDP, as behind a back-to-back user agent', async () => {
    const rewritten = 'msrp://198.51.100.3:2855/b2b-leg-77;tcp';
    const { client, uri } = await shared(rewritten);
    await client.sendBytes(text(uri, 'hello', { from: rewritten }));
    expect((await client.nextFrame()).status).to.equal(200);
  });

  it('may change to that of its SDP', async () => {
    const { client, uri } = await shared('msrp://198.51.100.3:2855/b2b-leg-77;tcp');
    await client.sendBytes(text(uri, 'hello', { from: PEER }));
    expect((await client.nextFrame()).status).to.equal(200);
  });

  it('may change its addresses, which border controllers rewrite', async () => {
    const { client, uri } = await shared(PEER);
    await client.sendBytes(text(uri, 'hello', { from: PEER.replace('192.0.2.7:7654', 'sbc.example:9999') }));
    expect((await client.nextFrame()).status).to.equal(200);
  });

  it('may change at will on a connection of its own, which vouches for it', async () => {
    const { client, uri } = await running.bound();
    await client.sendBytes(text(uri, 'hello', { from: 'msrp://192.0.2.7:7654/another;tcp' }));
    expect((await client.nextFrame()).status).to.equal(200);
  });

  it('that cannot be read is that of somebody else', async () => {
    const { client, uri } = await shared(PEER);
    const headers = ['Message-ID: m1', 'Content-Type: text/plain'];
    await client.sendBytes(
      msrpRequest({ transactId: 'garbled01', to: uri, from: '<none>', headers, body: 'x' }),
    );
    expect((await client.nextFrame()).status).to.equal(403);
  });
});
