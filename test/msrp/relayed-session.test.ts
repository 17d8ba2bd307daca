import { expect } from 'chai';
import { SendFailed } from '../../src/msrp/errors.ts';
import type { OutgoingMessage } from '../../src/msrp/session.ts';
import { RawMsrpServer, msrpRequest, msrpResponse } from '../doubles/raw-msrp-client.ts';
import { RunningEndpoint, bind, remoteSide, text } from './running-endpoint.ts';

/** As `Use-Path` gave it: relays put signatures into session-ids. */
const RELAY = 'msrp://relay.example:2855/s.1+rB/eBzKmMl9w==;tcp';
const OWN = 'msrp://10.0.0.7:7654/jshA7weztas;tcp';
const PATH = `${RELAY} ${OWN}`;

const HELLO: OutgoingMessage = {
  messageId: 'hello',
  contentType: 'text/plain',
  content: Buffer.from('hello'),
};

describe('a session whose peer is behind a relay (RFC 4976)', () => {
  let running: RunningEndpoint;

  beforeEach(async () => {
    running = await RunningEndpoint.start();
  });

  afterEach(async () => {
    await running.stop();
    expect(running.clock.pendingTimers).to.equal(0);
  });

  it('answers to the first URI of From-Path alone, from the one it was sent to', async () => {
    const client = await running.connect();
    const { uri } = running.open('passive', PATH);
    await client.sendBytes(bind(uri, 'bind0001', PATH));
    expect((await client.nextFrame()).text).to.equal(
      `MSRP bind0001 200 OK\r\nTo-Path: ${RELAY}\r\nFrom-Path: ${uri}\r\n-------bind0001$\r\n`,
    );
  });

  it('writes along the whole path of the SDP, and reports along the whole path of the request', async () => {
    const { client, uri, session } = await running.bound(PATH);
    session.send(HELLO).catch(() => undefined);
    const sent = await client.nextFrame();
    expect([sent.header('To-Path'), sent.header('From-Path')]).to.deep.equal([PATH, uri]);
    await client.sendBytes(msrpResponse(sent, '200 OK', RELAY));
    await client.sendBytes(text(uri, 'hi', { from: PATH, headers: ['Success-Report: yes'] }));
    expect((await client.nextFrame()).header('To-Path')).to.equal(RELAY);
    const report = await client.nextFrame();
    expect([report.method, report.header('To-Path')]).to.deep.equal(['REPORT', PATH]);
  });

  it('does not take the 200 of the relay for that of the peer', async () => {
    const { client, session } = await running.bound(PATH);
    const sent = session.send(HELLO);
    const frame = await client.nextFrame();
    await client.sendBytes(msrpResponse(frame, '200 OK', RELAY));
    // Made up by the relay, whose own part of the path is all it has.
    const failure = msrpRequest({
      transactId: 'relayrep1',
      method: 'REPORT',
      to: frame.header('From-Path'),
      from: RELAY,
      headers: ['Message-ID: hello', 'Byte-Range: 1-5/5', 'Status: 000 481 No such session'],
    });
    await client.sendBytes(failure);
    const error: unknown = await sent.catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(SendFailed).with.property('status', 481);
  });

  it('dials the first hop in the active role, and binds the last', async () => {
    const relay = await RawMsrpServer.listen();
    const hop = `msrp://127.0.0.1:${relay.port}/s.1+rB/eBzKmMl9w==;tcp`;
    const { owner, uri, session } = running.open('active', `${hop} ${OWN}`);
    const client = await relay.nextClient();
    const frame = await client.nextFrame();
    expect([frame.header('To-Path'), frame.header('From-Path')]).to.deep.equal([`${hop} ${OWN}`, uri]);
    await client.sendBytes(msrpResponse(frame, '200 OK', hop));
    await owner.waitFor(1);
    expect(owner.told).to.deep.equal(['bound']);
    session.close();
    await relay.close();
  });

  for (const [teller, path] of [
    ['the peer', (hop: string) => `${hop} ${OWN}`],
    ['the relay itself', (hop: string) => hop],
  ] as const) {
    it(`hears what ${teller} tells of its messages over a connection that the relay made, in the active role`, async () => {
      const relay = await RawMsrpServer.listen();
      const hop = `msrp://127.0.0.1:${relay.port}/s.1+rB/eBzKmMl9w==;tcp`;
      const { owner, uri, session } = running.open('active', `${hop} ${OWN}`);
      const client = await relay.nextClient();
      await client.sendBytes(msrpResponse(await client.nextFrame(), '200 OK', hop));
      await owner.waitFor(1);
      const sent = session.send(HELLO);
      const frame = await client.nextFrame();
      await client.sendBytes(msrpResponse(frame, '200 OK', hop));
      const another = await running.connect();
      await another.sendBytes(
        msrpRequest({
          ...{ transactId: 'relayrep2', method: 'REPORT', to: uri, from: path(hop) },
          headers: ['Message-ID: hello', 'Byte-Range: 1-5/5', 'Status: 000 413 Too long'],
        }),
      );
      const error: unknown = await sent.catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(SendFailed).with.property('status', 413);
      session.close();
      await relay.close();
    });
  }

  it('takes from the peer what the relay forwards through more of its kind', async () => {
    const outer = 'msrps://edge.example:2855/q8;tcp';
    const { client, uri, owner } = await running.bound(`${outer} ${PATH}`);
    await client.sendBytes(text(uri, 'from far away', { from: `${outer} ${PATH}` }));
    expect((await client.nextFrame()).header('To-Path')).to.equal(outer);
    expect(owner.told).to.deep.equal(['bound', 'from far away']);
  });

  it('hears the peer whatever addresses a session border controller puts into its path', async () => {
    const seen = PATH.replace('relay.example:2855', '198.51.100.3:40000').replace('10.0.0.7', '198.51.100.4');
    const { client, uri, owner } = await running.bound(PATH);
    await client.sendBytes(text(uri, 'hello', { from: seen }));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound', 'hello']);
  });

  it('goes on over the connection of the relay when the peer got a new path there', async () => {
    const renewed = `msrp://relay.example:2855/s.2+Kz0aaw==;tcp ${OWN}`;
    const { client, uri, session, owner } = await running.bound(PATH);
    session.move(remoteSide(renewed));
    session.send(HELLO).catch(() => undefined);
    await client.sendBytes(bind(uri, 'bind0002', renewed));
    expect(await client.nextFrame()).to.include({ transactId: 'bind0002', status: 200 });
    expect((await client.nextFrame()).header('To-Path')).to.equal(renewed);
    await running.clock.advance(60_000);
    await client.sendBytes(text(uri, 'still here', { from: renewed }));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound', 'still here']);
  });
});
