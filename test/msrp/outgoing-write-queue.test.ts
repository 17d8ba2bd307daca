import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect } from 'chai';
import { WriteQueue } from '../../src/msrp/write-queue.ts';
import { FakeClock, settle } from '../doubles/fake-clock.ts';

const LIMITS = { writeMark: 3_000, writePiece: 1_000, stalledTimeout: 30_000 };

type Done = (error?: Error | null) => void;

/** A socket whose system takes bytes when the test says so. */
class SlowSocket extends Socket {
  readonly sizes: number[] = [];
  readonly #pending: Done[] = [];

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    this.sizes.push(chunk.length);
    this.#pending.push(done);
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], done: Done): void {
    this.sizes.push(chunks.reduce((sum, { chunk }) => sum + chunk.length, 0));
    this.#pending.push(done);
  }

  override _final(done: Done): void {
    done();
  }

  async accept(): Promise<void> {
    this.#pending.shift()?.();
    await settle();
  }
}

class Queue {
  readonly clock = new FakeClock();
  readonly socket = new SlowSocket();
  readonly told: string[] = [];
  readonly writes: WriteQueue;

  constructor() {
    this.writes = new WriteQueue(this.socket, {
      limits: LIMITS,
      clock: this.clock,
      onRoom: () => this.told.push('room'),
      onStalled: () => this.told.push('stalled'),
    });
  }

  write(size: number, name = `${size}`): void {
    this.writes.write(Buffer.alloc(size), () => this.told.push(name));
  }
}

describe('the write queue of a connection', () => {
  it('hands over a short message in one write and tells when it was taken', async () => {
    const queue = new Queue();
    queue.write(1_200);
    expect(queue.socket.sizes).to.deep.equal([1_200]);
    expect(queue.told).to.deep.equal([]);
    await queue.socket.accept();
    expect(queue.told).to.deep.equal(['1200']);
    expect(queue.clock.pendingTimers).to.equal(0);
  });

  it('hands over a long message piece by piece, the end-line never alone', async () => {
    const queue = new Queue();
    queue.write(2_255);
    for (let i = 0; i < 2; i++) await queue.socket.accept();
    expect(queue.socket.sizes).to.deep.equal([1_000, 1_255]);
    expect(queue.told).to.deep.equal(['2255']);
  });

  it('is full from its mark on and tells of room once below', async () => {
    const queue = new Queue();
    queue.write(2_999);
    expect(queue.writes.isFull).to.equal(false);
    queue.write(1);
    expect(queue.writes.isFull).to.equal(true);
    expect(queue.told).to.deep.equal([]);
    await queue.socket.accept();
    expect(queue.writes.isFull).to.equal(false);
    expect(queue.told).to.deep.equal(['room']);
    for (let i = 0; i < 3; i++) await queue.socket.accept();
    expect(queue.told).to.deep.equal(['room', '2999', '1']);
    expect(queue.writes.waiting).to.equal(0);
  });

  it('lets a reader take longer than 30 s, as long as it reads', async () => {
    const queue = new Queue();
    queue.write(5_000);
    for (let i = 0; i < 5; i++) {
      await queue.clock.advance(29_999);
      await queue.socket.accept();
    }
    expect(queue.told).to.deep.equal(['room', '5000']);
    expect(queue.clock.pendingTimers).to.equal(0);
  });

  it('tells of a reader that takes nothing for 30 s, also while more is written', async () => {
    const queue = new Queue();
    queue.write(500);
    await queue.clock.advance(29_999);
    queue.write(500);
    expect(queue.told).to.deep.equal([]);
    await queue.clock.advance(1);
    expect(queue.told).to.deep.equal(['stalled']);
  });

  it('ends the stream after what waits, and takes nothing more', async () => {
    const queue = new Queue();
    queue.write(2_500);
    queue.writes.end();
    queue.write(7);
    expect(queue.socket.writableEnded).to.equal(false);
    for (let i = 0; i < 3; i++) await queue.socket.accept();
    expect(queue.socket.writableEnded).to.equal(true);
    expect(queue.told).to.deep.equal(['2500']);
    expect(queue.socket.sizes).to.deep.equal([1_000, 1_000, 500]);
  });

  it('stops with the connection', async () => {
    const queue = new Queue();
    queue.write(2_500);
    queue.socket.destroy();
    queue.writes.stop();
    await queue.socket.accept();
    queue.write(7);
    expect(queue.told).to.deep.equal([]);
    expect(queue.clock.pendingTimers).to.equal(0);
  });

  it('never cuts a message where each write is a WebSocket message', () => {
    const sizes: number[] = [];
    const stream = new Duplex({
      write: (chunk: Buffer, _encoding, done) => {
        sizes.push(chunk.length);
        done();
      },
      read: () => undefined,
    });
    const none = (): void => undefined;
    const queue = new WriteQueue(stream, {
      limits: LIMITS,
      clock: new FakeClock(),
      onRoom: none,
      onStalled: none,
    });
    queue.write(Buffer.alloc(10_000));
    expect(sizes).to.deep.equal([10_000]);
  });
});
