import { expect } from 'chai';
import { once } from 'node:events';
import { drip, frameStart } from './raw-frames.ts';
import { RunningListener, until } from './running-listener.ts';

describe('a WebSocket connection whose other end may be dead', () => {
  let running: RunningListener;

  afterEach(async () => {
    await running.stop();
    await until('the end of every timer', () => running.clock.pendingTimers === 0);
  });

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
