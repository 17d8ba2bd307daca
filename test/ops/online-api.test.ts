import { expect } from 'chai';
import { silentLogger } from '../../src/core/logger.ts';
import { StoreUnavailable } from '../../src/mailbox/ports.ts';
import type { OnlineIntake, Registration } from '../../src/mailbox/push/ports.ts';
import type { HttpServer } from '../../src/ops/http-server.ts';
import { startHttpServer } from '../../src/ops/http-server.ts';
import type { OnlineApiOptions } from '../../src/ops/online-api.ts';
import { PrometheusMetrics } from '../../src/ops/prometheus.ts';
import { FakeClock } from '../doubles/fake-clock.ts';

const TOKEN = 'correct-horse';

describe('who is online, told over HTTP', () => {
  const clock = new FakeClock();
  let server: HttpServer;
  let online: Registration[];
  let offline: string[];
  let isDown: boolean;

  const users: OnlineIntake = {
    online: (registration) => {
      if (isDown) return Promise.reject(new StoreUnavailable('keep it'));
      online.push(registration);
      return Promise.resolve();
    },
    offline: (user) => {
      offline.push(user.toString());
      return Promise.resolve();
    },
  };

  async function open(over: Partial<OnlineApiOptions> = {}): Promise<void> {
    server = await startHttpServer(
      { host: '127.0.0.1', port: 0 },
      { ready: () => Promise.resolve() },
      new PrometheusMetrics(false),
      undefined,
      { users, token: TOKEN, domains: ['example.test'], clock, logger: silentLogger, ...over },
    );
  }

  beforeEach(() => {
    online = [];
    offline = [];
    isDown = false;
  });

  afterEach(async () => {
    await server.close();
  });

  const post = (path: string, body: unknown, token = TOKEN): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.port}/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  it('is kept before it is answered', async () => {
    await open();
    const body = { user: 'sip:alice@example.test', expires: 600, methods: ['MESSAGE', 'invite'] };
    expect((await post('online', body)).status).to.equal(204);
    expect(online).to.have.length(1);
    expect(online[0]).to.deep.include({
      until: clock.now() + 600_000,
      methods: ['MESSAGE', 'INVITE'],
      hop: null,
    });
    expect(online[0]?.user.toString()).to.equal('sip:alice@example.test');
    expect((await post('offline', { user: 'alice' })).status).to.equal(204);
    expect(offline).to.deep.equal(['sip:alice@example.test']);
  });

  it('needs no more than a user: an hour, and a phone that may take anything', async () => {
    await open();
    expect((await post('online', { user: 'alice' })).status).to.equal(204);
    expect(online[0]).to.deep.include({ until: clock.now() + 3_600_000, methods: null });
  });

  it('is a new registration when the caller names another session', async () => {
    await open();
    for (const session of ['1', '1', '2']) await post('online', { user: 'alice', session });
    const [first, again, other] = online.map(({ name }) => name);
    expect(again).to.equal(first);
    expect(other).not.to.equal(first);
    expect(first).to.have.length.at.most(64);
  });

  for (const [what, body] of [
    ['no user', {}],
    ['a user of another domain', { user: 'sip:alice@elsewhere.test' }],
    ['an end that is none', { user: 'alice', expires: 0 }],
    ['an end beyond 30 days', { user: 'alice', expires: 30 * 24 * 3600 + 1 }],
    ['methods that are none', { user: 'alice', methods: ['a b'] }],
    ['fields nobody knows', { user: 'alice', until: 1 }],
    ['no JSON', '{'],
  ] as const) {
    it(`is refused with 400 for ${what}`, async () => {
      await open();
      expect((await post('online', body)).status).to.equal(400);
      expect(online).to.deep.equal([]);
    });
  }

  it('is refused with 401 without the token, and is not there without HTTP_TOKEN', async () => {
    await open();
    expect((await post('online', { user: 'alice' }, 'wrong')).status).to.equal(401);
    expect((await post('offline', { user: 'alice' }, 'wrong')).status).to.equal(401);
    await server.close();
    await open({ token: undefined });
    expect((await post('online', { user: 'alice' })).status).to.equal(404);
    expect([online, offline]).to.deep.equal([[], []]);
  });

  it('is not there when texts are brought to nobody', async () => {
    await open({ users: undefined });
    const answer = await post('online', { user: 'alice' });
    expect(answer.status).to.equal(404);
    expect(await answer.json()).to.deep.equal({ faults: [{ field: '', problem: 'DELIVERY is mailbox' }] });
  });

  it('is asked for again when the database is down', async () => {
    await open();
    isDown = true;
    const answer = await post('online', { user: 'alice' });
    expect(answer.status).to.equal(503);
    expect(answer.headers.get('retry-after')).to.equal('5');
  });
});
