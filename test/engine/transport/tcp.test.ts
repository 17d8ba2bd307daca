import { expect } from 'chai';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeadlineExceeded } from '../../../src/core/deadline.ts';
import { TRANSPORT_LIMITS } from '../../../src/engine/transport/limits.ts';
import type { TransportLimits } from '../../../src/engine/transport/limits.ts';
import { TransportError } from '../../../src/engine/transport/transport.ts';
import type { Endpoint, Flow } from '../../../src/engine/transport/transport.ts';
import { callIds, listen, textMessage, until } from './listening.ts';
import type { Listening } from './listening.ts';

const TCP = { protocol: 'tcp', host: '127.0.0.1', port: 0 } as const;
const VIA = 'SIP/2.0/TCP 127.0.0.1;rport;branch=z9hG4bKa';

/** A peer that keeps what it reads. */
interface Peer {
  readonly socket: Socket;
  readonly read: () => string;
  readonly closed: () => boolean;
}

function watch(socket: Socket): Peer {
  let text = '';
  let closed = false;
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.on('close', () => (closed = true));
  // A connection that is cut off is what some of these tests are about.
  socket.on('error', () => undefined);
  return { socket, read: () => text, closed: () => closed };
}

describe('SIP over TCP', () => {
  let listening: Listening;
  const opened: Socket[] = [];

  const start = async (limits: Partial<TransportLimits> = {}): Promise<void> => {
    listening = await listen([TCP], limits);
  };

  /** @param from the peer's address */
  const call = async (from = '127.0.0.1'): Promise<Peer> => {
    const socket = connect({ port: listening.at('tcp').port, host: '127.0.0.1', localAddress: from });
    opened.push(socket);
    const peer = watch(socket);
    await once(socket, 'connect');
    return peer;
  };

  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy();
    await listening.layer.close();
    await until('the end of all timers', () => listening.clock.pendingTimers === 0);
  });

  const flowOf = (index = 0): Flow => {
    const flow = listening.received[index]?.flow;
    if (flow === undefined) throw new Error('nothing was received');
    return flow;
  };

  describe('a connection that came', () => {
    beforeEach(() => start());

    it('carries messages, however they are cut', async () => {
      const peer = await call();
      const bytes = Buffer.concat([textMessage('a', VIA), textMessage('b', VIA), textMessage('c', VIA)]);
      for (let at = 0; at < bytes.length; at += 97) peer.socket.write(bytes.subarray(at, at + 97));
      await until('all three', () => listening.received.length === 3);
      expect(callIds(listening)).to.deep.equal(['a', 'b', 'c']);
      expect(listening.received[0]?.message.headers.get('Via')).to.include(`rport=${peer.socket.localPort}`);
      expect(listening.received[0]?.source).to.deep.equal({
        protocol: 'tcp',
        address: '127.0.0.1',
        port: peer.socket.localPort,
      });
    });

    it('carries the answers, and requests to the peer as well', async () => {
      const peer = await call();
      peer.socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      await flowOf().send(Buffer.from('answer '));
      const back = await listening.layer.flowTo(flowOf().remote);
      expect(back).to.equal(flowOf());
      await back.send(Buffer.from('request'));
      await until('both', () => peer.read() === 'answer request');
    });

    it('is answered a single line end to a double one (RFC 5626 §4.4.1)', async () => {
      const peer = await call();
      peer.socket.write('\r\n\r\n');
      await until('the pong', () => peer.read() === '\r\n');
      peer.socket.write('\r\n');
      peer.socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      expect(peer.read()).to.equal('\r\n');
    });

    it('flood of pings: those that come at once get one answer', async () => {
      const peer = await call();
      peer.socket.write(Buffer.concat([Buffer.from('\r\n\r\n'.repeat(500)), textMessage('a', VIA)]));
      await until('the request', () => listening.received.length === 1);
      await until('a pong', () => peer.read() !== '');
      expect(peer.read().length).to.be.below(100);
    });

    it('goes on after a message that is malformed but whole', async () => {
      const peer = await call();
      peer.socket.write(textMessage('bad', VIA).toString().replace('1 MESSAGE', '1 INVITE'));
      peer.socket.write(textMessage('good', VIA));
      await until('the good one', () => listening.received.length === 1);
      expect(listening.malformed[0]?.error.reason).to.equal('Bad CSeq');
      expect(listening.malformed[0]?.error.request?.headers.get('Via')).to.include('received=127.0.0.1');
    });

    it('that lost its way is answered and closed; the answer arrives whatever else was sent', async () => {
      listening.layer.onMalformed = (error, _source, flow) =>
        void flow.send(Buffer.from(`${error.status} ${error.reason}`));
      const peer = await call();
      const broken = textMessage('bad', VIA).toString().replace('Content-Length: 2', 'Content-Length: two');
      peer.socket.write(broken + textMessage('never', VIA).toString().repeat(1000));
      await until('the end', () => peer.closed());
      expect(peer.read()).to.equal('400 Bad Content-Length');
      expect(listening.received).to.deep.equal([]);
    });

    it('that lost its way and is held open by the peer is cut off', async () => {
      const socket = connect({ port: listening.at('tcp').port, host: '127.0.0.1', allowHalfOpen: true });
      opened.push(socket);
      watch(socket);
      await once(socket, 'connect');
      socket.write('GET / HTTP/1.1\r\n\r\n');
      await until('the fault', () => listening.malformed.length === 1);
      expect(listening.failed).to.deep.equal([]);
      await listening.clock.advance(TRANSPORT_LIMITS.linger);
      await until('the loss', () => listening.failed.length === 1);
      expect(listening.failed[0]?.error.message).to.equal('400 Bad Request Line');
    });

    it('that ends is told, and nothing can be sent over it', async () => {
      const peer = await call();
      peer.socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      peer.socket.end();
      await until('the loss', () => listening.failed.length === 1);
      expect(listening.failed[0]?.flow).to.equal(flowOf());
      expect(
        await flowOf()
          .send(Buffer.from('x'))
          .catch((error: unknown) => error),
      ).to.be.instanceOf(TransportError);
    });

    it('that the peer half-closes behind a request hands it over, and is over: answers take another (§18.2.2)', async () => {
      const socket = connect({ port: listening.at('tcp').port, host: '127.0.0.1', allowHalfOpen: true });
      opened.push(socket);
      const peer = watch(socket);
      await once(socket, 'connect');
      listening.layer.onMessage = (received) => {
        listening.received.push(received);
        void received.flow.send(Buffer.from('at once'));
      };
      socket.end(textMessage('last', VIA));
      await until('the request', () => listening.received.length === 1);
      // What was written before the end still goes out.
      await until('the answer', () => peer.read() === 'at once');
      socket.end();
      await until('the loss', () => listening.failed.length === 1);
      expect(callIds(listening)).to.deep.equal(['last']);
    });

    it('that is reset is told as that', async () => {
      const peer = await call();
      peer.socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      peer.socket.resetAndDestroy();
      await until('the loss', () => listening.failed.length === 1);
    });

    it('is closed when nothing was said for long, not before', async () => {
      const peer = await call();
      peer.socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      await listening.clock.advance(TRANSPORT_LIMITS.idle - 1000);
      peer.socket.write('\r\n\r\n');
      await until('the pong', () => peer.read() === '\r\n');
      await listening.clock.advance(TRANSPORT_LIMITS.idle - 1000);
      expect(listening.failed).to.deep.equal([]);
      await listening.clock.advance(1001);
      await until('the end', () => peer.closed());
    });

    it('drip: a message that does not get ready is not waited for', async () => {
      const peer = await call();
      const bytes = textMessage('slow', VIA);
      peer.socket.write(Buffer.concat([textMessage('a', VIA), bytes.subarray(0, 30)]));
      await until('the first', () => listening.received.length === 1);
      await listening.clock.advance(TRANSPORT_LIMITS.messageArrival - 1);
      peer.socket.write(Buffer.concat([bytes.subarray(30), bytes.subarray(0, 10)]));
      await until('the slow one', () => listening.received.length === 2);
      await listening.clock.advance(TRANSPORT_LIMITS.messageArrival - 1);
      expect(listening.failed).to.deep.equal([]);
      await listening.clock.advance(1);
      await until('the end', () => peer.closed());
      expect(listening.failed[0]?.error.message).to.equal('a message took too long to arrive');
    });
  });

  describe('a peer that does not read', () => {
    /** Sends until the kernel takes no more. */
    const fill = async (flow: Flow, size: number): Promise<Promise<void>[]> => {
      const block = Buffer.alloc(size, 'x');
      for (let sent = 0; sent < 200 * 1024 * 1024; sent += size) {
        const sending = flow.send(block);
        const done = await Promise.race([sending.then(() => true), sleep(50, false)]);
        if (!done) return [sending];
      }
      throw new Error('the kernel took everything');
    };

    it('is not read from until it has caught up', async () => {
      await start();
      const peer = await call();
      peer.socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      peer.socket.pause();
      const waiting = await fill(flowOf(), 64 * 1024);
      for (let i = 0; i < 5; i++) waiting.push(flowOf().send(Buffer.alloc(64 * 1024, 'y')));
      peer.socket.write(textMessage('b', VIA));
      await sleep(50);
      expect(callIds(listening)).to.deep.equal(['a']);
      peer.socket.resume();
      await Promise.all(waiting);
      await until('the second', () => listening.received.length === 2);
    });

    it('is cut off when it does not catch up in time', async () => {
      await start();
      const peer = await call();
      peer.socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      peer.socket.pause();
      const waiting = await fill(flowOf(), 64 * 1024);
      for (let i = 0; i < 5; i++) waiting.push(flowOf().send(Buffer.alloc(64 * 1024, 'y')));
      const outcome = Promise.allSettled(waiting);
      await listening.clock.advance(TRANSPORT_LIMITS.stalled);
      expect((await outcome).map(({ status }) => status)).to.include('rejected');
      await until('the loss', () => listening.failed.length === 1);
      expect(listening.failed[0]?.error.message).to.equal('the peer does not read');
    });

    it('is cut off when it half-closes and lets hang', async () => {
      await start();
      const socket = connect({ port: listening.at('tcp').port, host: '127.0.0.1', allowHalfOpen: true });
      opened.push(socket);
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      const outcome = Promise.allSettled(await fill(flowOf(), 64 * 1024));
      const before = listening.clock.pendingTimers;
      socket.end();
      await until('the end of its side', () => listening.clock.pendingTimers > before);
      await listening.clock.advance(TRANSPORT_LIMITS.linger);
      await until('the loss', () => listening.failed.length === 1);
      expect((await outcome).map(({ status }) => status)).to.deep.equal(['rejected']);
    });

    it('is cut off when more waits for it than may', async () => {
      await start({ queuedPerConnection: 100_000 });
      const peer = await call();
      peer.socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      peer.socket.pause();
      const waiting = await fill(flowOf(), 60_000);
      waiting.push(flowOf().send(Buffer.alloc(60_000)));
      const outcomes = await Promise.allSettled(waiting);
      expect(outcomes.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
      await until('the loss', () => listening.failed.length === 1);
    });
  });

  describe('a connection of ours', () => {
    beforeEach(() => start({ connections: 2 }));

    const serve = async (): Promise<{ target: Endpoint; peers: Peer[]; close: () => void }> => {
      const peers: Peer[] = [];
      const server = createServer((socket) => {
        opened.push(socket);
        peers.push(watch(socket));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      return { target: { protocol: 'tcp', address: '127.0.0.1', port }, peers, close: () => server.close() };
    };

    it('is made once for all who ask at the same time, and kept', async () => {
      const { target, peers, close } = await serve();
      const flows = await Promise.all([1, 2, 3].map(() => listening.layer.flowTo(target)));
      expect(new Set(flows).size).to.equal(1);
      expect(await listening.layer.flowTo(target)).to.equal(flows[0]);
      await flows[0]?.send(Buffer.from('request'));
      await until('the request', () => peers[0]?.read() === 'request');
      expect(peers).to.have.lengthOf(1);
      expect(flows[0]?.remote).to.deep.equal(target);
      close();
    });

    it('says of us the port we listen on, and hands over what comes back', async () => {
      const { target, peers, close } = await serve();
      const flow = await listening.layer.flowTo(target);
      expect(flow.local).to.deep.equal(listening.at('tcp'));
      await until('the connection', () => peers.length === 1);
      peers[0]?.socket.write(textMessage('back', VIA));
      await until('the message', () => listening.received.length === 1);
      expect(flowOf()).to.equal(flow);
      close();
    });

    it('is made anew after it was lost', async () => {
      const { target, peers, close } = await serve();
      const first = await listening.layer.flowTo(target);
      await until('the connection', () => peers.length === 1);
      peers[0]?.socket.destroy();
      await until('the loss', () => listening.failed.length === 1);
      const second = await listening.layer.flowTo(target);
      expect(second).not.to.equal(first);
      await second.send(Buffer.from('again'));
      await until('the request', () => peers[1]?.read() === 'again');
      close();
    });

    it('that is refused is told, and may be tried again', async () => {
      const { target, close } = await serve();
      close();
      for (let i = 0; i < 2; i++) {
        const failure: unknown = await listening.layer.flowTo(target).catch((error: unknown) => error);
        expect(failure).to.be.instanceOf(TransportError).with.property('cause').that.is.instanceOf(Error);
      }
    });

    it('that is not made in time is given up', async () => {
      const { target, close } = await serve();
      // The time is up before the network has had any.
      listening.clock.after = (_delay, callback) => {
        queueMicrotask(callback);
        return { cancel: () => undefined };
      };
      const failure: unknown = await listening.layer.flowTo(target).catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(TransportError);
      expect((failure as TransportError).cause).to.be.instanceOf(DeadlineExceeded);
      close();
    });

    it('counts with those that came: one more than the limit is not made, nor taken', async () => {
      const { target, peers, close } = await serve();
      const first = await call();
      first.socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      await listening.layer.flowTo(target);
      const refused = await call();
      await until('the refusal', () => refused.closed());
      expect(listening.counted).to.include.members(['sip_connections 2', 'sip_connections_refused_total{}']);
      const elsewhere = { ...target, address: '127.0.0.2' };
      expect(await listening.layer.flowTo(elsewhere).catch((error: unknown) => error)).to.be.instanceOf(
        TransportError,
      );
      first.socket.destroy();
      await until('room', () => listening.failed.length === 1);
      const taken = await call();
      taken.socket.write(textMessage('b', VIA));
      await until('the next request', () => listening.received.length === 2);
      expect(peers).to.have.lengthOf(1);
      close();
    });
  });

  it('flood of silent connections: those over which nothing was said make room for others, the oldest first', async () => {
    await start({ connections: 3 });
    const talker = await call();
    talker.socket.write(textMessage('a', VIA));
    await until('the request', () => listening.received.length === 1);
    const silent = [await call(), await call(), await call(), await call()];
    const comer = await call();
    comer.socket.write(textMessage('b', VIA));
    await until('the next request', () => listening.received.length === 2);
    await until('the end of three', () => silent.filter(({ closed }) => closed()).length === 3);
    expect(silent.map(({ closed }) => closed())).to.deep.equal([true, true, true, false]);
    talker.socket.write(textMessage('c', VIA));
    await until('one more', () => listening.received.length === 3);
  });

  it('unfinished messages: when they are too much for memory, those of who sends most give way', async () => {
    await start({ unfinishedRoom: 300_000 });
    const whole = textMessage('a', VIA, 'x'.repeat(30_000));
    const honest = await call('127.0.0.3');
    honest.socket.write(whole.subarray(0, -1));
    const greedy: Peer[] = [];
    for (let i = 0; i < 20; i++) {
      const peer = await call('127.0.0.2');
      greedy.push(peer);
      peer.socket.write(whole.subarray(0, 20_000));
      await sleep(2);
    }
    await until('the end of some', () => greedy[0]?.closed() === true);
    expect(greedy.at(-1)?.closed()).to.equal(false);
    expect(listening.failed[0]?.error.message).to.equal('its unfinished message gave way to others');
    honest.socket.write(whole.subarray(-1));
    await until('the request', () => listening.received.length === 1);
  });

  describe('one source that takes all connections', () => {
    const talker = async (from: string): Promise<Peer> => {
      const peer = await call(from);
      const before = listening.received.length;
      peer.socket.write(textMessage('a', VIA));
      await until('the request or the end', () => listening.received.length > before || peer.closed());
      return peer;
    };
    const states = (peers: readonly Peer[]): boolean[] => peers.map(({ closed }) => closed());

    it('makes room for others, one by one, and gets no more', async () => {
      await start({ connections: 5, ownShare: 2 });
      const honest = await talker('127.0.0.3');
      const taking: Peer[] = [];
      for (let i = 0; i < 4; i++) taking.push(await talker('127.0.0.2'));
      const another = await talker('127.0.0.4');
      await until('room', () => states(taking).includes(true));
      expect(states(taking)).to.deep.equal([true, false, false, false]);
      const more = await talker('127.0.0.2');
      expect(states([honest, another, more])).to.deep.equal([false, false, true]);
    });

    it('is told from several with their share: those stay', async () => {
      await start({ connections: 4, ownShare: 2 });
      const peers: Peer[] = [];
      for (const from of ['127.0.0.2', '127.0.0.2', '127.0.0.3', '127.0.0.4']) peers.push(await talker(from));
      const more = await talker('127.0.0.5');
      expect(states([...peers, more])).to.deep.equal([false, false, false, false, true]);
    });

    it('in silence takes its own place again, and not that of one who is about to speak', async () => {
      await start({ connections: 3 });
      const slow = await call('127.0.0.3');
      const silent: Peer[] = [];
      for (let i = 0; i < 6; i++) silent.push(await call('127.0.0.2'));
      await until('the end of four', () => states(silent).filter(Boolean).length === 4);
      slow.socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
    });
  });

  describe('all together', () => {
    it('ends at once, and nothing of it is told as a loss', async () => {
      await start();
      const peer = await call();
      peer.socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const connecting = listening.layer
        .flowTo({ protocol: 'tcp', address: '127.0.0.1', port })
        .catch((error: unknown) => error);
      await Promise.all([listening.layer.close(), listening.layer.close()]);
      expect(((await connecting) as TransportError).cause).to.have.property(
        'message',
        'the transport was closed',
      );
      await until('the end', () => peer.closed());
      expect(listening.failed).to.deep.equal([]);
      server.close();
    });

    it('takes a connection that came to another listener', async () => {
      listening = await listen([TCP, TCP]);
      const second = listening.layer.local[1];
      if (second === undefined) throw new Error('one listener only');
      const socket = connect(second.port, '127.0.0.1');
      opened.push(socket);
      watch(socket);
      socket.write(textMessage('a', VIA));
      await until('the request', () => listening.received.length === 1);
      expect(await listening.layer.flowTo(flowOf().remote)).to.equal(flowOf());
    });

    it('reaches nobody by a protocol it does not listen on', async () => {
      await start();
      const target: Endpoint = { protocol: 'udp', address: '127.0.0.1', port: 5060 };
      expect(await listening.layer.flowTo(target).catch((error: unknown) => error)).to.be.instanceOf(
        TransportError,
      );
    });
  });
});
