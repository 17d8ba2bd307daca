import { Duplex } from 'node:stream';
import { expect } from 'chai';
import { settle } from '../doubles/fake-clock.ts';
import { RecordingOwner, RunningEndpoint, bind, text } from './running-endpoint.ts';

/** As a browser names itself: it cannot be reached. */
const BROWSER = 'msrps://df7jal23ls0d.invalid:2855/98cjs;ws';

/** The server's end of a WebSocket: each write a message, and each message one read. */
class MessageStream extends Duplex {
  readonly sent: string[] = [];

  constructor() {
    super({ readableObjectMode: true, allowHalfOpen: false });
  }

  override _read(): void {
    // What comes is pushed by the test.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.sent.push(chunk.toString('latin1'));
    // As over a network, so that writes pile up which one may be tempted to join.
    setImmediate(done);
  }

  receive(message: Buffer | string): void {
    this.push(Buffer.from(message));
  }

  /** What was sent, once it is so many messages. */
  async messages(count: number): Promise<readonly string[]> {
    for (let i = 0; i < 1_000 && this.sent.length < count; i++) await settle();
    return this.sent;
  }
}

describe('a session over WebSocket (RFC 7977)', () => {
  let running: RunningEndpoint;
  let take: (stream: Duplex) => void;
  const streams: MessageStream[] = [];

  beforeEach(async () => {
    running = await RunningEndpoint.start();
    take = running.endpoint.attach({ transport: 'wss', host: '192.0.2.1', port: 8443 });
  });

  afterEach(async () => {
    await running.stop();
    expect(streams.splice(0).every(({ destroyed }) => destroyed)).to.equal(true);
    expect(running.clock.pendingTimers).to.equal(0);
  });

  function connect(): MessageStream {
    const stream = new MessageStream();
    streams.push(stream);
    take(stream);
    return stream;
  }

  function open(owner = new RecordingOwner()): ReturnType<RunningEndpoint['open']> {
    return running.openPrepared(running.endpoint.prepare('wss'), 'passive', BROWSER, owner);
  }

  it('has a URI of the listener that was attached, with the transport ws and the scheme of TLS', () => {
    running.endpoint.attach({ transport: 'ws', host: '192.0.2.1', port: 8080 });
    const [secure, plain] = [running.endpoint.prepare('wss'), running.endpoint.prepare('ws')];
    const uriOf = ({ localPath }: typeof secure): string => localPath.map((each) => each.text).join(' ');
    expect(uriOf(secure)).to.match(/^msrps:\/\/192\.0\.2\.1:8443\/[0-9a-f]{32};ws$/);
    expect(uriOf(plain)).to.match(/^msrp:\/\/192\.0\.2\.1:8080\/[0-9a-f]{32};ws$/);
    expect(secure.fingerprint).to.equal(undefined);
    secure.discard();
    plain.discard();
  });

  it('is bound, takes messages and sends them, each request and response one WebSocket message', async () => {
    const stream = connect();
    const { uri, session, owner } = open();
    stream.receive(bind(uri, 'bind0001', BROWSER));
    await stream.messages(1);
    for (const body of ['one', 'two', 'x'.repeat(60_000)])
      session.send({ contentType: 'text/plain', content: Buffer.from(body) }).catch(() => undefined);
    stream.receive(text(uri, 'hello', { from: BROWSER, headers: ['Success-Report: yes'] }));
    const sent = await stream.messages(6);
    for (const message of sent) {
      const [, transactId = ''] = /^MSRP (\S+) /.exec(message) ?? [];
      expect(message.split(`-------${transactId}$\r\n`)).to.have.length(2);
      expect(message.endsWith(`\r\n-------${transactId}$\r\n`), message.slice(0, 200)).to.equal(true);
    }
    expect(sent.map((message) => /^MSRP \S+ (\S+)/.exec(message)?.[1])).to.have.members([
      '200',
      'SEND',
      'SEND',
      'SEND',
      '200',
      'REPORT',
    ]);
    expect(owner.told).to.deep.equal(['bound', 'hello']);
  });

  it('takes a message whose chunks come as several WebSocket messages', async () => {
    const stream = connect();
    const { uri, owner } = open();
    stream.receive(text(uri, 'hel', { from: BROWSER, range: '1-3/5', flag: '+', transactId: 'chunk001' }));
    stream.receive(text(uri, 'lo', { from: BROWSER, range: '4-5/5', transactId: 'chunk002' }));
    await stream.messages(2);
    expect(owner.told).to.deep.equal(['bound', 'hello']);
  });

  it('shares a connection with others', async () => {
    const stream = connect();
    const [one, two] = [open(), open()];
    stream.receive(bind(one.uri, 'bind0001', BROWSER));
    stream.receive(bind(two.uri, 'bind0002', BROWSER));
    expect(await stream.messages(2)).to.have.length(2);
    one.session.close();
    await running.clock.advance(60_000);
    expect(stream.destroyed).to.equal(false);
    expect(two.owner.told).to.deep.equal(['bound']);
  });

  it('is over when the WebSocket is', async () => {
    const stream = connect();
    const { uri, owner } = open();
    stream.receive(bind(uri, 'bind0001', BROWSER));
    await stream.messages(1);
    stream.push(null);
    await owner.waitFor(2);
    expect(owner.told).to.deep.equal(['bound', 'ended: connection lost']);
  });

  it('is not looked at for a fingerprint: TLS, if any, is that of the listener', async () => {
    const stream = connect();
    const prepared = running.endpoint.prepare('wss');
    const owner = new RecordingOwner();
    const { uri } = running.openPrepared(prepared, 'passive', BROWSER, owner, ['sha-256 00:00']);
    stream.receive(bind(uri, 'bind0001', BROWSER));
    await stream.messages(1);
    expect(owner.told).to.deep.equal(['bound']);
  });

  it('is never connected by us: nobody can be reached so', async () => {
    const owner = new RecordingOwner();
    running.openPrepared(running.endpoint.prepare('wss'), 'active', BROWSER, owner);
    await owner.waitFor(1);
    expect(owner.told).to.deep.equal(['ended: peer did not come']);
  });

  it('is closed when it belongs to no session', async () => {
    const stream = connect();
    await running.clock.advance(15_000);
    await running.clock.advance(1_500);
    expect(stream.destroyed).to.equal(true);
  });
});
