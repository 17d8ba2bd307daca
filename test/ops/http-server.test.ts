import { expect } from 'chai';
import type { HttpServer } from '../../src/ops/http-server.ts';
import { startHttpServer } from '../../src/ops/http-server.ts';
import { PrometheusMetrics } from '../../src/ops/prometheus.ts';

describe('the HTTP server', () => {
  let server: HttpServer;
  let fault: Error | undefined;
  const metrics = new PrometheusMetrics(false);

  beforeEach(async () => {
    fault = undefined;
    const ready = (): Promise<void> => (fault === undefined ? Promise.resolve() : Promise.reject(fault));
    server = await startHttpServer({ host: '127.0.0.1', port: 0 }, { ready }, metrics);
  });

  afterEach(async () => {
    await server.close();
  });

  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${server.port}${path}`);

  it('says that the program lives', async () => {
    expect((await get('/live')).status).to.equal(200);
  });

  it('says 503 and why while the program cannot take texts', async () => {
    expect((await get('/ready')).status).to.equal(200);
    fault = new Error('the database could not answer');
    const answer = await get('/ready');
    expect(answer.status).to.equal(503);
    expect(await answer.json()).to.deep.equal({ ready: false, why: 'the database could not answer' });
  });

  it('shows what was counted, by label', async () => {
    metrics.counter('deposits_total', 'Texts left', ['outcome']).add({ outcome: 'stored' }, 2);
    metrics.counter('deposits_total', 'Texts left', ['outcome']).add({ outcome: 'stored' });
    metrics.gauge('chat_sessions', 'Sessions').set(7);
    const text = await (await get('/metrics')).text();
    expect(text).to.include('text_mailbox_deposits_total{outcome="stored"} 3');
    expect(text).to.include('text_mailbox_chat_sessions 7');
  });
});
