import { expect } from 'chai';
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { NoWebSocketListener } from '../../src/web-socket/errors.ts';
import { startWebSocketListener } from '../../src/web-socket/listener.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { RunningListener, until } from './running-listener.ts';

interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

async function ask(port: number, headers: OutgoingHttpHeaders, method = 'GET'): Promise<HttpAnswer> {
  const asked = request({ host: '127.0.0.1', port, path: '/etc/passwd', method, headers });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const pieces: Buffer[] = [];
  response.on('data', (piece: Buffer) => pieces.push(piece));
  await once(response, 'end');
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: Buffer.concat(pieces).toString(),
  };
}

const UPGRADE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

describe('the opening handshake of a WebSocket', () => {
  let running: RunningListener;

  afterEach(() => running.stop());

  const portOf = (): number => running.listener.address.port;

  it('hands SIP and MSRP on one port to whoever took each', async () => {
    running = await RunningListener.start();
    const sip = await running.connect('sip');
    const msrp = await running.connect('msrp');
    expect([sip, msrp].map(({ socket }) => socket.protocol)).to.deep.equal(['sip', 'msrp']);
    expect(running.taken.map(({ subprotocol }) => subprotocol)).to.deep.equal(['sip', 'msrp']);
    const { address, port, localAddress } = running.taken[0]?.ends ?? {};
    expect([address, localAddress]).to.deep.equal(['127.0.0.1', '127.0.0.1']);
    expect(port).to.be.a('number').and.not.equal(portOf());
  });

  it('takes the first subprotocol a client names that is served here', async () => {
    running = await RunningListener.start();
    expect((await running.connect(['xmpp', 'msrp', 'sip'])).socket.protocol).to.equal('msrp');
    expect((await running.connect(['sip', 'msrp'])).socket.protocol).to.equal('sip');
  });

  it('does not compress, though the client offers it', async () => {
    running = await RunningListener.start();
    const client = await running.connect('sip', { perMessageDeflate: true });
    expect(client.socket.extensions).to.equal('');
  });

  it('answers 400 to a client that names nothing served here, and says what is', async () => {
    running = await RunningListener.start();
    for (const offered of [{}, { 'Sec-WebSocket-Protocol': 'xmpp, sips' }]) {
      const answer = await ask(portOf(), { ...UPGRADE, ...offered });
      expect(answer.status).to.equal(400);
      expect(answer.text).to.equal('Sec-WebSocket-Protocol must name one of: sip, msrp.\n');
    }
  });

  it('answers 400 to SIP where a drachtio-server takes SIP', async () => {
    running = await RunningListener.start({ subprotocols: ['msrp'] });
    const answer = await ask(portOf(), { ...UPGRADE, 'Sec-WebSocket-Protocol': 'sip' });
    expect(answer.status).to.equal(400);
    expect(answer.text).to.include('one of: msrp.');
  });

  it('answers 503 to what will be served and is not taken yet', async () => {
    running = await RunningListener.start({ taken: ['msrp'] });
    const answer = await ask(portOf(), { ...UPGRADE, 'Sec-WebSocket-Protocol': 'sip' });
    expect([answer.status, answer.headers['retry-after']]).to.deep.equal([503, '1']);
  });

  it('answers 426 to anything else, and serves no files', async () => {
    running = await RunningListener.start();
    const others: [OutgoingHttpHeaders, string][] = [
      [{}, 'GET'],
      [{}, 'POST'],
      [{ Connection: 'Upgrade', Upgrade: 'h2c' }, 'GET'],
    ];
    for (const [headers, method] of others) {
      const answer = await ask(portOf(), headers, method);
      expect([answer.status, answer.headers.upgrade, answer.headers.connection]).to.deep.equal([
        426,
        'websocket',
        'close',
      ]);
      expect(answer.text).to.match(/^WebSockets are served here/);
    }
  });

  it('answers 400 to a handshake that is none', async () => {
    running = await RunningListener.start();
    const protocol = { 'Sec-WebSocket-Protocol': 'sip' };
    for (const faulty of [{ 'Sec-WebSocket-Key': 'short' }, { 'Sec-WebSocket-Version': '7' }]) {
      const answer = await ask(portOf(), { ...UPGRADE, ...protocol, ...faulty });
      expect(answer.status).to.equal(400);
    }
    expect(running.taken).to.deep.equal([]);
  });

  it('answers 403 to a page of an origin that may not connect', async () => {
    running = await RunningListener.start({ origins: ['https://Chat.example.com'] });
    const from = (origin: string): OutgoingHttpHeaders => ({
      ...UPGRADE,
      'Sec-WebSocket-Protocol': 'sip',
      Origin: origin,
    });
    for (const origin of ['https://evil.example.com', 'http://chat.example.com', 'null']) {
      expect((await ask(portOf(), from(origin))).status, origin).to.equal(403);
    }
    await running.connect('sip', { origin: 'https://chat.example.com' });
    await running.connect('sip');
    expect(running.taken, 'the page, and a client that is no browser').to.have.length(2);
  });

  it('lets any page connect unless told otherwise', async () => {
    running = await RunningListener.start();
    await running.connect('sip', { origin: 'https://anywhere.example.org' });
    expect(running.taken).to.have.length(1);
  });

  it('ends a connection that connects and says nothing, or speaks too slowly', async () => {
    running = await RunningListener.start({ limits: { handshake: 10_000 } });
    const silent = connect(portOf(), '127.0.0.1');
    const slow = connect(portOf(), '127.0.0.1');
    const ends = Promise.all([once(silent, 'close'), once(slow, 'close')]);
    await Promise.all([once(silent, 'connect'), once(slow, 'connect')]);
    slow.write('GET / HTTP/1.1\r\nHost: x\r\n');
    const talking = await running.connect('sip');
    await until('both timers', () => running.clock.pendingTimers >= 3);
    await running.clock.advance(10_000);
    await ends;
    talking.send('still here');
    await until('a message', () => running.taken[0]?.read.length === 1);
  });

  it('closes a connection beyond the limit at once', async () => {
    running = await RunningListener.start({ limits: { connections: 1 } });
    const first = await running.connect('sip');
    const second = connect(portOf(), '127.0.0.1');
    second.on('error', () => undefined);
    await once(second, 'close');
    first.close();
    await until('room', () => running.taken[0]?.stream.destroyed === true);
    await running.connect('sip');
  });

  it('half-open: of one source the oldest connection that is not upgraded goes for one too many; others are let be', async () => {
    running = await RunningListener.start({ limits: { handshakesOfSource: 3 } });
    const upgraded = [await running.connect(), await running.connect()];
    const idle = async (from: string): Promise<Socket> => {
      const socket = connect({ port: portOf(), host: '127.0.0.1', localAddress: from });
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      return socket.resume();
    };
    const slow = await idle('127.0.0.2');
    const silent: Socket[] = [];
    for (let i = 0; i < 5; i++) silent.push(await idle('127.0.0.1'));
    await until('the end of two', () => silent.filter(({ closed }) => closed).length === 2);
    expect(silent.map(({ closed }) => closed)).to.deep.equal([true, true, false, false, false]);
    expect(slow.closed).to.equal(false);
    expect(upgraded.map(({ socket }) => socket.readyState)).to.deep.equal([1, 1]);
    for (const socket of [slow, ...silent]) socket.destroy();
  });

  it('says why an address cannot be had', async () => {
    running = await RunningListener.start();
    const error: unknown = await startWebSocketListener({
      address: running.listener.address,
      subprotocols: ['sip'],
      clock: new FakeClock(),
      logger: silentLogger,
      metrics: noMetrics,
    }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(NoWebSocketListener);
    expect(String(error)).to.include(`ws:127.0.0.1:${portOf()}`);
  });
});
