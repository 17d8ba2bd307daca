import { expect } from 'chai';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { MsrpEndpoint } from '../../src/msrp/endpoint.ts';
import { startMsrpEndpoint } from '../../src/msrp/endpoint.ts';
import { MSRP_LIMITS } from '../../src/msrp/limits.ts';
import type { MsrpSession } from '../../src/msrp/session.ts';
import { parseMsrpPath } from '../../src/msrp/uri.ts';
import type { WebSocketListener } from '../../src/web-socket/listener.ts';
import { startWebSocketListener } from '../../src/web-socket/listener.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { msrpRequest } from '../doubles/raw-msrp-client.ts';
import { seededRandom } from '../doubles/seeded-random.ts';
import { WebSocketClient } from '../doubles/web-socket-client.ts';
import { RecordingOwner } from '../msrp/running-endpoint.ts';

/** A browser does not know its own address (RFC 7977 §5). */
const BROWSER = 'msrp://df7jal23ls0d.invalid:2855/jshA7weztas;ws';
const MAX = 10_000;

describe('MSRP over WebSockets (RFC 7977)', () => {
  let endpoint: MsrpEndpoint;
  let listener: WebSocketListener;
  let clock: FakeClock;
  let owner: RecordingOwner;
  let session: MsrpSession;
  let uri: string;
  const clients: WebSocketClient[] = [];

  beforeEach(async () => {
    clock = new FakeClock();
    const surroundings = { clock, random: seededRandom(), logger: silentLogger, metrics: noMetrics };
    endpoint = await startMsrpEndpoint({ ...surroundings, listen: [], limits: { maxMessageBytes: MAX } });
    listener = await startWebSocketListener({
      ...surroundings,
      address: { protocol: 'ws', host: '127.0.0.1', port: 0 },
      subprotocols: ['msrp'],
    });
    const { host, port } = listener.address;
    const onStream = endpoint.attach({ transport: 'ws', host, port });
    listener.take('msrp', { maxMessageBytes: 2 * MAX + MSRP_LIMITS.head, onStream });
    const prepared = endpoint.prepare('ws');
    uri = prepared.localPath.map(({ text }) => text).join(' ');
    owner = new RecordingOwner();
    session = prepared.open({ path: parseMsrpPath(BROWSER), setup: 'passive', fingerprints: [] }, owner);
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await listener.close();
    await endpoint.close();
  });

  const connect = async (): Promise<WebSocketClient> => {
    const client = await WebSocketClient.connect(listener.address, 'msrp');
    clients.push(client);
    return client;
  };

  const send = (transactId: string, body: string | Buffer | undefined): Buffer => {
    const length = body === undefined ? 0 : Buffer.byteLength(body);
    return msrpRequest({
      transactId,
      to: uri,
      from: BROWSER,
      headers: [
        `Message-ID: m-${transactId}`,
        'Success-Report: yes',
        `Byte-Range: ${length === 0 ? '1-0/0' : `1-${length}/${length}`}`,
        ...(body === undefined ? [] : ['Content-Type: text/plain;charset=utf-8']),
      ],
      ...(body === undefined ? {} : { body }),
    });
  };

  const bound = async (): Promise<WebSocketClient> => {
    const client = await connect();
    client.send(send('bind0001', undefined).toString());
    expect((await client.next()).text).to.match(/^MSRP bind0001 200/);
    return client;
  };

  it('names itself by the listener, with the transport of RFC 7977', () => {
    expect(uri).to.match(new RegExp(`^msrp://127\\.0\\.0\\.1:${listener.address.port}/[0-9a-f]{32};ws$`));
  });

  it('takes a text and answers with its response and its report, each a message of its own', async () => {
    const client = await bound();
    client.send(send('t0000001', 'Grüße 🙂').toString());
    const answers = [await client.next(), await client.next()];
    expect(answers.map(({ kind }) => kind)).to.deep.equal(['text', 'text']);
    expect(answers[0]?.text).to.match(/^MSRP t0000001 200 OK\r\n[^]*-------t0000001\$\r\n$/);
    expect(answers[1]?.text).to.match(/^MSRP \S+ REPORT\r\n[^]*Status: 000 200 OK\r\n-------\S+\$\r\n$/);
    expect(owner.messages.map(({ content }) => content.toString())).to.deep.equal(['Grüße 🙂']);
  });

  it('takes bytes that are no text in a binary message', async () => {
    const client = await bound();
    const content = Buffer.from([0xff, 0x00, 0x0d, 0x0a, 0xfe]);
    client.send(send('t0000001', content));
    expect((await client.next()).text).to.match(/^MSRP t0000001 200/);
    expect(owner.messages[0]?.content.equals(content)).to.equal(true);
  });

  it('sends each text as one message: text, or binary when it is not UTF-8', async () => {
    const client = await bound();
    const contents = [Buffer.from('Hallo 🙂'), Buffer.from([0x62, 0xff])];
    for (const content of contents) {
      const sent = session.send({ contentType: 'text/plain; charset=utf-8', content });
      sent.catch(() => undefined);
    }
    const messages = [await client.next(), await client.next()];
    expect(messages.map(({ kind }) => kind)).to.deep.equal(['text', 'binary']);
    for (const [index, { bytes }] of messages.entries()) {
      expect(bytes.toString('latin1')).to.match(/^MSRP (\S+) SEND\r\n[^]*-------\1\$\r\n$/);
      expect(bytes.includes(contents[index] ?? 'missing')).to.equal(true);
    }
  });

  it('reads messages that hold half a request or several', async () => {
    const client = await bound();
    const bytes = Buffer.concat([send('t0000001', 'one'), send('t0000002', 'two')]);
    client.send(bytes.subarray(0, 50));
    client.send(bytes.subarray(50));
    await owner.waitFor(3);
    expect(owner.messages.map(({ content }) => content.toString())).to.deep.equal(['one', 'two']);
  });

  it('refuses a text that is too long with 413, and the session goes on', async () => {
    const client = await bound();
    client.send(send('t0000001', 'x'.repeat(MAX + 1)));
    expect((await client.next()).text).to.match(/^MSRP t0000001 413/);
    client.send(send('t0000002', 'short'));
    expect((await client.next()).text).to.match(/^MSRP t0000002 200/);
  });

  it('ends a connection whose message is far too long (1009), and its session', async () => {
    const client = await bound();
    client.send(send('t0000001', 'x'.repeat(3 * MAX)));
    expect(await client.closed()).to.equal(1009);
    await owner.waitFor(2);
    expect(owner.ended).to.equal('connection lost');
  });

  it('ends what is no MSRP', async () => {
    const client = await connect();
    client.send('INVITE sip:a@example.test SIP/2.0\r\n\r\n');
    expect(await client.closed()).to.equal(1000);
  });

  it('ends a connection that belongs to no session', async () => {
    const client = await connect();
    await clock.advance(MSRP_LIMITS.strangerTimeout);
    expect(await client.closed()).to.equal(1000);
  });

  it('answers 506 to a second connection, and keeps the first', async () => {
    const first = await bound();
    const thief = await connect();
    thief.send(send('bind0002', undefined));
    expect((await thief.next()).text).to.match(/^MSRP bind0002 506/);
    first.send(send('t0000001', 'still mine'));
    expect((await first.next()).text).to.match(/^MSRP t0000001 200/);
  });
});
