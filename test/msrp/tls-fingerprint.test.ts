import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Server, TLSSocket } from 'node:tls';
import { connect, createServer } from 'node:tls';
import { expect } from 'chai';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { KeyAndCertificate } from '../../src/msrp/self-signed-certificate.ts';
import { selfSignedCertificate } from '../../src/msrp/self-signed-certificate.ts';
import { RawMsrpClient, msrpResponse } from '../doubles/raw-msrp-client.ts';
import { peerProgram, requirePeer } from '../peers/require-peer.ts';
import type { OpenSession } from './running-endpoint.ts';
import { PEER, RecordingOwner, RunningEndpoint, bind, remoteSide, text } from './running-endpoint.ts';

/** Computed apart from the program under test. */
function fingerprintOf({ cert }: { readonly cert: string }): string {
  const hex = createHash('sha256').update(new X509Certificate(cert).raw).digest('hex');
  return `sha-256 ${(hex.toUpperCase().match(/../g) ?? []).join(':')}`;
}

describe('the fingerprint of a certificate over TLS', () => {
  let folder: string;
  let ours: KeyAndCertificate;
  let alice: KeyAndCertificate;
  let mallory: KeyAndCertificate;
  let running: RunningEndpoint;
  const clients: RawMsrpClient[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msrp-fingerprint-'));
    const make = (name: string): Promise<KeyAndCertificate> =>
      selfSignedCertificate(join(folder, name), { clock: systemClock, logger: silentLogger });
    [ours, alice, mallory] = await Promise.all([make('ours'), make('alice'), make('mallory')]);
  });

  after(async () => {
    await rm(folder, { recursive: true });
  });

  beforeEach(async () => {
    running = await RunningEndpoint.start({ tls: ours });
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await running.stop();
    expect(running.clock.pendingTimers).to.equal(0);
  });

  function open(fingerprints: readonly string[], path = PEER): OpenSession {
    const prepared = running.endpoint.prepare('tls');
    return running.openPrepared(prepared, 'passive', path, new RecordingOwner(), fingerprints);
  }

  /** A connection whose client shows a certificate, or none. */
  async function connectAs(shown?: KeyAndCertificate): Promise<RawMsrpClient> {
    const socket = connect({
      ...shown,
      host: '127.0.0.1',
      port: running.port('tls'),
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    const client = new RawMsrpClient(socket);
    clients.push(client);
    return client;
  }

  it('of our own is told for the SDP, over TLS alone', () => {
    const [tls, tcp] = [running.endpoint.prepare('tls'), running.endpoint.prepare('tcp')];
    expect(tls.fingerprint).to.equal(fingerprintOf(ours));
    expect(tcp.fingerprint).to.equal(undefined);
    tls.discard();
    tcp.discard();
  });

  it('that the peer named lets the peer in', async () => {
    const { uri, owner } = open([fingerprintOf(alice)]);
    const client = await connectAs(alice);
    await client.sendBytes(bind(uri));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound']);
  });

  for (const [who, shown] of [
    ['somebody else with a certificate', () => mallory],
    ['somebody who shows none', () => undefined],
  ] as const) {
    it(`that the peer named keeps out ${who} with 403, and the peer may still come`, async () => {
      const { uri, owner } = open([fingerprintOf(alice)]);
      const thief = await connectAs(shown());
      await thief.sendBytes(text(uri, 'forged'));
      expect((await thief.nextFrame()).status).to.equal(403);
      expect(owner.told).to.deep.equal([]);
      const client = await connectAs(alice);
      await client.sendBytes(bind(uri));
      expect((await client.nextFrame()).status).to.equal(200);
      expect(owner.told).to.deep.equal(['bound']);
    });
  }

  it('that the peer named keeps out whoever comes without TLS', async () => {
    const { uri, owner } = open([fingerprintOf(alice)]);
    const thief = await running.connect('tcp');
    await thief.sendBytes(bind(uri));
    expect((await thief.nextFrame()).status).to.equal(403);
    expect(owner.told).to.deep.equal([]);
  });

  it('of somebody else, shown before the call was answered, is refused when it is', async () => {
    const prepared = running.endpoint.prepare('tls');
    const uri = prepared.localPath.map(({ text: each }) => each).join();
    const thief = await connectAs(mallory);
    await thief.sendBytes(bind(uri));
    await thief.sendBytes(text('msrp://127.0.0.1/none;tcp', 'x'));
    expect((await thief.nextFrame()).status).to.equal(481);
    running.openPrepared(prepared, 'passive', PEER, new RecordingOwner(), [fingerprintOf(alice)]);
    expect(await thief.nextFrame()).to.include({ transactId: 'bind0001', status: 403 });
  });

  it('is not asked for when the peer named none', async () => {
    for (const shown of [undefined, mallory]) {
      const { uri } = open([]);
      const client = await connectAs(shown);
      await client.sendBytes(bind(uri));
      expect((await client.nextFrame()).status).to.equal(200);
    }
  });

  it('is not looked at in a session without TLS', async () => {
    const prepared = running.endpoint.prepare('tcp');
    const { uri } = running.openPrepared(prepared, 'passive', PEER, new RecordingOwner(), ['sha-256 00:00']);
    const client = await running.connect('tcp');
    await client.sendBytes(bind(uri));
    expect((await client.nextFrame()).status).to.equal(200);
  });

  it('is not looked at when a relay stands between, whose certificate nobody named', async () => {
    const relayed = `msrps://relay.example:2855/r+1;tcp ${PEER}`;
    const { uri } = open([fingerprintOf(alice)], relayed);
    const relay = await connectAs(mallory);
    await relay.sendBytes(bind(uri, 'bind0001', relayed));
    expect((await relay.nextFrame()).status).to.equal(200);
  });

  it('named anew counts when the peer goes on from elsewhere', async () => {
    const { uri, session, owner } = open([fingerprintOf(alice)]);
    const client = await connectAs(alice);
    await client.sendBytes(bind(uri));
    expect((await client.nextFrame()).status).to.equal(200);
    session.move(remoteSide(PEER, 'passive', [fingerprintOf(mallory)]));
    // Her last words are heard, and don't bind.
    await client.sendBytes(text(uri, 'last words'));
    expect((await client.nextFrame()).status).to.equal(200);
    const third = await connectAs(alice);
    await third.sendBytes(bind(uri));
    expect((await third.nextFrame()).status).to.equal(403);
    const next = await connectAs(mallory);
    await next.sendBytes(bind(uri));
    expect((await next.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound', 'last words']);
  });

  it('that was not shown is counted', async () => {
    let refused = 0;
    await running.stop();
    running = await RunningEndpoint.start({
      tls: ours,
      metrics: {
        counter: (name) => ({
          add: () => {
            if (name === 'msrp_fingerprint_mismatches_total') refused++;
          },
        }),
        gauge: () => ({ set: () => undefined }),
      },
    });
    const { uri } = open([fingerprintOf(alice)]);
    const thief = await connectAs(mallory);
    await thief.sendBytes(bind(uri));
    expect((await thief.nextFrame()).status).to.equal(403);
    expect(refused).to.equal(1);
  });

  describe('where we make the connection', () => {
    let server: Server;
    let path: string;

    async function listen(shown: KeyAndCertificate): Promise<void> {
      server = createServer({ ...shown, requestCert: true, rejectUnauthorized: false });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      path = `msrps://127.0.0.1:${port}/jshA7weztas;tcp`;
    }

    afterEach(() => {
      server.close();
    });

    it('that the peer named must be shown, or nothing is sent', async () => {
      await listen(mallory);
      let received = 0;
      server.on('secureConnection', (socket: TLSSocket) => {
        socket.on('data', (bytes: Buffer) => (received += bytes.length));
        socket.on('error', () => undefined);
      });
      const connected = once(server, 'connection');
      const owner = new RecordingOwner();
      running.openPrepared(running.endpoint.prepare('tls'), 'active', path, owner, [fingerprintOf(alice)]);
      const [socket] = (await connected) as [Socket];
      await once(socket, 'close');
      await owner.waitFor(1);
      expect(owner.told).to.deep.equal(['ended: peer did not come']);
      expect(received).to.equal(0);
    });

    it('of our own is shown to the peer, which shows the one it named', async () => {
      await listen(alice);
      const connected = once(server, 'secureConnection');
      const owner = new RecordingOwner();
      const prepared = running.endpoint.prepare('tls');
      running.openPrepared(prepared, 'active', path, owner, [fingerprintOf(alice)]);
      const [socket] = (await connected) as [TLSSocket];
      const shown = socket.getPeerX509Certificate()?.fingerprint256;
      expect(`sha-256 ${shown ?? 'none'}`).to.equal(prepared.fingerprint);
      const client = new RawMsrpClient(socket);
      clients.push(client);
      await client.sendBytes(msrpResponse(await client.nextFrame(), '200 OK', path));
      await owner.waitFor(1);
      expect(owner.told).to.deep.equal(['bound']);
    });
  });

  describe('of openssl', () => {
    type Client = ChildProcessByStdio<Writable, Readable, Readable>;
    const started: Client[] = [];

    requirePeer('openssl');

    afterEach(async () => {
      for (const client of started.splice(0)) {
        if (client.exitCode !== null || client.signalCode !== null) continue;
        client.kill();
        await once(client, 'exit');
      }
    });

    function openssl(...args: readonly string[]): Client {
      const all = ['s_client', '-connect', `127.0.0.1:${running.port('tls')}`, '-quiet', ...args];
      const client = spawn(peerProgram('openssl'), all, { stdio: ['pipe', 'pipe', 'pipe'] });
      started.push(client);
      return client;
    }

    /** What comes first. */
    async function answer(client: Client): Promise<string> {
      const [bytes] = (await once(client.stdout, 'data')) as [Buffer];
      return bytes.toString('latin1');
    }

    function files(name: string): string[] {
      const at = join(folder, name);
      return ['-cert', join(at, 'msrp-certificate.pem'), '-key', join(at, 'msrp-key.pem')];
    }

    for (const version of ['-tls1_2', '-tls1_3']) {
      it(`is taken, and another is not, with ${version.slice(1)}`, async () => {
        const { uri, owner } = open([fingerprintOf(alice)]);
        const thief = openssl(version, ...files('mallory'));
        thief.stdin.write(bind(uri, 'thief001'));
        expect(await answer(thief)).to.match(/^MSRP thief001 403 /);
        const client = openssl(version, ...files('alice'));
        client.stdin.write(bind(uri));
        expect(await answer(client)).to.match(/^MSRP bind0001 200 OK\r\n/);
        expect(owner.told).to.deep.equal(['bound']);
      });
    }

    it('does not matter with a version of TLS before 1.2', async () => {
      const client = openssl('-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0');
      const [code] = (await once(client, 'exit')) as [number];
      expect(code).not.to.equal(0);
    });
  });
});
