import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { certified } from '../doubles/certificates.ts';
import type { Certified } from '../doubles/certificates.ts';
import { startServer } from '../doubles/server-process.ts';
import type { ServerProcess } from '../doubles/server-process.ts';
import { until } from '../peers/until.ts';

describe('a program that is sent SIGHUP', () => {
  let folder: string;
  let server: ServerProcess;
  const opened: TLSSocket[] = [];

  const write = async ({ cert, key }: Partial<Certified>): Promise<void> => {
    if (cert !== undefined) await writeFile(join(folder, 'cert.pem'), cert);
    if (key !== undefined) await writeFile(join(folder, 'key.pem'), key);
  };

  const call = async (): Promise<TLSSocket> => {
    const socket = connect({ port: server.tls, host: '127.0.0.1', rejectUnauthorized: false });
    opened.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket;
  };

  const ping = async (socket: TLSSocket): Promise<void> => {
    socket.write('\r\n\r\n');
    const [pong] = (await once(socket, 'data')) as [Buffer];
    expect(pong.toString()).to.equal('\r\n');
  };

  const hangUp = async (): Promise<void> => {
    const before = server.log().split('certificates read again').length;
    server.hangUp();
    await until(
      'the certificates to be read',
      5_000,
      () => server.log().split('certificates read again').length > before,
    );
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-renewal-'));
  });

  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('shows its new certificate without an end to any connection, and keeps the old one while the new is faulty', async () => {
    const [first, second] = [await certified({ ip: '127.0.0.1' }), await certified({ ip: '127.0.0.1' })];
    await write(first);
    server = await startServer({
      SIP_LISTEN: 'udp:127.0.0.1:0,tcp:127.0.0.1:0,tls:127.0.0.1:0',
      SIP_TLS_CERTIFICATE: join(folder, 'cert.pem'),
      SIP_TLS_KEY: join(folder, 'key.pem'),
    });
    const there = await call();
    const shown = there.getPeerCertificate().fingerprint256;
    await write({ cert: second.cert });
    await hangUp();
    expect(server.log()).to.match(/"variable":"SIP_TLS_KEY".*the old one stays/);
    expect((await call()).getPeerCertificate().fingerprint256).to.equal(shown);
    await write(second);
    await hangUp();
    expect((await call()).getPeerCertificate().fingerprint256).to.not.equal(shown);
    await ping(there);
  });
});
