import { expect } from 'chai';
import { silentLogger } from '../../src/core/logger.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import type { HttpServer } from '../../src/ops/http-server.ts';
import { startHttpServer } from '../../src/ops/http-server.ts';
import { PrometheusMetrics } from '../../src/ops/prometheus.ts';
import type { VoicemailApiOptions, VoicemailCounts } from '../../src/ops/voicemail-api.ts';
import { FakeClock } from '../doubles/fake-clock.ts';

const TOKEN = 'correct-horse';

describe('voice counts over HTTP', () => {
  const clock = new FakeClock();
  let server: HttpServer;
  let reports: { user: string; body: string | null; seconds: number }[];
  let fault: Error | undefined;
  let commit: Promise<void>;

  const sink: VoicemailCounts = {
    report: async (_source, user, body, until) => {
      await commit;
      if (fault !== undefined) throw fault;
      reports.push({ user: user.toString(), body, seconds: (until - clock.now()) / 1000 });
    },
  };

  async function open(options: Partial<VoicemailApiOptions> = {}): Promise<void> {
    server = await startHttpServer(
      { host: '127.0.0.1', port: 0 },
      { ready: () => Promise.resolve() },
      new PrometheusMetrics(false),
      {
        ...{ sink, token: TOKEN, domains: ['example.test'], keepSeconds: 86_400, clock },
        logger: silentLogger,
        ...options,
      },
    );
  }

  beforeEach(() => {
    reports = [];
    fault = undefined;
    commit = Promise.resolve();
  });

  afterEach(async () => {
    await server.close();
  });

  const call = (
    method: 'PUT' | 'DELETE',
    user: string,
    body?: unknown,
    headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` },
  ): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.port}/voicemail/${user}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });

  const faultsOf = async (answer: Response): Promise<string[]> => {
    const { faults } = (await answer.json()) as { faults: { field: string }[] };
    return faults.map(({ field }) => field).sort();
  };

  it('are kept as a message summary, 204 after the commit', async () => {
    await open();
    let isCommitted = (): void => undefined;
    commit = new Promise((resolve) => (isCommitted = resolve));
    let answered = false;
    const answer = call('PUT', 'alice', { new: 2, old: 1 }).then((response) => {
      answered = true;
      return response.status;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answered).to.equal(false);
    isCommitted();
    expect(await answer).to.equal(204);
    const body = 'Messages-Waiting: yes\r\nVoice-Message: 2/1\r\n';
    expect(reports).to.deep.equal([{ user: 'sip:alice@example.test', body, seconds: 86_400 }]);
  });

  it('may tell urgent ones, the account and how long they stand', async () => {
    await open();
    const counts = { new: 2, old: 1, newUrgent: 1, account: 'sip:vm@example.test', keepSeconds: 60 };
    expect((await call('PUT', 'sip:alice@example.test', counts)).status).to.equal(204);
    expect((await call('PUT', 'sip%3Abob%40EXAMPLE.test', { new: 0, old: 0 })).status).to.equal(204);
    expect(reports).to.deep.equal([
      {
        user: 'sip:alice@example.test',
        body: 'Messages-Waiting: yes\r\nMessage-Account: sip:vm@example.test\r\nVoice-Message: 2/1 (1/0)\r\n',
        seconds: 60,
      },
      {
        user: 'sip:bob@example.test',
        body: 'Messages-Waiting: no\r\nVoice-Message: 0/0\r\n',
        seconds: 86_400,
      },
    ]);
  });

  it('are taken back by DELETE', async () => {
    await open();
    expect((await call('DELETE', 'alice')).status).to.equal(204);
    expect(reports).to.deep.equal([{ user: 'sip:alice@example.test', body: null, seconds: 0 }]);
  });

  it('with faults are answered 400, every one named', async () => {
    await open();
    const counts = { new: -1, old: 1.5, newUrgent: 'x', account: 'alice', keepSeconds: 0, more: 1 };
    const answer = await call('PUT', 'alice@elsewhere.test', counts);
    expect(answer.status).to.equal(400);
    expect(await faultsOf(answer)).to.deep.equal([
      ...['', 'account', 'keepSeconds', 'new', 'newUrgent', 'old', 'user'],
    ]);
    expect(await faultsOf(await call('PUT', 'alice', { new: 1, old: 0, newUrgent: 2 }))).to.deep.equal([
      'newUrgent',
    ]);
    for (const body of ['{', '[]', 'null', '"x"', '{}']) {
      expect((await call('PUT', 'alice', body)).status, body).to.equal(400);
    }
    expect((await call('PUT', 'alice')).status).to.equal(400);
    expect((await call('PUT', 'alice', `{"new":1,"old":0,"x":"${'x'.repeat(5_000)}"}`)).status).to.equal(413);
    expect(reports).to.deep.equal([]);
  });

  it('need the domain of the user where several are served', async () => {
    await open({ domains: ['example.test', 'example.org'] });
    expect((await call('PUT', 'alice', { new: 1, old: 0 })).status).to.equal(400);
    expect((await call('PUT', 'alice@example.org', { new: 1, old: 0 })).status).to.equal(204);
    expect(reports.map(({ user }) => user)).to.deep.equal(['sip:alice@example.org']);
  });

  it('from who does not know the token are answered 401, before the body is looked at', async () => {
    await open();
    for (const authorization of ['', 'Bearer', 'Bearer wrong', `Basic ${TOKEN}`, `Bearer ${TOKEN}x`]) {
      const answer = await call('PUT', 'alice', '{', authorization === '' ? {} : { authorization });
      expect(answer.status, authorization).to.equal(401);
      expect(answer.headers.get('www-authenticate')).to.match(/^Bearer/);
    }
    expect((await call('DELETE', 'alice', undefined, {})).status).to.equal(401);
    expect(reports).to.deep.equal([]);
  });

  it('are answered 404 where no token is set, and health is served all the same', async () => {
    await open({ token: undefined });
    expect((await call('PUT', 'alice', { new: 1, old: 0 })).status).to.equal(404);
    expect((await call('DELETE', 'alice')).status).to.equal(404);
    expect((await fetch(`http://127.0.0.1:${server.port}/live`)).status).to.equal(200);
  });

  it('are answered 503 while the store is down', async () => {
    await open();
    fault = new StoreUnavailable('keep');
    const answer = await call('PUT', 'alice', { new: 1, old: 0 });
    expect(answer.status).to.equal(503);
    expect(answer.headers.get('retry-after')).to.equal('5');
  });

  it('leave health open to all', async () => {
    await open();
    expect((await fetch(`http://127.0.0.1:${server.port}/live`)).status).to.equal(200);
  });
});
