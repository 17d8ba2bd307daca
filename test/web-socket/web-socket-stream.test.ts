import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../src/core/logger.ts';
import { selfSignedCertificate } from '../../src/msrp/self-signed-certificate.ts';
import { drip, frameStart } from './raw-frames.ts';
import { RunningListener, until } from './running-listener.ts';

describe('a WebSocket connection as a stream', () => {
  let running: RunningListener;

  afterEach(async () => {
    await running.stop();
    await until('the end of every timer', () => running.clock.pendingTimers === 0);
  });

  it('makes each write one message: text when it is valid UTF-8, else binary', async () => {
    running = await RunningListener.start();
    const { client, stream } = await running.pair();
    const contents = [
      Buffer.from('MSRP a 200 OK\r\n'),
      Buffer.from('Grüße 🙂'),
      Buffer.from([0x4d, 0xff, 0xfe]),
      Buffer.from('NUL \0 is text'),
      Buffer.from('🙂').subarray(0, 3),
      Buffer.alloc(40_000, 'x'),
    ];
    for (const content of contents) stream.write(content);
    const kinds: string[] = [];
    for (const content of contents) {
      const message = await client.next();
      expect(message.bytes.equals(content)).to.equal(true);
      kinds.push(message.kind);
    }
    expect(kinds).to.deep.equal(['text', 'text', 'binary', 'text', 'binary', 'text']);
  });

  it('reads both kinds, one chunk for each message, however it was cut', async () => {
    running = await RunningListener.start();
    const { client, read } = await running.pair();
    client.send('one 🙂');
    client.send(Buffer.from([0xff, 0x00]));
    client.socket.send('thr', { fin: false });
    client.socket.send('ee', { fin: true });
    client.send('');
    client.send('five');
    await until('five messages', () => read.length === 5);
    expect(read.map((chunk) => chunk.toString('hex'))).to.deep.equal(
      ['one 🙂', Buffer.from([0xff, 0x00]), 'three', '', 'five'].map((each) =>
        Buffer.from(each).toString('hex'),
      ),
    );
  });

  it('closes on a message that is too long (1009)', async () => {
    running = await RunningListener.start({ maxMessageBytes: 1_000 });
    const { client, stream, read, errors } = await running.pair();
    client.send('x'.repeat(1_000));
    client.send('x'.repeat(1_001));
    expect(await client.closed()).to.equal(1009);
    await until('its end', () => stream.destroyed);
    expect(read).to.have.length(1);
    expect(errors).to.have.length(1);
  });

  it('closes on a message in too many pieces (1008)', async () => {
    running = await RunningListener.start({ limits: { fragments: 10 } });
    const { client, read } = await running.pair();
    for (let piece = 0; piece < 20; piece++) client.socket.send('', { fin: false });
    expect(await client.closed()).to.equal(1008);
    expect(read).to.deep.equal([]);
  });

  it('closes on text that is not UTF-8 (1007)', async () => {
    running = await RunningListener.start();
    const { client } = await running.pair();
    client.socket.send(Buffer.from([0xff]), { binary: false });
    expect(await client.closed()).to.equal(1007);
  });

  it('reads a long message from a network that brings little at a time', async () => {
    running = await RunningListener.start({
      limits: { reads: 10, bytesPerRead: 100 },
      maxMessageBytes: 4_000,
    });
    const { client, read } = await running.pair();
    await drip(client, frameStart(3_000));
    for (let piece = 0; piece < 30; piece++) await drip(client, Buffer.alloc(100));
    await until('the message', () => read.length === 1);
    expect(read[0]).to.have.length(3_000);
  });

  it('ends the oldest of the clients that leave too much unfinished together', async () => {
    running = await RunningListener.start({ limits: { unfinishedRoom: 200_000 }, maxMessageBytes: 200_000 });
    const [old, idle, young] = [await running.pair(), await running.pair(), await running.pair()];
    old.client.socket.send(Buffer.alloc(60_000), { fin: false });
    for (const { client } of [old, idle]) {
      const ponged = once(client.socket, 'pong');
      client.socket.ping('pings between take no room');
      await ponged;
    }
    for (let text = 0; text < 20; text++) idle.client.send('x'.repeat(50_000));
    await until('whole messages', () => idle.read.length === 20);
    expect(old.stream.destroyed).to.equal(false);
    for (let piece = 0; piece < 3; piece++)
      young.client.socket.send(Buffer.alloc(50_000), { fin: piece === 2 });
    await until('the end of the oldest', () => old.stream.destroyed);
    expect(old.errors).to.deep.equal(['its unfinished message gave way to others']);
    expect(await old.client.closed()).to.equal(1006);
    await until('the message of the young', () => young.read.length === 1);
    expect([idle.stream.destroyed, young.stream.destroyed]).to.deep.equal([false, false]);
  });

  it('ends a client that floods it with pings and reads no answer', async () => {
    running = await RunningListener.start();
    const { client, stream } = await running.pair();
    client.socket.pause();
    const content = Buffer.alloc(125, 'x');
    let pings = 0;
    while (!stream.destroyed && pings < 1_000_000) {
      for (let burst = 0; burst < 500; burst++, pings++) client.socket.ping(content);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(stream.destroyed).to.equal(true);
  });

  it('ends when the peer closes, after all that came before was read', async () => {
    running = await RunningListener.start();
    const { client, stream, read } = await running.pair();
    const ended = once(stream, 'close');
    client.send('last words');
    client.socket.close(1000);
    await ended;
    expect(read.map(String)).to.deep.equal(['last words']);
    expect(await client.closed()).to.equal(1000);
  });

  it('closes in order when it is ended, after all that was written', async () => {
    running = await RunningListener.start();
    const { client, stream } = await running.pair();
    for (let count = 0; count < 50; count++) stream.write(`${count}`);
    stream.end();
    expect(await client.closed()).to.equal(1000);
    expect(client.received.map(({ text }) => text)).to.deep.equal(
      Array.from({ length: 50 }, (_, n) => `${n}`),
    );
    await until('its end', () => stream.destroyed);
  });

  it('tells a writer that the connection is gone', async () => {
    running = await RunningListener.start();
    const { client, stream } = await running.pair();
    client.close();
    await until('its end', () => stream.destroyed);
    expect(stream.writable).to.equal(false);
  });

  it('tells clients that the server goes (1001) when the listener is closed', async () => {
    running = await RunningListener.start();
    const { client, stream } = await running.pair();
    await running.listener.close();
    expect(await client.closed()).to.equal(1001);
    await until('its end', () => stream.destroyed);
  });

  it('is stopped by neither a client that reads nothing nor one in the middle of its handshake', async () => {
    running = await RunningListener.start();
    const { client, stream } = await running.pair();
    client.socket.pause();
    for (let count = 0; count < 200; count++) stream.write(Buffer.alloc(65_536, 'x'));
    const midway = connect(running.listener.address.port, '127.0.0.1');
    midway.on('error', () => undefined);
    await once(midway, 'connect');
    midway.write('GET / HTTP/1.1\r\n');
    await running.listener.close();
    await until('its end', () => stream.destroyed);
    await until('the end of the other', () => midway.destroyed);
  });

  describe('whose other end is slow', () => {
    it('says that it is full while the client does not read, and drains when it does', async () => {
      running = await RunningListener.start({ limits: { writeMark: 65_536 } });
      const { client, stream } = await running.pair();
      client.socket.pause();
      const piece = Buffer.alloc(65_536, 'x');
      let full = 0;
      while (stream.writableLength < 4 * 1024 * 1024) {
        if (!stream.write(piece)) full++;
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(full).to.be.greaterThan(0);
      const drained = once(stream, 'drain');
      client.socket.resume();
      await drained;
      expect(stream.writableLength).to.equal(0);
    });

    it('reads no more than a little ahead of a slow reader, and loses nothing', async () => {
      running = await RunningListener.start({ idle: true, limits: { readAhead: 4 } });
      const { client, stream } = await running.pair();
      stream.pause();
      const count = 400;
      for (let index = 0; index < count; index++) client.send(`${index} ${'x'.repeat(60_000)}`);
      // The reading stops; what the kernel and one read of a socket hold is all that is on the way.
      let before = -1;
      await until('a standstill', () => {
        const still = client.socket.bufferedAmount === before && before > 0;
        before = client.socket.bufferedAmount;
        return still;
      });
      expect(stream.readableLength).to.be.lessThan(16);
      const read: string[] = [];
      stream.on('data', (chunk: Buffer) => read.push(chunk.toString().split(' ')[0] ?? ''));
      stream.resume();
      await until('all messages', () => read.length === count);
      expect(read).to.deep.equal(Array.from({ length: count }, (_, index) => `${index}`));
    });
  });

  it('is the same over TLS', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'text-mailbox-wss-'));
    try {
      const tls = await selfSignedCertificate(folder, {
        clock: { now: () => Date.now() },
        logger: silentLogger,
      });
      running = await RunningListener.start({
        address: { protocol: 'wss', host: '127.0.0.1', port: 0 },
        tls,
      });
      const { client, stream, read, ends } = await running.pair();
      client.send('hello');
      stream.write('back 🙂');
      expect((await client.next()).text).to.equal('back 🙂');
      await until('a message', () => read.length === 1);
      expect(ends.address).to.equal('127.0.0.1');
      await running.listener.close();
      expect(await client.closed()).to.equal(1001);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
