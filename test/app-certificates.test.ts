import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { InvalidConfig } from '../src/config.ts';
import { systemClock } from '../src/core/clock.ts';
import { certified } from './doubles/certificates.ts';
import type { Certified } from './doubles/certificates.ts';
import { runApp } from './doubles/running-app.ts';
import type { RunningApp } from './doubles/running-app.ts';

const LISTENERS = {
  SIP_LISTEN: 'udp:127.0.0.1:0,tcp:127.0.0.1:0,tls:127.0.0.1:0',
  MSRP_LISTEN: 'tls:127.0.0.1:0',
  WS_LISTEN: 'wss:127.0.0.1:0',
};

describe('keys and certificates', () => {
  let folder: string;
  let one: Certified;
  let two: Certified;
  let running: RunningApp | undefined;
  const opened: TLSSocket[] = [];

  before(async () => {
    [one, two] = [await certified({ ip: '127.0.0.1' }), await certified({ ip: '127.0.0.1' })];
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-certificates-'));
  });

  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy();
    await running?.stop();
    running = undefined;
    await rm(folder, { recursive: true, force: true });
  });

  const file = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };

  const filesOf = async (name: string, { cert, key }: Certified): Promise<[string, string]> => [
    await file(`${name}.pem`, cert),
    await file(`${name}.key`, key),
  ];

  const faultsOf = async (environment: Readonly<Record<string, string>>): Promise<readonly unknown[]> => {
    const outcome = await runApp({ ...LISTENERS, ...environment }).then(
      (started) => {
        running = started;
        return undefined;
      },
      (error: unknown) => error,
    );
    expect(outcome).to.be.instanceOf(InvalidConfig);
    return (outcome as InvalidConfig).faults.map(({ variable, problem }) => `${variable}: ${problem}`);
  };

  const portOf = (kind: 'sip' | 'msrp' | 'wss'): number => {
    const app = running?.app;
    if (app === undefined) throw new Error('nothing runs');
    if (kind === 'sip') return Number(/tls\/[^,]*:(\d+)/.exec(app.sip)?.[1]);
    return (
      (kind === 'msrp' ? app.msrp.find(({ transport }) => transport === 'tls') : app.webSockets[0])?.port ?? 0
    );
  };

  const call = async (port: number): Promise<TLSSocket> => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    opened.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket;
  };

  /** Which certificate is shown there. */
  const shown = async (kind: 'sip' | 'msrp' | 'wss'): Promise<string> => {
    const peer = await call(portOf(kind));
    const raw = peer.getPeerCertificate().raw.toString('base64');
    return raw === der(one.cert) ? 'one' : raw === der(two.cert) ? 'two' : 'own';
  };

  const allShown = async (): Promise<string[]> => [
    await shown('sip'),
    await shown('msrp'),
    await shown('wss'),
  ];

  it('are refused all at once, by the variable that names the file', async () => {
    const [certificate, key] = await filesOf('one', one);
    const [other] = await filesOf('two', two);
    const words = await file('words', 'no PEM at all');
    expect(
      await faultsOf({
        SIP_TLS_CERTIFICATE: join(folder, 'missing'),
        SIP_TLS_KEY: words,
        SIP_TLS_CA: words,
        MSRP_TLS_CERTIFICATE: other,
        MSRP_TLS_KEY: key,
      }),
    ).to.deep.equal([
      `SIP_TLS_CERTIFICATE: cannot be read: ENOENT: no such file or directory, open '${join(folder, 'missing')}'`,
      'SIP_TLS_KEY: holds no private key that can be read',
      'MSRP_TLS_KEY: is not the key of MSRP_TLS_CERTIFICATE',
      'SIP_TLS_CA: holds no certificate',
    ]);
    const swapped = { SIP_TLS_CERTIFICATE: key, SIP_TLS_KEY: certificate };
    expect(await faultsOf(swapped)).to.deep.equal([
      'SIP_TLS_CERTIFICATE: holds no certificate',
      'SIP_TLS_KEY: holds no private key that can be read',
    ]);
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    expect(await faultsOf({ SIP_TLS_CA: await file('broken', broken) })).to.deep.equal([
      'SIP_TLS_CA: holds a certificate that cannot be read',
    ]);
  });

  it('of MSRP serve SIP too unless it has its own, and one of our making serves all', async () => {
    const [certificate, key] = await filesOf('one', one);
    const [otherCertificate, otherKey] = await filesOf('two', two);
    running = await runApp({ ...LISTENERS, MSRP_TLS_CERTIFICATE: certificate, MSRP_TLS_KEY: key });
    expect(await allShown()).to.deep.equal(['one', 'one', 'one']);
    await running.stop();
    running = await runApp({
      ...LISTENERS,
      MSRP_TLS_CERTIFICATE: certificate,
      MSRP_TLS_KEY: key,
      SIP_TLS_CERTIFICATE: otherCertificate,
      SIP_TLS_KEY: otherKey,
    });
    expect(await allShown()).to.deep.equal(['two', 'one', 'one']);
    await running.stop();
    running = await runApp(LISTENERS);
    expect(await allShown()).to.deep.equal(['own', 'own', 'own']);
  });

  it('are read again for connections from now on, and those there live on', async () => {
    const [certificate, key] = await filesOf('one', one);
    running = await runApp({ ...LISTENERS, MSRP_TLS_CERTIFICATE: certificate, MSRP_TLS_KEY: key });
    const there = await Promise.all([call(portOf('sip')), call(portOf('msrp')), call(portOf('wss'))]);
    await filesOf('one', two);
    await Promise.all([running.app.renewCertificates(), running.app.renewCertificates()]);
    expect(await allShown()).to.deep.equal(['two', 'two', 'two']);
    const [sip] = there;
    sip.write('\r\n\r\n');
    const [pong] = (await once(sip, 'data')) as [Buffer];
    expect(pong.toString()).to.equal('\r\n');
    expect(there.map(({ closed, readyState }) => closed || readyState !== 'open')).to.not.include(true);
  });

  it('that are faulty when they are read again are logged, and those before stay; the others are renewed', async () => {
    const [certificate, key] = await filesOf('one', one);
    const [sipCertificate, sipKey] = await filesOf('sip', one);
    const logged: unknown[] = [];
    running = await runApp(
      {
        ...LISTENERS,
        MSRP_TLS_CERTIFICATE: certificate,
        MSRP_TLS_KEY: key,
        SIP_TLS_CERTIFICATE: sipCertificate,
        SIP_TLS_KEY: sipKey,
      },
      systemClock,
      undefined,
      { error: (fields) => logged.push(fields) },
    );
    await filesOf('one', two);
    await file('sip.pem', two.cert);
    await running.app.renewCertificates();
    expect(await allShown()).to.deep.equal(['one', 'two', 'two']);
    expect(logged).to.deep.equal([
      { variable: 'SIP_TLS_KEY', problem: 'is not the key of SIP_TLS_CERTIFICATE' },
    ]);
    await file('sip.key', two.key);
    await running.app.renewCertificates();
    expect(await allShown()).to.deep.equal(['two', 'two', 'two']);
  });
});

/** What stands between the lines of a PEM. */
function der(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, '');
}
