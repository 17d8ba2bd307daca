import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TransportLayer } from '../../src/engine/transport/transport.ts';
import { authority, certified } from '../doubles/certificates.ts';
import type { Certified } from '../doubles/certificates.ts';
import { listen, textMessage, until } from '../engine/transport/listening.ts';
import type { Listening } from '../engine/transport/listening.ts';
import { peerProgram, requirePeer } from './require-peer.ts';

const VIA = 'SIP/2.0/TLS 127.0.0.1;rport;branch=z9hG4bKa';

/** `openssl s_client` on our port. */
interface Client {
  write(text: string | Buffer): void;
  /** All it printed. */
  readonly text: () => string;
  readonly code: () => number | null | undefined;
  end(): Promise<void>;
}

describe('SIP over TLS with OpenSSL', () => {
  requirePeer('openssl');

  let folder: string;
  let ca: Certified;
  let own: Certified;
  let other: Certified;
  let listening: Listening;
  let layer: TransportLayer;
  const clients: Client[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text-mailbox-openssl-'));
    ca = await authority();
    own = await certified({ dns: 'mailbox.test', ip: '127.0.0.1' }, ca);
    other = await certified({ dns: 'mailbox.test', ip: '127.0.0.1' }, ca);
    await writeFile(join(folder, 'ca.pem'), ca.cert);
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    listening = await listen([{ protocol: 'tls', host: '127.0.0.1', port: 0 }], {}, { ...own, ca: ca.cert });
    ({ layer } = listening);
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()));
    await layer.close();
  });

  const call = (...options: string[]): Client => {
    const child = spawn(
      peerProgram('openssl'),
      [
        ...[
          's_client',
          '-connect',
          `127.0.0.1:${listening.at('tls').port}`,
          '-CAfile',
          join(folder, 'ca.pem'),
        ],
        ...['-verify_return_error', '-verify_hostname', 'mailbox.test', ...options],
      ],
      { stdio: 'pipe' },
    );
    let printed = '';
    let code: number | null | undefined;
    const ended = new Promise<void>((resolve) => {
      child.on('close', (exitCode) => {
        code = exitCode;
        resolve();
      });
    });
    child.stdin.on('error', () => undefined);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (printed += chunk.toString('latin1')));
    }
    const client: Client = {
      write: (text) => child.stdin.write(text),
      text: () => printed,
      code: () => code,
      end: async () => {
        child.kill('SIGKILL');
        await ended;
      },
    };
    clients.push(client);
    return client;
  };

  const ready = async (client: Client): Promise<void> => {
    await until('the handshake', () => client.text().includes('Verify return code'));
    expect(client.text()).to.include('Verify return code: 0 (ok)');
  };

  for (const [version, printed] of [
    ['-tls1_2', 'TLSv1.2'],
    ['-tls1_3', 'TLSv1.3'],
  ] as const) {
    it(`talks over ${printed}, verified by name`, async () => {
      const client = call(version);
      await ready(client);
      expect(client.text()).to.include(`New, ${printed}`);
      client.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      await listening.received[0]?.flow.send(Buffer.from('SIP/2.0 200 OK\r\n\r\n'));
      await until('the answer', () => client.text().includes('SIP/2.0 200 OK'));
    });
  }

  it('refuses TLS 1.1', async () => {
    const client = call('-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0');
    await until('its end', () => client.code() !== undefined);
    expect(client.code()).to.not.equal(0);
    expect(client.text()).to.match(/alert protocol version|unsupported protocol|no protocols available/);
  });

  it('gives no second handshake to who asks for one', async () => {
    const client = call('-tls1_2');
    await ready(client);
    client.write('R\n');
    await until('its end', () => client.code() !== undefined);
    expect(client.text()).to.match(/RENEGOTIATING[^]*no renegotiation/);
  });

  it('shows a renewed certificate to who comes, while who is there goes on', async () => {
    const there = call();
    await ready(there);
    layer.renewCertificate({ ...other, ca: ca.cert });
    const client = call('-showcerts');
    await ready(client);
    expect(client.text().replace(/\s/g, '')).to.include(other.cert.replace(/\s/g, ''));
    there.write(textMessage('there', VIA));
    await until('its request', () => listening.received.length === 1);
  });
});
