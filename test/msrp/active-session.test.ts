import { expect } from 'chai';
import { silentLogger } from '../../src/core/logger.ts';
import type { KeyAndCertificate } from '../../src/msrp/self-signed-certificate.ts';
import { selfSignedCertificate } from '../../src/msrp/self-signed-certificate.ts';
import { systemClock } from '../../src/core/clock.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RawMsrpServer, msrpResponse } from '../doubles/raw-msrp-client.ts';
import { RunningEndpoint, bind } from './running-endpoint.ts';

describe('a session whose connection we make', () => {
  let running: RunningEndpoint;
  let peer: RawMsrpServer;
  let path: string;

  beforeEach(async () => {
    running = await RunningEndpoint.start();
    peer = await RawMsrpServer.listen();
    path = `msrp://127.0.0.1:${peer.port}/jshA7weztas;tcp`;
  });

  afterEach(async () => {
    await running.stop();
    await peer.close();
    expect(running.clock.pendingTimers).to.equal(0);
  });

  it('is bound by the 200 to our empty SEND, and nothing is sent before', async () => {
    const { owner, session, uri } = running.open('active', path);
    const client = await peer.nextClient();
    const frame = await client.nextFrame();
    expect(frame).to.include({ method: 'SEND', flag: '$' });
    expect(frame.headerNames).to.deep.equal(['To-Path', 'From-Path', 'Message-ID', 'Byte-Range']);
    expect(frame.header('To-Path')).to.equal(path);
    expect(frame.header('From-Path')).to.equal(uri);
    expect(frame.header('Byte-Range')).to.equal('1-0/0');
    session.send({ contentType: 'text/plain', content: Buffer.from('hi') }).catch(() => undefined);
    await running.clock.advance(1_000);
    expect(owner.told).to.deep.equal([]);
    expect(client.takeFrame()).to.equal(undefined);
    await client.sendBytes(msrpResponse(frame, '200 OK', path));
    expect((await client.nextFrame()).body.toString()).to.equal('hi');
    expect(owner.told).to.deep.equal(['bound']);
  });

  it('is over when our bind is refused', async () => {
    const { owner } = running.open('active', path);
    const client = await peer.nextClient();
    await client.sendBytes(msrpResponse(await client.nextFrame(), '481 No such session', path));
    await owner.waitFor(1);
    expect(owner.told).to.deep.equal(['ended: peer did not come']);
    await running.clock.advance(1_500);
    await client.waitForEnd();
  });

  it('is over when our bind is not answered in time', async () => {
    const { owner } = running.open('active', path);
    const client = await peer.nextClient();
    await client.nextFrame();
    await running.clock.advance(30_000);
    expect(owner.told).to.deep.equal(['ended: peer did not come']);
  });

  it('is over when nobody listens at the path', async () => {
    await peer.close();
    const { owner } = running.open('active', path);
    await owner.waitFor(1);
    expect(owner.told).to.deep.equal(['ended: peer did not come']);
    peer = await RawMsrpServer.listen();
  });

  it('gives up a connection that is still being made when it is closed', async () => {
    const silent = path.replace('msrp:', 'msrps:');
    const { owner, session } = running.open('active', silent);
    const client = await peer.nextClient();
    session.close();
    await client.waitForEnd();
    expect(owner.told).to.deep.equal(['ended: closed']);
  });

  it('gives up a connection that is not made in time', async () => {
    const silent = path.replace('msrp:', 'msrps:');
    const { owner } = running.open('active', silent);
    const client = await peer.nextClient();
    await running.clock.advance(30_000);
    await client.waitForEnd();
    expect(owner.told).to.deep.equal(['ended: peer did not come']);
  });

  it('ends with the endpoint while its connection is being made', async () => {
    const { owner } = running.open('active', path);
    await running.endpoint.close();
    expect(owner.told).to.deep.equal(['ended: closed']);
    running = await RunningEndpoint.start();
  });
});

describe('sessions over TLS', () => {
  let folder: string;
  let tls: KeyAndCertificate;
  let running: RunningEndpoint;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msrp-tls-'));
    tls = await selfSignedCertificate(folder, { clock: systemClock, logger: silentLogger });
    running = await RunningEndpoint.start({ tls });
  });

  after(async () => {
    await running.stop();
    await rm(folder, { recursive: true });
    expect(running.clock.pendingTimers).to.equal(0);
  });

  it('are taken with a msrps URI', async () => {
    const prepared = running.endpoint.prepare('tls');
    const { uri, owner } = running.openPrepared(prepared);
    expect(uri).to.match(new RegExp(`^msrps://127\\.0\\.0\\.1:${running.port('tls')}/`));
    const client = await running.connect('tls');
    await client.sendBytes(bind(uri));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound']);
  });

  it('are made with a peer whose certificate is its own', async () => {
    const peer = await RawMsrpServer.listen(tls);
    const path = `msrps://127.0.0.1:${peer.port}/jshA7weztas;tcp`;
    const { owner, session } = running.openPrepared(running.endpoint.prepare('tls'), 'active', path);
    const client = await peer.nextClient();
    await client.sendBytes(msrpResponse(await client.nextFrame(), '200 OK', path));
    await owner.waitFor(1);
    expect(owner.told).to.deep.equal(['bound']);
    session.close();
    await peer.close();
  });
});
