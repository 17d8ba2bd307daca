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

  describe('whose other end may be dead', () => {
    const LIMITS = { pingInterval: 30_000, pongTimeout: 20_000 };

    it('is ended when a ping has no answer', async () => {
      running = await RunningListener.start({ limits: LIMITS });
      const { client, stream, errors } = await running.pair();
      // A client that is gone: it is connected, and nothing comes from it.
      client.socket.pause();
      await running.clock.advance(30_000);
      await running.clock.advance(19_999);
      expect(stream.destroyed).to.equal(false);
      await running.clock.advance(1);
      await until('its end', () => stream.destroyed);
      expect(errors).to.deep.equal(['the peer answers no ping']);
    });

    it('lives on while pings are answered', async () => {
      running = await RunningListener.start({ limits: LIMITS });
      const { client, stream } = await running.pair();
      for (let round = 0; round < 5; round++) {
        const pinged = once(client.socket, 'ping');
        await running.clock.advance(30_000);
        await pinged;
        // The pong is on its way behind this message.
        client.send('x');
        await until('the pong', () => running.taken[0]?.read.length === round + 1);
        await running.clock.advance(20_000);
      }
      expect(stream.destroyed).to.equal(false);
    });

    it('is not taken for dead while a message comes in slowly', async () => {
      running = await RunningListener.start({ limits: LIMITS });
      const { client, stream, read } = await running.pair({ autoPong: false });
      await drip(client, frameStart(6));
      for (let piece = 0; piece < 6; piece++) {
        await running.clock.advance(30_000);
        await drip(client, Buffer.from('x'));
        await running.clock.advance(20_000);
      }
      await until('the message', () => read.length === 1);
      expect(stream.destroyed).to.equal(false);
    });

    it('is not taken for dead while it reads slowly what a ping waits behind', async () => {
      running = await RunningListener.start({ limits: LIMITS });
      const { client, stream } = await running.pair();
      client.socket.pause();
      for (let count = 0; count < 5; count++) stream.write(Buffer.alloc(8 * 1024 * 1024, 'x'));
      for (let round = 0; round < 3; round++) {
        await running.clock.advance(30_000);
        await running.clock.advance(20_000);
      }
      expect(stream.destroyed).to.equal(false);
      client.socket.resume();
      await until('all of it', () => client.received.length === 5);
    });

    it('is not taken for dead while we ourselves do not read', async () => {
      running = await RunningListener.start({ idle: true, limits: { ...LIMITS, readAhead: 1 } });
      const { client, stream } = await running.pair();
      stream.pause();
      client.send('one');
      client.send('two');
      await until('the first', () => stream.readableLength >= 1);
      await running.clock.advance(200_000);
      expect(stream.destroyed).to.equal(false);
      const read: string[] = [];
      stream.on('data', (chunk: Buffer) => read.push(chunk.toString()));
      stream.resume();
      await until('both', () => read.length === 2);
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
