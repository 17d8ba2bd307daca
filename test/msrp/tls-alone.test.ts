import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { SecureVersion } from 'node:tls';
import { expect } from 'chai';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { KeyAndCertificate } from '../../src/msrp/self-signed-certificate.ts';
import { selfSignedCertificate } from '../../src/msrp/self-signed-certificate.ts';
import { RawMsrpClient, RawMsrpServer } from '../doubles/raw-msrp-client.ts';
import { PEER, RecordingOwner, RunningEndpoint, bind, text } from './running-endpoint.ts';

describe('a session offered over TLS', () => {
  let folder: string;
  let ours: KeyAndCertificate;
  let alice: KeyAndCertificate;
  let running: RunningEndpoint;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msrp-tls-alone-'));
    const make = (name: string): Promise<KeyAndCertificate> =>
      selfSignedCertificate(join(folder, name), { clock: systemClock, logger: silentLogger });
    [ours, alice] = await Promise.all([make('ours'), make('alice')]);
  });

  after(async () => {
    await rm(folder, { recursive: true });
  });

  beforeEach(async () => {
    running = await RunningEndpoint.start({ tls: ours });
  });

  afterEach(async () => {
    await running.stop();
    expect(running.clock.pendingTimers).to.equal(0);
  });

  for (const [who, path] of [
    ['its peer', PEER],
    ['a relay', `msrps://relay.example:2855/r+1;tcp ${PEER}`],
  ] as const) {
    it(`takes nothing from ${who} without TLS, also when no certificate was named`, async () => {
      const { uri, owner } = running.openPrepared(running.endpoint.prepare('tls'), 'passive', path);
      const plain = await running.connect('tcp');
      await plain.sendBytes(text(uri, 'in the clear', { from: path }));
      expect((await plain.nextFrame()).status).to.equal(403);
      expect(owner.told).to.deep.equal([]);
      const secure = await running.connect('tls');
      await secure.sendBytes(bind(uri, 'bind0001', path));
      expect((await secure.nextFrame()).status).to.equal(200);
      expect(owner.told).to.deep.equal(['bound']);
    });
  }

  it('takes nothing without TLS over WebSocket either', async () => {
    running.endpoint.attach({ transport: 'wss', host: '192.0.2.1', port: 8443 });
    const { uri, owner } = running.openPrepared(running.endpoint.prepare('wss'));
    const plain = await running.connect('tcp');
    await plain.sendBytes(bind(uri));
    expect((await plain.nextFrame()).status).to.equal(403);
    expect(owner.told).to.deep.equal([]);
  });

  it('says nothing to a peer that is to be reached without TLS', async () => {
    const peer = await RawMsrpServer.listen();
    const owner = new RecordingOwner();
    const path = `msrp://127.0.0.1:${peer.port}/jshA7weztas;tcp`;
    running.openPrepared(running.endpoint.prepare('tls'), 'active', path, owner);
    const client = await peer.nextClient();
    await client.waitForEnd();
    await owner.waitFor(1);
    expect(client.takeFrame()).to.equal(undefined);
    expect(owner.told).to.deep.equal(['ended: peer did not come']);
    await peer.close();
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const satisfies readonly SecureVersion[]) {
    it(`knows the certificate of a peer that resumes an earlier ${version}`, async () => {
      const named = `sha-256 ${new X509Certificate(alice.cert).fingerprint256}`;
      const reused: boolean[] = [];
      let ticket: Buffer | undefined;
      for (const transactId of ['first001', 'second02']) {
        const prepared = running.endpoint.prepare('tls');
        const { uri } = running.openPrepared(prepared, 'passive', PEER, new RecordingOwner(), [named]);
        const address = { host: '127.0.0.1', port: running.port('tls'), rejectUnauthorized: false };
        const versions = { minVersion: version, maxVersion: version };
        const resumed = ticket === undefined ? {} : { session: ticket };
        const socket = connect({ ...address, ...alice, ...versions, ...resumed });
        socket.on('session', (session: Buffer) => (ticket = session));
        await once(socket, 'secureConnect');
        reused.push(socket.isSessionReused());
        const client = new RawMsrpClient(socket);
        await client.sendBytes(bind(uri, transactId));
        expect(await client.nextFrame()).to.include({ transactId, status: 200 });
        client.close();
      }
      expect(reused).to.deep.equal([false, true]);
    });
  }
});
