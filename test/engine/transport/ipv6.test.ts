import { expect } from 'chai';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { TransportError } from '../../../src/engine/transport/transport.ts';
import type { Endpoint, ListenAddress, ListenProtocol } from '../../../src/engine/transport/transport.ts';
import { certified } from '../../doubles/certificates.ts';
import type { Certified } from '../../doubles/certificates.ts';
import { hasIPv6Loopback } from '../../doubles/ipv6.ts';
import { listen, textMessage, until } from './listening.ts';
import type { Listening } from './listening.ts';

/** A peer of one transport. */
interface Peer {
  readonly port: number;
  send(bytes: Buffer): void;
  read(): string;
  close(): void;
}

async function peerOf(protocol: ListenProtocol, host: string, port: number): Promise<Peer> {
  let text = '';
  const keep = (chunk: Buffer): void => void (text += chunk.toString());
  if (protocol === 'udp') {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.on('message', keep);
    socket.bind(0, host);
    await once(socket, 'listening');
    return {
      port: socket.address().port,
      send: (bytes) => socket.send(bytes, port, host),
      read: () => text,
      close: () => socket.close(),
    };
  }
  const socket: Socket =
    protocol === 'tcp' ? connectTcp(port, host) : connectTls({ port, host, rejectUnauthorized: false });
  socket.on('error', () => undefined);
  socket.on('data', keep);
  await once(socket, protocol === 'tcp' ? 'connect' : 'secureConnect');
  return {
    port: socket.localPort ?? 0,
    send: (bytes) => socket.write(bytes),
    read: () => text,
    close: () => socket.destroy(),
  };
}

for (const protocol of ['udp', 'tcp', 'tls'] as const) {
  describe(`SIP over ${protocol.toUpperCase()} and IPv6`, () => {
    let own: Certified;
    let listening: Listening | undefined;
    const peers: Peer[] = [];

    before(async () => {
      own = await certified({ ip: '::1' });
    });

    afterEach(async () => {
      for (const peer of peers.splice(0)) peer.close();
      await listening?.layer.close();
      listening = undefined;
    });

    const start = async (...addresses: readonly Omit<ListenAddress, 'protocol'>[]): Promise<Listening> => {
      const wanted = addresses.map((address) => ({ protocol, ...address }));
      listening = await listen(wanted, {}, { ...own, ca: own.cert });
      return listening;
    };

    const call = async (host: string, port: number): Promise<Peer> => {
      const peer = await peerOf(protocol, host, port);
      peers.push(peer);
      return peer;
    };

    /** Where there is no IPv6, the listener says so. */
    const refused = async (): Promise<boolean> => {
      if (hasIPv6Loopback()) return false;
      const error: unknown = await start({ host: '::1', port: 0 }).catch((reason: unknown) => reason);
      expect(error)
        .to.be.instanceOf(TransportError)
        .with.property('message', `cannot listen on ${protocol}:[::1]:0`);
      return true;
    };

    it('takes and answers what comes to ::1', async () => {
      if (await refused()) return;
      const { layer, received, ...more } = await start({ host: '::1', port: 0 });
      const peer = await call('::1', more.at(protocol).port);
      const via = `SIP/2.0/${protocol.toUpperCase()} [::1]:${peer.port};branch=z9hG4bKa;rport`;
      peer.send(textMessage('a', via));
      await until('the request', () => received.length === 1);
      const [request] = received;
      const remote: Endpoint = { protocol, address: '::1', port: peer.port };
      expect(request?.source).to.deep.equal(remote);
      expect(request?.local).to.deep.equal({ protocol, address: '::1', port: more.at(protocol).port });
      expect(request?.message.headers.get('Via')).to.equal(
        `SIP/2.0/${protocol.toUpperCase()} [::1]:${peer.port};branch=z9hG4bKa;rport=${peer.port};received=::1`,
      );
      await (await layer.flowTo(remote)).send(Buffer.from('answer'));
      await until('the answer', () => peer.read() === 'answer');
    });

    it('takes both versions of IP at [::], and shows each as what it is', async () => {
      if (await refused()) return;
      const { received, ...more } = await start({ host: '::', port: 0 });
      for (const [index, host] of ['::1', '127.0.0.1'].entries()) {
        const peer = await call(host, more.at(protocol).port);
        peer.send(textMessage(host, `SIP/2.0/${protocol.toUpperCase()} nobody.invalid;branch=z9hG4bKa`));
        await until('the request', () => received.length === index + 1);
        expect(received[index]?.source.address).to.equal(host);
        expect(received[index]?.message.headers.get('Via')).to.match(new RegExp(`;received=${host}$`));
        await received[index]?.flow.send(Buffer.from('answer'));
        await until('the answer', () => peer.read() === 'answer');
      }
    });

    it('leaves IPv4 to another listener of the same port', async () => {
      if (await refused()) return;
      const free = await start({ host: '127.0.0.1', port: 0 });
      const { port } = free.at(protocol);
      await free.layer.close();
      const { layer, received } = await start({ host: '::', port }, { host: '127.0.0.1', port });
      expect(layer.local.map(({ address }) => address)).to.deep.equal(['::', '127.0.0.1']);
      const peer = await call('127.0.0.1', port);
      peer.send(textMessage('a', `SIP/2.0/${protocol.toUpperCase()} nobody.invalid;branch=z9hG4bKa`));
      await until('the request', () => received.length === 1);
      expect(received[0]?.local.address).to.equal('127.0.0.1');
    });
  });
}
