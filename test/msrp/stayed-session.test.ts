import { expect } from 'chai';
import { settle } from '../doubles/fake-clock.ts';
import type { RawMsrpClient } from '../doubles/raw-msrp-client.ts';
import { RawMsrpServer, msrpResponse } from '../doubles/raw-msrp-client.ts';
import type { OpenSession } from './running-endpoint.ts';
import { PEER, RunningEndpoint, bind, remoteSide } from './running-endpoint.ts';

describe('a session whose peer stays where it was, though we were to connect it elsewhere', () => {
  let running: RunningEndpoint;
  let elsewhere: RawMsrpServer;
  let path: string;
  let bound: OpenSession & { client: RawMsrpClient };
  let dialled: RawMsrpClient;

  /** A border controller changed the address in the path, and left the session-id and the connection as they were. */
  beforeEach(async () => {
    running = await RunningEndpoint.start();
    elsewhere = await RawMsrpServer.listen();
    path = `msrp://127.0.0.1:${elsewhere.port}/jshA7weztas;tcp`;
    bound = await running.bound();
    bound.session.move(remoteSide(path, 'active'));
    dialled = await elsewhere.nextClient();
  });

  afterEach(async () => {
    await running.stop();
    await elsewhere.close();
    expect(running.clock.pendingTimers).to.equal(0);
  });

  async function stay(): Promise<void> {
    await bound.client.sendBytes(bind(bound.uri, 'stay0001', PEER));
    expect(await bound.client.nextFrame()).to.include({ transactId: 'stay0001', status: 200 });
  }

  async function expectToGoOn(): Promise<void> {
    const delivered = bound.session.send({
      messageId: 'hello',
      contentType: 'text/plain',
      content: Buffer.from('hello'),
    });
    const sent = await bound.client.nextFrame();
    expect(sent.header('To-Path')).to.equal(path);
    await bound.client.sendBytes(msrpResponse(sent, '200 OK', PEER));
    bound.session.close();
    await delivered.catch(() => undefined);
    expect(bound.owner.told).to.deep.equal(['bound', 'ended: closed']);
  }

  it('goes on there when our bind is refused, as of a session bound to another connection', async () => {
    const frame = await dialled.nextFrame();
    await stay();
    await dialled.sendBytes(msrpResponse(frame, '506 Bound elsewhere', path));
    await expectToGoOn();
  });

  it('goes on there when the connection we made is lost', async () => {
    await dialled.nextFrame();
    await stay();
    dialled.close();
    for (let i = 0; i < 20; i++) await settle();
    await expectToGoOn();
  });

  it('goes on there when our bind is not answered in time', async () => {
    await dialled.nextFrame();
    await stay();
    await running.clock.advance(30_000);
    await expectToGoOn();
  });

  it('is over when our bind is refused and the peer was not heard where it was', async () => {
    await dialled.sendBytes(msrpResponse(await dialled.nextFrame(), '481 No such session', path));
    await bound.owner.waitFor(2);
    expect(bound.owner.told).to.deep.equal(['bound', 'ended: peer did not come']);
  });
});
