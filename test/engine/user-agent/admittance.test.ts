import { expect } from 'chai';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Logger } from '../../../src/core/logger.ts';
import { systemRandom } from '../../../src/core/random.ts';
import type { Labels, Metrics } from '../../../src/core/metrics.ts';
import { ADMISSION_LIMITS } from '../../../src/engine/admission/limits.ts';
import { startEngine } from '../../../src/engine/engine.ts';
import type { Engine, EngineOptions } from '../../../src/engine/engine.ts';
import { RawSipClient, contactOf, rawInDialog, rawRequest } from '../../doubles/raw-sip-client.ts';
import type { RawProtocol } from '../../doubles/raw-sip-client.ts';
import type { Handlers, SrfApplication, SrfRequest, SrfResponse } from '../application.ts';
import { connectApplication } from '../application.ts';
import { SDP, SECRET, delay, until } from '../running-engine.ts';

const URI = 'sip:alice@example.test';

describe('what the engine turns away', () => {
  let engine: Engine;
  let applications: SrfApplication[];
  let clients: RawSipClient[];
  let warnings: string[];
  /** Requests turned away, by reason and answer. */
  let shed: Map<string, number>;

  beforeEach(() => {
    applications = [];
    clients = [];
    warnings = [];
    shed = new Map();
  });

  afterEach(async () => {
    for (const application of applications) application.disconnect();
    await Promise.all(clients.map((client) => client.close()));
    await engine.close();
  });

  async function start(options: Partial<EngineOptions> = {}): Promise<void> {
    const metrics: Metrics = {
      counter: (name) => ({
        add: (labels: Labels = {}) => {
          if (name !== 'engine_shed_total') return;
          const key = `${labels['reason'] ?? ''} ${labels['answer'] ?? ''}`;
          shed.set(key, (shed.get(key) ?? 0) + 1);
        },
      }),
      gauge: () => ({ set: () => undefined }),
    };
    const logger: Logger = {
      ...silentLogger,
      warn: (_details: unknown, text: string) => void warnings.push(text),
    };
    engine = await startEngine({
      listen: [
        { protocol: 'udp', host: '127.0.0.1', port: 0 },
        { protocol: 'tcp', host: '127.0.0.1', port: 0 },
      ],
      control: { host: '127.0.0.1', port: 0 },
      secret: SECRET,
      clock: systemClock,
      random: systemRandom,
      logger,
      metrics,
      ...options,
    });
  }

  async function application(handlers: Handlers): Promise<SrfApplication> {
    const connected = await connectApplication(engine.control, SECRET, handlers);
    applications.push(connected);
    return connected;
  }

  async function client(protocol: RawProtocol = 'udp'): Promise<RawSipClient> {
    const port = engine.sip.find((endpoint) => endpoint.protocol === protocol)?.port ?? 0;
    const connected = await RawSipClient.connect(protocol, port);
    clients.push(connected);
    return connected;
  }

  const text = (from: RawSipClient): Buffer =>
    rawRequest({
      method: 'MESSAGE',
      uri: URI,
      client: from,
      headers: ['Content-Type: text/plain'],
      body: 'hi',
    });

  const statuses = (of: RawSipClient): number[] => of.received.map(({ status }) => status);

  const ok = (_: SrfRequest, response: SrfResponse): void => response.send(200);

  describe('by the rate of one source', () => {
    const sourceRate = { perSecond: 1, burst: 3, exempt: (): boolean => false };

    for (const protocol of ['udp', 'tcp'] as const) {
      it(`answers 503 with Retry-After a few times, then nothing, over ${protocol}`, async () => {
        await start({ sourceRate });
        await application({ MESSAGE: ok });
        const sender = await client(protocol);
        for (let i = 0; i < 20; i++) sender.send(text(sender));
        await until(() => [...shed.values()].reduce((sum, count) => sum + count, 0) === 17);
        await until(() => sender.received.length === 3 + ADMISSION_LIMITS.answersPerSource);
        expect(statuses(sender).filter((status) => status === 200)).to.have.length(3);
        const refused = sender.received.filter(({ status }) => status === 503);
        expect(refused).to.have.length(ADMISSION_LIMITS.answersPerSource);
        for (const answer of refused) {
          expect(answer.header('Retry-After')).to.match(/^\d+$/);
          expect(answer.header('To')).to.match(/;tag=/);
          expect(answer.header('Via')).to.match(/;rport=\d+/);
        }
        expect(shed.get('source 503')).to.equal(ADMISSION_LIMITS.answersPerSource);
        expect(shed.get('source silence')).to.equal(17 - ADMISSION_LIMITS.answersPerSource);
        expect(warnings).to.deep.equal(['too many requests from one source']);
      });
    }

    it('made-up datagrams: who is silenced by them is heard over a connection', async () => {
      await start({ sourceRate });
      await application({ MESSAGE: ok });
      const [spoofer, honest] = [await client('udp'), await client('tcp')];
      for (let i = 0; i < 20; i++) spoofer.send(text(spoofer));
      await until(() => (shed.get('source silence') ?? 0) > 0);
      honest.send(text(honest));
      expect((await honest.nextMessage()).status).to.equal(200);
    });

    for (const [name, spoil] of [
      ['requests that cannot be read', (good: string) => good.replace('CSeq: ', 'CSeq: x')],
      ['CANCELs of nothing', (good: string) => good.replaceAll('MESSAGE', 'CANCEL')],
    ] as const) {
      it(`reflection: ${name} count as well, and get no more answers than others`, async () => {
        await start({ sourceRate });
        await application({ MESSAGE: ok });
        const sender = await client();
        for (let i = 0; i < 50; i++) sender.send(spoil(text(sender).toString()));
        await until(() => shed.get('source silence') === 50 - 3 - ADMISSION_LIMITS.answersPerSource);
        await until(() => sender.received.length === 3 + ADMISSION_LIMITS.answersPerSource);
        sender.send(text(sender));
        await until(() => shed.get('source silence') === 51 - 3 - ADMISSION_LIMITS.answersPerSource);
      });
    }

    it('does not count the proxies', async () => {
      await start({ sourceRate: { ...sourceRate, exempt: (address) => address === '127.0.0.1' } });
      await application({ MESSAGE: ok });
      const sender = await client();
      for (let i = 0; i < 20; i++) sender.send(text(sender));
      await until(() => sender.received.length === 20);
      expect(new Set(statuses(sender))).to.deep.equal(new Set([200]));
    });

    it('answers a copy of a text that was let in, and lets a call that was go on to its end', async () => {
      await start({ sourceRate: { ...sourceRate, burst: 2 } });
      const ended: string[] = [];
      const calls = await application({
        MESSAGE: ok,
        INVITE: (request, response) => {
          void calls
            .createUAS(request, response, { localSdp: SDP })
            .then((dialog) => dialog.on('destroy', () => ended.push('call')));
        },
      });
      const caller = await client();
      const accepted = text(caller);
      caller.send(accepted);
      await caller.nextMessage(({ status }) => status === 200);
      const headers = [contactOf(caller), 'Content-Type: application/sdp'];
      const request = rawRequest({ method: 'INVITE', uri: URI, client: caller, headers, body: SDP });
      caller.send(request);
      const response = await caller.nextMessage(({ status }) => status === 200);
      caller.send(text(caller));
      expect((await caller.nextMessage(({ status }) => status >= 200)).status).to.equal(503);
      caller.send(rawInDialog(caller, 'ACK', { request, response }, 1));
      caller.send(accepted);
      expect((await caller.nextMessage(({ status }) => status >= 200)).status).to.equal(200);
      caller.send(rawInDialog(caller, 'BYE', { request, response }, 2));
      expect((await caller.nextMessage(({ status }) => status >= 200)).status).to.equal(200);
      await until(() => ended.length === 1);
    });
  });

  describe('by what applications have unanswered', () => {
    it('takes no more than they may have, and goes on when they answer', async () => {
      await start();
      const waiting: SrfResponse[] = [];
      await application({ MESSAGE: (_, response) => void waiting.push(response) });
      const sender = await client();
      const most = ADMISSION_LIMITS.unansweredAtFirst;
      await gently(most + 300, () => sender.send(text(sender)));
      await until(() => waiting.length === most && (shed.get('load 503') ?? 0) === 300);
      expect(new Set(statuses(sender))).to.deep.equal(new Set([503]));
      const answered = waiting.splice(0);
      await gently(most, (i) => answered[i]?.send(200));
      await until(() => statuses(sender).includes(200));
      sender.send(text(sender));
      await until(() => waiting.length === 1);
    });

    it('gives to another application what one cannot take', async () => {
      await start();
      let first = 0;
      await application({
        MESSAGE: () => {
          first++;
        },
      });
      const sender = await client();
      const most = ADMISSION_LIMITS.unansweredAtFirst;
      await gently(most, () => sender.send(text(sender)));
      await until(() => first === most);
      let second = 0;
      await application({
        MESSAGE: (_, response) => {
          second++;
          response.send(200);
        },
      });
      for (let i = 0; i < 10; i++) sender.send(text(sender));
      await until(() => sender.received.length === 10);
      expect([first, second]).to.deep.equal([most, 10]);
    });
  });

  it('shows a request to its application once, however often it comes while the answer is awaited', async () => {
    await start();
    const shown: string[] = [];
    const waiting: SrfResponse[] = [];
    await application({
      MESSAGE: (request, response) => {
        shown.push(request.get('Call-ID'));
        waiting.push(response);
      },
    });
    const sender = await client();
    const texts = Array.from({ length: 200 }, () => text(sender));
    for (let round = 0; round < 5; round++) {
      await gently(texts.length, (i) => sender.send(texts[i] ?? ''));
      await delay(20);
    }
    await until(() => waiting.length === texts.length);
    await gently(waiting.length, (i) => waiting[i]?.send(200));
    await until(() => sender.received.length === texts.length);
    await gently(texts.length, (i) => sender.send(texts[i] ?? ''));
    await until(() => sender.received.length === 2 * texts.length);
    expect(shown).to.have.length(texts.length);
    expect(new Set(shown)).to.have.length(texts.length);
    expect(new Set(statuses(sender))).to.deep.equal(new Set([200]));
  });
});

/** Some at a time: a burst larger than the buffers of a small machine would be lost before anybody judges it. */
async function gently(count: number, act: (index: number) => void): Promise<void> {
  for (let index = 0; index < count; index++) {
    act(index);
    if (index % 40 === 39) await delay(2);
  }
}
