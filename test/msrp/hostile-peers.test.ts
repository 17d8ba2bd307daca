import { once } from 'node:events';
import { connect } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { MsrpLimits } from '../../src/msrp/limits.ts';
import { selfSignedCertificate } from '../../src/msrp/self-signed-certificate.ts';
import { RawMsrpClient, msrpResponse } from '../doubles/raw-msrp-client.ts';
import { PEER, RunningEndpoint, bind, text } from './running-endpoint.ts';

const running: RunningEndpoint[] = [];

async function start(limits: Partial<MsrpLimits> = {}): Promise<RunningEndpoint> {
  const started = await RunningEndpoint.start({ limits });
  running.push(started);
  return started;
}

afterEach(async () => {
  for (const each of running.splice(0)) {
    await each.stop();
    expect(each.clock.pendingTimers).to.equal(0);
  }
});

describe('a second connection to a bound session', () => {
  it('gets 506, and the session stays with the first', async () => {
    const endpoint = await start();
    const { client, uri, owner } = await endpoint.bound();
    const thief = await endpoint.connect();
    await thief.sendBytes(text(uri, 'forged'));
    expect((await thief.nextFrame()).status).to.equal(506);
    thief.close();
    await client.sendBytes(text(uri, 'true', { id: 'm2' }));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound', 'true']);
  });

  it('cannot acknowledge or refuse messages meant for its peer', async () => {
    const endpoint = await start();
    const { client, uri, session } = await endpoint.bound();
    let outcome = 'open';
    const sent = session
      .send({ messageId: 'mine', contentType: 'text/plain', content: Buffer.from('secret') })
      .then(() => (outcome = 'delivered'));
    const frame = await client.nextFrame();
    const thief = await endpoint.connect();
    await thief.sendBytes(msrpResponse(frame, '200 OK', PEER));
    await thief.sendBytes(msrpResponse(frame, '413 No', PEER));
    await thief.sendBytes(bind(uri, 'thief001'));
    expect((await thief.nextFrame()).status).to.equal(506);
    await endpoint.clock.advance(10_000);
    expect(outcome).to.equal('open');
    await client.sendBytes(msrpResponse(frame, '200 OK', PEER));
    await client.sendBytes(bind(uri, 'ping0001'));
    await client.nextFrame();
    await endpoint.clock.advance(2_000);
    await sent;
  });

  it('before the session is open is too late: it belongs to whoever came first', async () => {
    const endpoint = await start();
    const prepared = endpoint.endpoint.prepare('tcp');
    const uri = prepared.localPath.map((each) => each.text).join();
    const [first, second] = [await endpoint.connect(), await endpoint.connect()];
    for (const client of [first, second]) {
      await client.sendBytes(bind(uri));
      await client.sendBytes(text('msrp://127.0.0.1/none;tcp', 'x'));
      expect((await client.nextFrame()).status).to.equal(481);
    }
    endpoint.openPrepared(prepared);
    expect((await first.nextFrame()).status).to.equal(200);
    expect((await second.nextFrame()).status).to.equal(506);
  });

  it('is welcome when the first was lost before the session was open', async () => {
    const endpoint = await start();
    const prepared = endpoint.endpoint.prepare('tcp');
    const uri = prepared.localPath.map((each) => each.text).join();
    const lost = await endpoint.connect();
    await lost.sendBytes(Buffer.concat([bind(uri), text('msrp://127.0.0.1/none;tcp', 'x')]));
    expect((await lost.nextFrame()).status).to.equal(481);
    lost.close();
    // Another connection's whole life behind the loss makes sure that it was noticed.
    const witness = await endpoint.connect();
    await witness.sendBytes('GET');
    await witness.waitForEnd();
    const { owner } = endpoint.openPrepared(prepared);
    const client = await endpoint.connect();
    await client.sendBytes(bind(uri));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound']);
  });
});

describe('a guessed session URI', () => {
  it('gets 481 each time, and the guesser is cut off', async () => {
    const endpoint = await start();
    const guesser = await endpoint.connect();
    for (let i = 0; i < 20; i++) {
      const uri = `msrp://127.0.0.1:${endpoint.port()}/${String(i).padStart(32, '0')};tcp`;
      await guesser.sendBytes(bind(uri, `guess${String(i).padStart(3, '0')}`));
      expect((await guesser.nextFrame()).status).to.equal(481);
    }
    await endpoint.clock.advance(15_000);
    await guesser.waitForEnd();
  });
});

describe('a connection that says nothing', () => {
  it('is closed after a while, and cut when the peer does not close it', async () => {
    const endpoint = await start();
    const client = await endpoint.connect();
    const { client: witness } = await endpoint.bound();
    await endpoint.clock.advance(14_999);
    expect(client.ended).to.equal(false);
    await endpoint.clock.advance(1);
    await client.waitForEnd();
    await endpoint.clock.advance(1_500);
    expect(witness.ended).to.equal(false);
  });

  it('is closed too in the middle of a request', async () => {
    const endpoint = await start();
    const client = await endpoint.connect();
    await client.sendBytes('MSRP d93kswow SEND\r\nTo-Path: ');
    await endpoint.clock.advance(15_000);
    await client.waitForEnd();
  });

  it('cannot keep an endpoint from closing, even within a TLS handshake', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'msrp-tls-'));
    const tls = await selfSignedCertificate(folder, { clock: systemClock, logger: silentLogger });
    await rm(folder, { recursive: true });
    const endpoint = await RunningEndpoint.start({ tls });
    const socket = connect(endpoint.port('tls'), '127.0.0.1');
    await once(socket, 'connect');
    const client = new RawMsrpClient(socket);
    const other = await endpoint.connect('tls');
    await endpoint.stop();
    await client.waitForEnd();
    await other.waitForEnd().catch(() => undefined);
    client.close();
  });

  it('is closed when its TLS handshake does not end in time', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'msrp-tls-'));
    const tls = await selfSignedCertificate(folder, { clock: systemClock, logger: silentLogger });
    await rm(folder, { recursive: true });
    const endpoint = await RunningEndpoint.start({ tls, limits: { strangerTimeout: 100 } });
    running.push(endpoint);
    const socket = connect(endpoint.port('tls'), '127.0.0.1');
    await once(socket, 'connect');
    const client = new RawMsrpClient(socket);
    await client.waitForEnd();
    client.close();
  });
});

describe('a half-open connection', () => {
  it('still gets its answers, and is closed then', async () => {
    const endpoint = await start();
    const { client, uri, owner } = await endpoint.bound();
    let store = (): void => undefined;
    owner.take = () => new Promise((resolve) => (store = resolve));
    await client.sendBytes(text(uri, 'last words'));
    await owner.waitFor(2);
    client.end();
    // The end was noticed: what another peer says after it is answered.
    const { client: witness, uri: other } = await endpoint.bound();
    await witness.sendBytes(bind(other, 'ping0001'));
    await witness.nextFrame();
    expect(client.ended).to.equal(false);
    store();
    expect((await client.nextFrame()).status).to.equal(200);
    await client.waitForEnd();
    await owner.waitFor(3);
    expect(owner.ended).to.equal('connection lost');
  });

  it('is cut when its answer takes too long', async () => {
    const endpoint = await start();
    const { client, uri, owner } = await endpoint.bound();
    owner.take = () => new Promise(() => undefined);
    await client.sendBytes(text(uri, 'last words'));
    await owner.waitFor(2);
    client.end();
    while (!client.ended) await endpoint.clock.advance(100);
    await owner.waitFor(3);
    expect(owner.ended).to.equal('connection lost');
  });
});

describe('an endless header', () => {
  it('is answered 400 and ends its connection, not those of others', async () => {
    const endpoint = await start();
    const { client: neighbour } = await endpoint.bound();
    const { client, uri, owner } = await endpoint.bound();
    await client.sendBytes(
      `MSRP d93kswow SEND\r\nTo-Path: ${uri}\r\nFrom-Path: ${PEER}\r\nX: ${'a'.repeat(9_000)}`,
    );
    expect(await client.nextFrame()).to.include({ transactId: 'd93kswow', status: 400 });
    await client.waitForEnd();
    // The peer does not close its side: it is closed for it.
    await endpoint.clock.advance(1_500);
    await owner.waitFor(2);
    expect(owner.ended).to.equal('connection lost');
    expect(neighbour.ended).to.equal(false);
  });
});

describe('bytes that are no MSRP', () => {
  for (const bytes of [
    'GET / HTTP/1.1\r\n',
    '\x16\x03\x01\x02\x00',
    'MSRP x SEND\r\n',
    `MSRP ${'a'.repeat(2_000)}`,
  ]) {
    it(`like ${JSON.stringify(bytes.slice(0, 20))} end the connection`, async () => {
      const endpoint = await start();
      const client = await endpoint.connect();
      await client.sendBytes(bytes);
      await client.waitForEnd();
    });
  }

  it('behind a message do not keep it from its answer, wherever the stream is cut', async () => {
    const endpoint = await start();
    for (const cut of [0, 10, 200]) {
      const { client, uri, owner } = await endpoint.bound();
      owner.take = async () => {
        await Promise.resolve();
      };
      const stream = Buffer.concat([text(uri, 'hello'), Buffer.from('this is not MSRP\r\n\r\n')]);
      await client.sendBytes(stream.subarray(0, stream.length - cut));
      await client.sendBytes(stream.subarray(stream.length - cut));
      expect((await client.nextFrame()).status).to.equal(200);
      await client.waitForEnd();
    }
  });
});

describe('a message without end', () => {
  it('is read past, answered 413, and leaves the session unharmed', async () => {
    const endpoint = await start();
    const { client, uri, owner } = await endpoint.bound();
    await client.sendBytes(text(uri, Buffer.alloc(5_000_000, 'x'), { range: '1-*/*' }));
    expect((await client.nextFrame()).status).to.equal(413);
    await client.sendBytes(text(uri, 'hello', { id: 'm2' }));
    expect((await client.nextFrame()).status).to.equal(200);
    expect(owner.told).to.deep.equal(['bound', 'hello']);
  });
});

describe('a peer that floods', () => {
  it('with messages that take long is read no further until they are answered', async () => {
    const endpoint = await start({ pendingRequests: 5 });
    const { client, uri, owner } = await endpoint.bound();
    const stores: (() => void)[] = [];
    owner.take = () => new Promise((resolve) => stores.push(resolve));
    // More than one read brings.
    const body = (i: number): string => `text ${i} ${'x'.repeat(8_000)}`;
    const messages = Array.from({ length: 40 }, (_, i) => text(uri, body(i), { id: `m${i}` }));
    const written = client.sendBytes(Buffer.concat(messages));
    await owner.waitFor(6);
    await endpoint.clock.advance(1_000);
    expect(owner.messages).to.have.length(5);
    for (let answered = 0; answered < 40; answered++) {
      await owner.waitFor(2 + answered);
      stores.shift()?.();
      expect((await client.nextFrame()).status).to.equal(200);
    }
    await written;
    expect(owner.messages.map(({ content }) => content.toString())).to.deep.equal(
      Array.from({ length: 40 }, (_, i) => body(i)),
    );
  });

  it('with requests for a session that is not open yet gets 408', async () => {
    const endpoint = await start({ heldRequests: 2 });
    const prepared = endpoint.endpoint.prepare('tcp');
    const uri = prepared.localPath.map((each) => each.text).join();
    const client = await endpoint.connect();
    const requests = ['bind0001', 'bind0002', 'bind0003'].map((transactId) => bind(uri, transactId));
    await client.sendBytes(Buffer.concat(requests));
    expect(await client.nextFrame()).to.include({ transactId: 'bind0003', status: 408 });
    endpoint.openPrepared(prepared);
    expect(await client.nextFrame()).to.include({ transactId: 'bind0001', status: 200 });
  });
});

describe('a peer that opens many connections', () => {
  it('and says nothing keeps nobody out: the oldest of them is closed for each over the limit', async () => {
    const endpoint = await start({ connections: 3 });
    const { client, uri } = await endpoint.bound();
    const [first, second] = [await endpoint.connect(), await endpoint.connect()];
    const third = await endpoint.connect();
    await first.waitForEnd();
    expect([second.ended, third.ended]).to.deep.equal([false, false]);
    const { client: newcomer } = await endpoint.bound();
    await second.waitForEnd();
    await client.sendBytes(bind(uri, 'ping0001'));
    expect((await client.nextFrame()).status).to.equal(200);
    expect([newcomer.ended, third.ended]).to.deep.equal([false, false]);
  });

  it('with a session over each has those over the limit closed at once', async () => {
    const endpoint = await start({ connections: 2 });
    const [one, two] = [await endpoint.bound(), await endpoint.bound()];
    const third = await endpoint.connect();
    await third.waitForEnd();
    expect([one.client.ended, two.client.ended]).to.deep.equal([false, false]);
  });

  it('whose TLS handshakes never end keeps nobody out', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'msrp-tls-'));
    const tls = await selfSignedCertificate(folder, { clock: systemClock, logger: silentLogger });
    await rm(folder, { recursive: true });
    const endpoint = await RunningEndpoint.start({ tls, limits: { connections: 2 } });
    running.push(endpoint);
    const silent = await Promise.all(
      [1, 2].map(async () => {
        const socket = connect(endpoint.port('tls'), '127.0.0.1');
        await once(socket, 'connect');
        return new RawMsrpClient(socket);
      }),
    );
    const { uri } = endpoint.openPrepared(endpoint.endpoint.prepare('tls'));
    const client = await endpoint.connect('tls');
    await client.sendBytes(bind(uri));
    expect((await client.nextFrame()).status).to.equal(200);
    await Promise.race(silent.map((each) => each.waitForEnd()));
    expect(silent.filter(({ ended }) => ended)).to.have.length(1);
    for (const each of silent) each.close();
  });
});

describe('a peer that never closes its side', () => {
  /** Connections the endpoint holds open. */
  async function counting(): Promise<{ endpoint: RunningEndpoint; open: () => number }> {
    const seen = { open: 0 };
    const endpoint = await RunningEndpoint.start({
      metrics: {
        counter: () => ({ add: () => undefined }),
        gauge: (name) => ({
          set: (value) => {
            if (name === 'msrp_connections') seen.open = value;
          },
        }),
      },
    });
    running.push(endpoint);
    return { endpoint, open: () => seen.open };
  }

  it('is cut a moment after we closed ours, when its last session ended', async () => {
    const { endpoint, open } = await counting();
    const { client, session } = await endpoint.bound();
    session.close();
    await endpoint.clock.advance(1_500);
    await client.waitForEnd();
    await endpoint.clock.advance(1_499);
    expect(open()).to.equal(1);
    await endpoint.clock.advance(1);
    expect(open()).to.equal(0);
  });

  it('cannot go on speaking meanwhile', async () => {
    const { endpoint } = await counting();
    const { client, session } = await endpoint.bound();
    const later = endpoint.open();
    session.close();
    await endpoint.clock.advance(1_500);
    await client.waitForEnd();
    await client.sendBytes(bind(later.uri, 'late0001'));
    const next = await endpoint.connect();
    await next.sendBytes(bind(later.uri, 'bind0002'));
    expect(await next.nextFrame()).to.include({ transactId: 'bind0002', status: 200 });
    expect(client.takeFrame()).to.equal(undefined);
  });
});

describe('a peer that does not read', () => {
  it('loses its connection before it fills the memory', async () => {
    const endpoint = await start({ window: 1_000, queuedPerConnection: 500_000 });
    const { client, session, owner } = await endpoint.bound();
    client.pause();
    const content = Buffer.alloc(65_536, 'x');
    const outcomes = Array.from({ length: 400 }, () =>
      session.send({ contentType: 'text/plain', content }).catch((error: unknown) => (error as Error).name),
    );
    await owner.waitFor(2);
    expect(owner.ended).to.equal('connection lost');
    expect(new Set(await Promise.all(outcomes))).to.deep.equal(new Set(['SessionClosed']));
  });
});

describe('a stream cut anywhere', () => {
  it('with messages in interleaved chunks brings them as they were sent, each once', async () => {
    const endpoint = await start();
    const message = fc.tuple(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.array(fc.nat(), { maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        fc.infiniteStream(fc.nat()),
        async (sent, cuts, order) => {
          const { client, uri, owner, session } = await endpoint.bound();
          const chunks = sent.flatMap(([bytes, at], index) => {
            const points = [...new Set([0, ...at.map((each) => each % bytes.length), bytes.length])];
            points.sort((a, b) => a - b);
            return points.slice(1).map((end, piece) => {
              const start = points[piece] ?? 0;
              const rank = order.next().value as number;
              const frame = text(uri, Buffer.from(bytes.subarray(start, end)), {
                id: `m${index}`,
                transactId: `t${index}p${piece}xx`,
                range: `${start + 1}-${end}/${bytes.length}`,
                flag: end === bytes.length ? '$' : '+',
              });
              return { rank, frame };
            });
          });
          const stream = Buffer.concat(chunks.sort((a, b) => a.rank - b.rank).map(({ frame }) => frame));
          const points = [...new Set([0, ...cuts.map((cut) => cut % stream.length), stream.length])];
          points.sort((a, b) => a - b);
          for (const [index, point] of points.slice(1).entries()) {
            await client.sendBytes(stream.subarray(points[index], point));
          }
          for (const { frame } of chunks) {
            expect((await client.nextFrame()).status, frame.toString('latin1')).to.equal(200);
          }
          const got = owner.messages.map(
            ({ messageId, content }) => `${messageId} ${content.toString('hex')}`,
          );
          const wanted = sent.map(([bytes], index) => `m${index} ${Buffer.from(bytes).toString('hex')}`);
          expect(got.sort()).to.deep.equal(wanted.sort());
          session.close();
          client.close();
        },
      ),
      { numRuns: 40 },
    );
  });
});
