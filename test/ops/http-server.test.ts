import { expect } from 'chai';
import type { HttpServer } from '../../src/ops/http-server.ts';
import { startHttpServer } from '../../src/ops/http-server.ts';
import { PrometheusMetrics } from '../../src/ops/prometheus.ts';

describe('the HTTP server', () => {
  let server: HttpServer;
  let fault: Error | undefined;
  let lampsFault: Error | undefined;
  const metrics = new PrometheusMetrics(false);
  const measured = metrics.gauge('lamps_behind', 'Lamps');

  beforeEach(async () => {
    fault = undefined;
    const ready = (): Promise<void> => (fault === undefined ? Promise.resolve() : Promise.reject(fault));
    lampsFault = undefined;
    const lamps = {
      report: () =>
        lampsFault === undefined
          ? Promise.resolve({ lamps: 3, behind: 1, due: 0, failing: 0, refused: [] })
          : Promise.reject(lampsFault),
      measure: () => {
        measured.set(1);
        return Promise.resolve();
      },
    };
    server = await startHttpServer({ host: '127.0.0.1', port: 0 }, { ready, lamps }, metrics);
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

  it('shows the totals of lamps, or 503 and why', async () => {
    const answer = await get('/status');
    expect(answer.status).to.equal(200);
    expect(await answer.json()).to.deep.equal({ lamps: 3, behind: 1, due: 0, failing: 0, refused: [] });
    lampsFault = new Error('the database could not count lamps');
    const failed = await get('/status');
    expect(failed.status).to.equal(503);
    expect(await failed.json()).to.deep.equal({ why: 'the database could not count lamps' });
  });

  it('measures lamps when it is scraped', async () => {
    expect(await (await get('/metrics')).text()).to.include('text_mailbox_lamps_behind 1');
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
