import { expect } from 'chai';
import { startBuiltInEngine } from '../src/app-listeners.ts';
import type { BuiltInEngine } from '../src/app-listeners.ts';
import { readConfig } from '../src/config.ts';
import { systemRandom } from '../src/core/random.ts';
import { silentLogger } from '../src/core/logger.ts';
import { noMetrics } from '../src/core/metrics.ts';
import { systemClock } from '../src/core/clock.ts';
import { RawSipClient, isRequest } from './doubles/raw-sip-client.ts';
import { connectApplication, responseTo } from './engine/application.ts';
import type { SrfApplication } from './engine/application.ts';

const surroundings = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: noMetrics };

describe('the built-in engine as the settings have it', () => {
  let engine: BuiltInEngine | undefined;
  let app: SrfApplication | undefined;
  let silent: RawSipClient;

  beforeEach(async () => {
    silent = await RawSipClient.connect('udp', 9);
  });

  afterEach(async () => {
    app?.disconnect();
    app = undefined;
    await silent.close();
    await engine?.close();
    engine = undefined;
  });

  it('repeats at SIP_T1_MS up to SIP_T2_MS and gives up after 64 times SIP_T1_MS', async () => {
    const environment = { SIP_LISTEN: 'udp:127.0.0.1:0,tcp:127.0.0.1:0', SIP_T1_MS: '10', SIP_T2_MS: '80' };
    engine = await startBuiltInEngine(readConfig(environment), surroundings, undefined);
    if (engine === undefined) throw new Error('no drachtio-server was named');
    app = await connectApplication(engine.control, engine.secret);
    const began = Date.now();
    const sent = await app.request(`sip:a@127.0.0.1:${silent.port}`, { method: 'OPTIONS' });
    expect((await responseTo(sent)).status).to.equal(408);
    expect(Date.now() - began).to.be.within(600, 20_000);
    // 10, 30, 70, then every 80 ms up to 640, and the first.
    expect(silent.received.filter(isRequest('OPTIONS')).length).to.be.within(6, 12);
  });

  it('is not there where drachtio-servers are named', async () => {
    engine = await startBuiltInEngine(
      readConfig({ DRACHTIO_SERVERS: '127.0.0.1:9022' }),
      surroundings,
      undefined,
    );
    expect(engine).to.equal(undefined);
  });
});
