import { expect } from 'chai';
import { startWebSockets } from '../src/app-web-socket.ts';
import { readConfig } from '../src/config.ts';
import { systemClock } from '../src/core/clock.ts';
import { silentLogger } from '../src/core/logger.ts';
import type { LogFields } from '../src/core/logger.ts';
import { noMetrics } from '../src/core/metrics.ts';
import { systemRandom } from '../src/core/random.ts';
import { startMsrpEndpoint } from '../src/msrp/endpoint.ts';
import {
  RawSipClient,
  contactOf,
  isRequest,
  isResponse,
  rawRequest,
  rawResponse,
} from './doubles/raw-sip-client.ts';
import type { RunningApp } from './doubles/running-app.ts';
import { runApp } from './doubles/running-app.ts';
import { WebSocketClient } from './doubles/web-socket-client.ts';
import { RunningEngine, SECRET } from './engine/running-engine.ts';

const ALICE = 'sip:alice@example.test';
const BOB = 'sip:bob@example.test';
const MAILBOX = 'sip:mailbox@example.test';

describe('the mailbox, over WebSockets', () => {
  let app: RunningApp;
  const clients: { close(): unknown }[] = [];

  afterEach(async () => {
    await app.stop();
    for (const client of clients.splice(0)) await client.close();
  });

  async function start(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    app = await runApp({ WS_LISTEN: 'ws:127.0.0.1:0', ...environment });
  }

  function listener(index = 0): { protocol: 'ws' | 'wss'; port: number } {
    const address = app.app.webSockets[index];
    if (address === undefined) throw new Error('nothing listens for WebSockets');
    return address;
  }

  async function connect(): Promise<RawSipClient> {
    const client = await RawSipClient.connect('ws', listener().port);
    clients.push(client);
    return client;
  }

  function message(client: RawSipClient, from: string, to: string, body: string): Buffer {
    return rawRequest({
      method: 'MESSAGE',
      uri: to,
      client,
      from: `<${from}>;tag=1`,
      headers: ['Content-Type: text/plain;charset=utf-8'],
      body,
    });
  }

  it('is nowhere to be had unless told where', async () => {
    app = await runApp();
    expect(app.app.webSockets).to.deep.equal([]);
  });

  it('takes a MESSAGE and hands texts over by MESSAGE, on the connection the owner made', async () => {
    await start();
    const [bob, alice] = [await connect(), await connect()];
    bob.send(message(bob, BOB, ALICE, 'Grüße 🙂'));
    await bob.nextMessage(isResponse(200));
    alice.send(message(alice, ALICE, MAILBOX, 'all'));
    await alice.nextMessage(isResponse(200));
    const handed = await alice.nextMessage(isRequest('MESSAGE'));
    expect(handed.header('Via')).to.match(/^SIP\/2\.0\/WS /);
    expect(handed.body.toString()).to.include('Grüße 🙂');
    alice.send(rawResponse(handed, 200, 'OK'));
  });

  it('lights the lamp of a phone that subscribed over a WebSocket', async () => {
    await start();
    const [bob, alice] = [await connect(), await connect()];
    alice.send(
      rawRequest({
        method: 'SUBSCRIBE',
        uri: ALICE,
        client: alice,
        from: `<${ALICE}>;tag=1`,
        headers: [contactOf(alice), 'Event: message-summary', 'Expires: 600'],
      }),
    );
    const first = await alice.nextMessage(isRequest('NOTIFY'));
    alice.send(rawResponse(first, 200, 'OK'));
    expect(first.body.toString()).to.include('Messages-Waiting: no');
    bob.send(message(bob, BOB, ALICE, 'hello'));
    await bob.nextMessage(isResponse(200));
    const second = await alice.nextMessage(isRequest('NOTIFY'));
    alice.send(rawResponse(second, 200, 'OK'));
    expect(second.body.toString()).to.include('Messages-Waiting: yes');
  });

  it('believes a WebSocket client as little as any other that is no trusted proxy', async () => {
    await start({ TRUSTED_PROXIES: '192.0.2.0/24' });
    const bob = await connect();
    bob.send(message(bob, BOB, ALICE, 'hello'));
    expect((await bob.nextMessage(isResponse(403))).status).to.equal(403);
  });

  it('listens in several places, with and without TLS', async () => {
    await start({ WS_LISTEN: 'ws:127.0.0.1:0,wss:127.0.0.1:0' });
    expect(app.app.webSockets.map(({ protocol }) => protocol)).to.deep.equal(['ws', 'wss']);
    for (const index of [0, 1]) {
      for (const subprotocol of ['sip', 'msrp']) {
        const client = await WebSocketClient.connect(listener(index), subprotocol);
        clients.push(client);
        expect(client.socket.protocol).to.equal(subprotocol);
      }
    }
    const transports = app.app.msrp.map(({ transport }) => transport);
    expect(transports).to.include.members(['ws', 'wss']);
  });

  it('tells its clients when it stops (1001)', async () => {
    await start();
    const client = await WebSocketClient.connect(listener(), 'sip');
    clients.push(client);
    const stopped = app.app.stop();
    expect(await client.closed()).to.equal(1001);
    await stopped;
  });

  it('takes MSRP alone where a drachtio-server takes SIP', async () => {
    const other = await RunningEngine.start();
    clients.push(other);
    const { host, port } = other.engine.control;
    await start({ DRACHTIO_SERVERS: `${host}:${port}`, DRACHTIO_SECRET: SECRET });
    const msrp = await WebSocketClient.connect(listener(), ['sip', 'msrp']);
    clients.push(msrp);
    expect(msrp.socket.protocol).to.equal('msrp');
    const refused: unknown = await WebSocketClient.connect(listener(), 'sip').catch(
      (error: unknown) => error,
    );
    expect(String(refused)).to.include('400');
  });
});

describe('the start of WebSocket listeners', () => {
  it('warns of a listener whose clients are all believed, as behind a web server on this host', async () => {
    const warnings = async (environment: Readonly<Record<string, string>>): Promise<unknown[]> => {
      const warned: unknown[] = [];
      const logger = { ...silentLogger, warn: (fields: LogFields) => warned.push(fields['variable']) };
      const config = readConfig({ WS_LISTEN: 'ws:127.0.0.1:0', ...environment });
      const surroundings = { clock: systemClock, random: systemRandom, logger, metrics: noMetrics };
      const endpoint = await startMsrpEndpoint({ ...surroundings, listen: [] });
      const engine = { attach: () => () => undefined };
      const webSockets = await startWebSockets(config, surroundings, { endpoint, engine, tls: undefined });
      await webSockets.close();
      await endpoint.close();
      return warned;
    };
    expect(await warnings({})).to.deep.equal(['TRUSTED_PROXIES']);
    expect(await warnings({ TRUSTED_PROXIES: '192.0.2.0/24' })).to.deep.equal([]);
    expect(
      await warnings({ WS_LISTEN: 'ws:0.0.0.0:0', MSRP_ADVERTISED_HOST: '192.0.2.1' }),
      'browsers come with their own addresses',
    ).to.deep.equal([]);
  });
});
