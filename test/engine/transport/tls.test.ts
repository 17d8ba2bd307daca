import { expect } from 'chai';
import { once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:tls';
import type { ConnectionOptions, TLSSocket, TlsOptions } from 'node:tls';
import { TRANSPORT_LIMITS } from '../../../src/engine/transport/limits.ts';
import type { TransportLimits } from '../../../src/engine/transport/limits.ts';
import { TransportError } from '../../../src/engine/transport/transport.ts';
import type { Flow, Target, TlsSettings } from '../../../src/engine/transport/transport.ts';
import { authority, certified } from '../../doubles/certificates.ts';
import type { Certified } from '../../doubles/certificates.ts';
import { callIds, listen, textMessage, until } from './listening.ts';
import type { Listening } from './listening.ts';

const TLS = { protocol: 'tls', host: '127.0.0.1', port: 0 } as const;
const VIA = 'SIP/2.0/TLS 127.0.0.1;rport;branch=z9hG4bKa';

describe('SIP over TLS', () => {
  let ca: Certified;
  let own: Certified;
  let other: Certified;
  let listening: Listening;
  const opened: Socket[] = [];
  const ends: (() => void)[] = [];

  before(async () => {
    ca = await authority();
    own = await certified({ dns: 'mailbox.test', ip: '127.0.0.1' }, ca);
    other = await certified({ dns: 'mailbox.test', ip: '127.0.0.1' }, ca);
  });

  const start = async (
    limits: Partial<TransportLimits> = {},
    settings: Partial<TlsSettings> = {},
  ): Promise<void> => {
    listening = await listen([TLS], limits, { ...own, ca: ca.cert, ...settings });
  };

  /** A client that believes the authority alone. */
  const begin = (options: ConnectionOptions = {}): TLSSocket => {
    const socket = connect({ port: listening.at('tls').port, host: '127.0.0.1', ca: ca.cert, ...options });
    opened.push(socket);
    socket.on('error', () => undefined);
    return socket;
  };

  const call = async (options: ConnectionOptions = {}): Promise<TLSSocket> => {
    const socket = begin(options);
    await once(socket, 'secureConnect');
    return socket;
  };

  const callPlain = async (from = '127.0.0.1'): Promise<Socket> => {
    const socket = connectTcp({ port: listening.at('tls').port, host: '127.0.0.1', localAddress: from });
    opened.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };

  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy();
    for (const end of ends.splice(0)) end();
    await listening.layer.close();
    await until('the end of all timers', () => listening.clock.pendingTimers === 0);
  });

  const flowOf = (index = 0): Flow => {
    const flow = listening.received[index]?.flow;
    if (flow === undefined) throw new Error('nothing was received');
    return flow;
  };

  describe('a connection that came', () => {
    it('carries messages both ways, and says that it is TLS', async () => {
      await start();
      const peer = await call();
      peer.write(Buffer.concat([textMessage('a', VIA), textMessage('b', VIA)]));
      await until('both', () => listening.received.length === 2);
      expect(callIds(listening)).to.deep.equal(['a', 'b']);
      expect(flowOf().remote).to.deep.equal({ protocol: 'tls', address: '127.0.0.1', port: peer.localPort });
      expect(flowOf().local).to.deep.equal(listening.at('tls'));
      await flowOf().send(Buffer.from('answer'));
      const [answer] = (await once(peer, 'data')) as [Buffer];
      expect(answer.toString()).to.equal('answer');
      expect(await listening.layer.flowTo(flowOf().remote)).to.equal(flowOf());
    });

    it('is shown our certificate', async () => {
      await start();
      const peer = await call();
      expect(peer.authorized).to.equal(true);
      expect(peer.getPeerCertificate().raw.toString('base64')).to.equal(der(own.cert));
    });

    it('takes TLS 1.2 and 1.3, nothing older', async () => {
      await start();
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const peer = await call({ minVersion: version, maxVersion: version });
        expect(peer.getProtocol()).to.equal(version);
      }
      const old = begin({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
      const [error] = (await once(old, 'error')) as [Error];
      expect(error.message).to.match(/protocol version/i);
      await until('the count', () => listening.counted.includes('sip_tls_handshakes_failed_total{}'));
    });

    it('that speaks in the clear is cut off, and others are served', async () => {
      await start();
      const plain = await callPlain();
      plain.write(textMessage('clear', VIA));
      plain.resume();
      await closed(plain);
      const peer = await call();
      peer.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      expect(callIds(listening)).to.deep.equal(['a']);
    });

    it('renegotiation: a peer that asks for a new handshake gets none', async () => {
      await start();
      const peer = await call({ maxVersion: 'TLSv1.2' });
      peer.resume();
      const outcome = new Promise<string>((resolve) => {
        peer.on('error', (error: Error) => resolve(error.message));
        peer.renegotiate({}, (error: unknown) =>
          resolve(error instanceof Error ? error.message : 'renegotiated'),
        );
      });
      expect(await outcome).to.match(/no renegotiation/);
    });

    it('silence: a handshake that does not end is given up', async () => {
      await start();
      const plain = await callPlain();
      plain.resume();
      await until('its coming', () => listening.clock.pendingTimers === 1);
      await listening.clock.advance(TRANSPORT_LIMITS.handshake);
      await closed(plain);
    });

    it('flood of half-open handshakes: the oldest goes, no connection is refused, and those there live on', async () => {
      await start({ handshakes: 5, connections: 3 });
      const peer = await call();
      peer.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      const idle: Socket[] = [];
      for (let i = 0; i < 20; i++) {
        const plain = await callPlain();
        plain.resume();
        idle.push(plain);
      }
      await until('the end of fifteen', () => idle.filter(({ closed }) => closed).length === 15);
      expect(idle.slice(15).map(({ closed }) => closed)).to.not.include(true);
      await call();
      peer.write(textMessage('b', VIA));
      await until('the next', () => listening.received.length === 2);
      expect(listening.counted).to.not.include('sip_connections_refused_total{}');
    });

    it('flood of half-open handshakes from one source: that of another is not cut off', async () => {
      await start({ handshakes: 5 });
      const slow = await callPlain('127.0.0.2');
      const idle: Socket[] = [];
      for (let i = 0; i < 20; i++) {
        const plain = await callPlain();
        plain.resume();
        idle.push(plain);
      }
      await until('the end of sixteen', () => idle.filter(({ closed }) => closed).length === 16);
      const secure = connect({ socket: slow, ca: ca.cert, host: '127.0.0.1' });
      await once(secure, 'secureConnect');
    });

    it('beyond the limit is refused before its handshake', async () => {
      await start({ connections: 1 });
      const peer = await call();
      peer.write(textMessage('a', VIA));
      await until('it', () => listening.received.length === 1);
      await closed(begin());
      expect(listening.counted).to.include('sip_connections_refused_total{}');
    });

    it('of a peer that does not read is cut off when more waits for it than may', async () => {
      await start({ queuedPerConnection: 300_000 });
      const peer = await call();
      peer.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      peer.pause();
      let failed: unknown;
      for (let sent = 0; sent < 2000 && failed === undefined; sent++) {
        flowOf()
          .send(Buffer.alloc(64 * 1024))
          .catch((error: unknown) => (failed = error));
        await new Promise(setImmediate);
      }
      expect(failed).to.be.instanceOf(TransportError);
      await until('the loss', () => listening.failed.length === 1);
    });

    it('drip: a message that does not get ready is not waited for', async () => {
      await start();
      const peer = await call();
      peer.write(textMessage('a', VIA).subarray(0, 30));
      await until('its timers', () => listening.clock.pendingTimers === 2);
      await listening.clock.advance(TRANSPORT_LIMITS.messageArrival);
      await until('the end', () => listening.failed.length === 1);
      expect(listening.failed[0]?.error.message).to.equal('a message took too long to arrive');
    });
  });

  describe('a connection of ours', () => {
    interface Served {
      readonly port: number;
      readonly sockets: TLSSocket[];
    }

    const serve = async (settings: TlsOptions): Promise<Served> => {
      const sockets: TLSSocket[] = [];
      const server = createServer(settings, (socket) => {
        opened.push(socket);
        sockets.push(socket);
        socket.on('error', () => undefined);
        socket.resume();
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      ends.push(() => server.close());
      return { port: (server.address() as AddressInfo).port, sockets };
    };

    const target = (port: number, domain?: string): Target => ({
      protocol: 'tls',
      address: '127.0.0.1',
      port,
      ...(domain === undefined ? {} : { domain }),
    });

    const refusal = async (to: Target): Promise<string> => {
      const error = await listening.layer.flowTo(to).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(TransportError);
      return String((error as TransportError).cause);
    };

    it('asks for the peer by its name and shows our certificate, once for many requests', async () => {
      await start();
      const proxy = await certified({ dns: 'proxy.test' }, ca);
      const { port, sockets } = await serve({ ...proxy, requestCert: true, ca: ca.cert });
      const flows = await Promise.all(
        [1, 2, 3].map(() => listening.layer.flowTo(target(port, 'proxy.test'))),
      );
      expect(new Set(flows).size).to.equal(1);
      expect(await listening.layer.flowTo(target(port, 'PROXY.test'))).to.equal(flows[0]);
      await until('the connection', () => sockets.length === 1);
      expect(sockets[0]?.servername).to.equal('proxy.test');
      expect(sockets[0]?.authorized).to.equal(true);
      expect(sockets[0]?.getPeerCertificate().raw.toString('base64')).to.equal(der(own.cert));
      expect(flows[0]?.remote).to.deep.equal(target(port));
      expect(flows[0]?.local).to.deep.equal(listening.at('tls'));
    });

    it('forged name: a certificate with another name inside one of its names proves that one alone', async () => {
      await start();
      for (const uri of [
        'http://a.test/, URI:sip:proxy.test, URI:b',
        'sip:proxy.test, URI:b',
        'a, URI:sip:proxy.test',
      ]) {
        const { port } = await serve(await certified({ uri, dns: 'sip7.test' }, ca));
        expect(await refusal(target(port, 'proxy.test')), uri).to.match(/ALTNAME_INVALID/);
      }
    });

    it('is made to who proves the name: by DNS name, by SIP URI (RFC 5922 §7.1), by address', async () => {
      await start();
      const byUri = await serve(await certified({ uri: 'sip:proxy.test', dns: 'sip7.test' }, ca));
      const byAddress = await serve(await certified({ ip: '127.0.0.1' }, ca));
      await listening.layer.flowTo(target(byUri.port, 'proxy.test'));
      await listening.layer.flowTo(target(byAddress.port));
      const nowhere = await serve(await certified({ dns: 'proxy.test' }, ca));
      expect(await refusal(target(nowhere.port))).to.match(/ALTNAME_INVALID/);
      expect(await refusal(target(byAddress.port, 'proxy.test'))).to.match(/ALTNAME_INVALID/);
    });

    it('impostor: nobody is taken for a peer who has the name of another, or vouches for itself', async () => {
      await start();
      const wrong = await serve(await certified({ dns: 'evil.test' }, ca));
      const self = await serve(await certified({ dns: 'proxy.test' }));
      expect(await refusal(target(wrong.port, 'proxy.test'))).to.match(/ALTNAME_INVALID/);
      expect(await refusal(target(self.port, 'proxy.test'))).to.match(/SELF_SIGNED/);
    });

    it('impostor: one who sits at the address of a name has to prove it, whatever connection is there', async () => {
      await start();
      const { port } = await serve(await certified({ dns: 'one.test' }, ca));
      const flow = await listening.layer.flowTo(target(port, 'one.test'));
      expect(await refusal(target(port, 'two.test'))).to.match(/ALTNAME_INVALID/);
      // A dialog's route is often an address: whoever is there has proved a name.
      expect(await listening.layer.flowTo(target(port))).to.equal(flow);
      const caller = await call();
      caller.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      const { address, port: from } = flowOf().remote;
      expect(await refusal({ protocol: 'tls', address, port: from, domain: 'one.test' })).to.match(/REFUSED/);
    });

    it('is made to ourselves, whoever signed our certificate', async () => {
      const unknown = await certified({ dns: 'text-mailbox' }, await authority('Unknown Authority'));
      await start({}, unknown);
      const flow = await listening.layer.flowTo(listening.at('tls'));
      await flow.send(textMessage('to ourselves', VIA));
      await until('the request', () => listening.received.length === 1);
      const twin = await certified({ dns: 'text-mailbox' });
      const { port } = await serve(twin);
      expect(await refusal(target(port))).to.match(/SELF_SIGNED/);
    });

    it('is made to anyone where peers are not verified', async () => {
      await start({}, { verifyPeers: false });
      const { port } = await serve(await certified({ dns: 'evil.test' }));
      const flow = await listening.layer.flowTo(target(port, 'proxy.test'));
      expect(await listening.layer.flowTo(target(port))).to.equal(flow);
    });

    it('trap: one who is to be called at many ports and answers at none takes no place of others', async () => {
      await start({ connecting: 3, connections: 4 });
      const port = await listenPlain();
      const calls = ['a.test', 'b.test', 'c.test', 'd.test'].map((name) =>
        listening.layer.flowTo(target(port, name)).catch((reason: unknown) => String(reason)),
      );
      expect(await calls[3]).to.match(/no room/);
      await call();
      await listening.clock.advance(TRANSPORT_LIMITS.connect);
      await Promise.all(calls);
    });

    it('whose handshake is not answered is given up', async () => {
      await start();
      const silent = await listenPlain();
      const failing = refusal(target(silent, 'proxy.test'));
      await until('its coming', () => listening.clock.pendingTimers === 1);
      await listening.clock.advance(TRANSPORT_LIMITS.connect);
      expect(await failing).to.match(/took longer/);
    });

    it('that is refused, or cut in the handshake, is told', async () => {
      await start();
      const cut = await listenPlain((socket) => socket.destroy());
      expect(await refusal(target(cut, 'proxy.test'))).to.match(/disconnected|RESET/);
      expect(await refusal(target(1, 'proxy.test'))).to.match(/REFUSED/);
    });

    const listenPlain = async (onSocket: (socket: Socket) => void = () => undefined): Promise<number> => {
      const server = createTcpServer((socket) => {
        opened.push(socket);
        socket.on('error', () => undefined);
        onSocket(socket);
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      ends.push(() => server.close());
      return (server.address() as AddressInfo).port;
    };
  });

  describe('another certificate', () => {
    it('is shown to who comes from now on; connections that are there live on', async () => {
      await start();
      const before = await call();
      before.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      listening.layer.renewCertificate({ ...other, ca: ca.cert });
      const after = await call();
      expect(after.getPeerCertificate().raw.toString('base64')).to.equal(der(other.cert));
      before.write(textMessage('b', VIA));
      await until('one more over the old one', () => listening.received.length === 2);
      await flowOf(1).send(Buffer.from('answer'));
      await once(before, 'data');
      expect(listening.failed).to.deep.equal([]);
    });

    it('that does not serve changes nothing', async () => {
      await start();
      expect(() => listening.layer.renewCertificate({ cert: other.cert, key: own.key })).to.throw(
        TransportError,
      );
      expect(() => listening.layer.renewCertificate({ cert: 'none', key: own.key })).to.throw(TransportError);
      const peer = await call();
      expect(peer.getPeerCertificate().raw.toString('base64')).to.equal(der(own.cert));
    });
  });

  it('needs key and certificate', async () => {
    await start();
    expect(await listen([TLS]).catch((error: unknown) => error)).to.be.instanceOf(TransportError);
    const wrong = { cert: own.cert, key: other.key };
    expect(await listen([TLS], {}, wrong).catch((error: unknown) => error)).to.be.instanceOf(TransportError);
  });

  it('ends at once with handshakes that are not done', async () => {
    await start();
    const plain = await callPlain();
    plain.resume();
    const peer = await call();
    peer.resume();
    await until('both', () => listening.clock.pendingTimers >= 2);
    await listening.layer.close();
    await Promise.all([closed(plain), closed(peer)]);
    expect(listening.failed).to.deep.equal([]);
  });
});

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

/** What stands between the lines of a PEM. */
function der(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, '');
}
