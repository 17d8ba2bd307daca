import { expect } from 'chai';
import { Duplex } from 'node:stream';
import { TransportError } from '../../../src/engine/transport/transport.ts';
import type { Endpoint, StreamEnds, TakeStream } from '../../../src/engine/transport/transport.ts';
import type { TransportLimits } from '../../../src/engine/transport/limits.ts';
import { settle } from '../../doubles/fake-clock.ts';
import { callIds, listen, textMessage, until } from './listening.ts';
import type { Listening } from './listening.ts';

const VIA = 'SIP/2.0/WS df7jal23ls0d.invalid;rport;branch=z9hG4bKa';
const BOUND = { protocol: 'ws', host: '192.0.2.1', port: 8080 } as const;
const ENDS: StreamEnds = { address: '::ffff:198.51.100.7', port: 40_001, localAddress: '192.0.2.1' };

/** A connection as a listener for WebSockets hands it over; the client reads when the test says so. */
class MessageStream extends Duplex {
  readonly sent: string[] = [];
  #waiting: (() => void)[] = [];
  readonly #reads: boolean;

  /** @param reads whether the client takes what is written */
  constructor(reads = true) {
    super({ readableObjectMode: true, allowHalfOpen: false });
    this.#reads = reads;
    this.on('error', () => undefined);
  }

  /** A message of the client. */
  say(content: string | Buffer): void {
    this.push(Buffer.from(content));
  }

  /** The client reads all there is. */
  drain(): void {
    while (this.#waiting.length > 0) for (const done of this.#waiting.splice(0)) done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.drain();
    done(error);
  }

  override _read(): void {
    // The test says what comes, and when.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.sent.push(chunk.toString());
    if (this.#reads) done();
    else this.#waiting.push(done);
  }
}

describe('SIP over WebSockets', () => {
  let listening: Listening;
  let take: TakeStream;

  const start = async (limits: Partial<TransportLimits> = {}): Promise<void> => {
    listening = await listen([{ protocol: 'udp', host: '127.0.0.1', port: 0 }], limits);
    take = listening.layer.attach(BOUND);
  };

  const call = (stream = new MessageStream(), ends: StreamEnds = ENDS): MessageStream => {
    take(stream, ends);
    return stream;
  };

  afterEach(async () => {
    await listening.layer.close();
    await until('the end of all timers', () => listening.clock.pendingTimers === 0);
  });

  it('is one of the transports, by the address of its listener', async () => {
    await start();
    expect(listening.at('ws')).to.deep.equal({ protocol: 'ws', address: '192.0.2.1', port: 8080 });
  });

  it('takes each WebSocket message for a SIP message, without a Content-Length too', async () => {
    await start();
    const stream = call();
    stream.say(textMessage('a', VIA));
    stream.say(
      textMessage('b', VIA, 'a longer text')
        .toString()
        .replace(/Content-Length: \d+\r\n/, ''),
    );
    await settle();
    expect(callIds(listening)).to.deep.equal(['a', 'b']);
    const bodies = listening.received.map(({ message }) => message.body.toString());
    expect(bodies).to.deep.equal(['hi', 'a longer text']);
    const [first] = listening.received;
    expect(first?.source).to.deep.equal({ protocol: 'ws', address: '198.51.100.7', port: 40_001 });
    expect(first?.local).to.deep.equal({ protocol: 'ws', address: '192.0.2.1', port: 8080 });
    expect(first?.message.headers.get('Via')).to.equal(
      'SIP/2.0/WS df7jal23ls0d.invalid;rport=40001;branch=z9hG4bKa;received=198.51.100.7',
    );
  });

  it('takes two SIP messages in one for the first alone, as its Content-Length says', async () => {
    await start();
    const stream = call();
    stream.say(Buffer.concat([textMessage('a', VIA), textMessage('b', VIA)]));
    await settle();
    expect(callIds(listening)).to.deep.equal(['a']);
  });

  it('answers a ping of line ends, and lets a single line end pass (RFC 5626 §4.4.1)', async () => {
    await start();
    const stream = call();
    for (const content of ['\r\n\r\n', '\r\n', '']) stream.say(content);
    await settle();
    expect(stream.sent).to.deep.equal(['\r\n']);
    expect(listening.received).to.deep.equal([]);
    expect(listening.malformed).to.deep.equal([]);
  });

  it('lets no answers to pings pile up for a client that does not read them', async () => {
    await start();
    const stream = call(new MessageStream(false));
    for (let count = 0; count < 1_000; count++) stream.say('\r\n\r\n');
    await settle();
    expect(stream.writableLength).to.equal(2);
    stream.drain();
    await settle();
    stream.say('\r\n\r\n');
    await settle();
    expect(stream.sent, 'one for the flood, and one after it').to.deep.equal(['\r\n', '\r\n']);
  });

  it('sends over the flow a message came by, one write for each', async () => {
    await start();
    const stream = call();
    stream.say(textMessage('a', VIA));
    await settle();
    await listening.received[0]?.flow.send(Buffer.from('one'));
    await listening.received[0]?.flow.send(Buffer.from('two'));
    expect(stream.sent).to.deep.equal(['one', 'two']);
  });

  it('finds a client by the address of its connection, and makes no connection', async () => {
    await start();
    const stream = call();
    const target: Endpoint = { protocol: 'ws', address: '198.51.100.7', port: 40_001 };
    await (await listening.layer.flowTo(target)).send(Buffer.from('found'));
    expect(stream.sent).to.deep.equal(['found']);
    for (const other of [{ ...target, port: 40_002 }, { ...target, protocol: 'wss' } as const]) {
      const error: unknown = await listening.layer.flowTo(other).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(TransportError);
    }
  });

  it('takes nobody for another who came to another listener from the same address and port', async () => {
    await start();
    const stream = call();
    const other = new MessageStream();
    listening.layer.attach({ ...BOUND, port: 8081 })(other, ENDS);
    const target: Endpoint = { protocol: 'ws', address: '198.51.100.7', port: 40_001 };
    const error: unknown = await listening.layer.flowTo(target).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(TransportError);
    other.destroy();
    await until('its end', () => listening.failed.length === 1);
    await (await listening.layer.flowTo(target)).send(Buffer.from('found'));
    expect([stream.sent, other.sent]).to.deep.equal([['found'], []]);
  });

  it('tells of bytes that are no SIP and of a message beyond the limit, and goes on', async () => {
    await start();
    const stream = call();
    stream.say('hello');
    stream.say(Buffer.from([0xff, 0xfe]));
    stream.say(textMessage('long', VIA, 'x'.repeat(300_000)));
    stream.say(textMessage('a', VIA));
    await settle();
    expect(listening.malformed.map(({ error }) => error.status)).to.deep.equal([400, 400, 513]);
    expect(callIds(listening)).to.deep.equal(['a']);
    expect(stream.destroyed).to.equal(false);
  });

  it('tells of a connection that ended', async () => {
    await start();
    const stream = call();
    stream.say(textMessage('a', VIA));
    await settle();
    stream.push(null);
    await until('the failure', () => listening.failed.length === 1);
    expect(listening.failed[0]?.flow).to.equal(listening.received[0]?.flow);
    const error: unknown = await listening.received[0]?.flow
      .send(Buffer.from('late'))
      .catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(TransportError);
  });

  it('reads no more from a client that does not read, until it does', async () => {
    await start({ pauseReadingAt: 100, stalled: 30_000 });
    const stream = call(new MessageStream(false));
    stream.say(textMessage('a', VIA));
    await settle();
    const sending = listening.received[0]?.flow.send(Buffer.alloc(200, 'x'));
    expect(stream.isPaused()).to.equal(true);
    stream.say(textMessage('b', VIA));
    await settle();
    expect(callIds(listening)).to.deep.equal(['a']);
    stream.drain();
    await sending;
    await until('the next', () => listening.received.length === 2);
  });

  it('ends a client that does not read for long, and one for whom too much waits', async () => {
    await start({ pauseReadingAt: 100, stalled: 30_000, queuedPerConnection: 1_000 });
    const slow = call(new MessageStream(false));
    const greedy = call(new MessageStream(false), { ...ENDS, port: 40_002 });
    for (const stream of [slow, greedy]) stream.say(textMessage('a', VIA));
    await settle();
    const failures: Promise<unknown>[] = [];
    const send = (index: number, size: number): void => {
      const sent = listening.received[index]?.flow.send(Buffer.alloc(size, 'x')) ?? Promise.resolve();
      failures.push(sent.catch((reason: unknown) => reason));
    };
    send(0, 200);
    send(1, 900);
    send(1, 200);
    expect(greedy.destroyed).to.equal(true);
    await listening.clock.advance(30_000);
    expect(slow.destroyed).to.equal(true);
    for (const failure of await Promise.all(failures)) expect(failure).to.be.instanceOf(TransportError);
  });

  it('ends a connection nothing is said on, and not one that was used', async () => {
    await start({ idle: 600_000 });
    const silent = call();
    const used = call(new MessageStream(), { ...ENDS, port: 40_002 });
    silent.say('\r\n\r\n');
    used.say(textMessage('a', VIA));
    await listening.clock.advance(600_000);
    expect([silent.destroyed, used.destroyed]).to.deep.equal([true, false]);
    await listening.clock.advance(6_000_000);
    expect(used.destroyed).to.equal(false);
  });

  it('refuses a connection beyond the limit', async () => {
    await start({ connections: 1 });
    const first = call();
    first.say(textMessage('a', VIA));
    await until('the request', () => listening.received.length === 1);
    const second = call(new MessageStream(), { ...ENDS, port: 40_002 });
    expect([first.destroyed, second.destroyed]).to.deep.equal([false, true]);
    expect(listening.counted).to.include('sip_connections_refused_total{}');
    first.destroy();
    await until('room', () => listening.failed.length === 1);
    expect(call().destroyed).to.equal(false);
  });

  it('flood of connections: the silent make room first, then those of one source that has more than its share', async () => {
    await start({ connections: 3, ownShare: 1 });
    const from = (address: string, port: number): MessageStream =>
      call(new MessageStream(), { ...ENDS, address, port });
    const taking = [1, 2, 3].map((port) => from('203.0.113.9', port));
    taking[1]?.say(textMessage('a', VIA));
    taking[2]?.say(textMessage('b', VIA));
    await until('the requests', () => listening.received.length === 2);
    const honest: MessageStream[] = [];
    for (const address of ['198.51.100.1', '198.51.100.2']) {
      const stream = from(address, 5);
      honest.push(stream);
      stream.say(textMessage('c', VIA));
      await until('the request', () => listening.received.length === 2 + honest.length);
    }
    expect(taking.map(({ destroyed }) => destroyed)).to.deep.equal([true, true, false]);
    expect(honest.map(({ destroyed }) => destroyed)).to.deep.equal([false, false]);
    expect(from('203.0.113.9', 4).destroyed).to.equal(true);
  });

  it('ends every connection when it is closed, and takes no more', async () => {
    await start();
    const stream = call();
    await listening.layer.close();
    expect(stream.destroyed).to.equal(true);
    expect(call().destroyed).to.equal(true);
    expect(listening.failed).to.deep.equal([]);
  });
});
