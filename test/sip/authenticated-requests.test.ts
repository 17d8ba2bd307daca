import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { DeadlineExceeded } from '../../src/core/deadline.ts';
import type { Logger } from '../../src/core/logger.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Labels, Metrics } from '../../src/core/metrics.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { AuthenticatedRequests } from '../../src/sip/authenticated-requests.ts';
import type { Credentials } from '../../src/sip/digest.ts';
import { UnusableCredentials } from '../../src/sip/digest.ts';
import type { DrachtioRequestOptions, HeaderMap } from '../../src/sip/drachtio.ts';
import { SIP_LIMITS } from '../../src/sip/limits.ts';
import { FakeClock } from '../doubles/fake-clock.ts';
import { seededRandom } from '../doubles/seeded-random.ts';
import type { ScriptedAnswer, SentRequest } from './scripted-requests.ts';
import { ScriptedRequests } from './scripted-requests.ts';

const ALICE = 'sip:alice@example.test';
const CREDENTIALS: Credentials = { username: 'mailbox', password: 'secret' };
const PUBLISH: DrachtioRequestOptions = {
  method: 'PUBLISH',
  proxy: 'sip:127.0.0.1:5060',
  headers: { From: `<${ALICE}>`, To: `<${ALICE}>`, Event: 'message-summary' },
  body: 'Messages-Waiting: no\r\n',
};

interface Options {
  readonly credentials?: Credentials | undefined;
  readonly clock?: FakeClock;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
}

function authenticated(sender: ScriptedRequests, options: Options = {}): AuthenticatedRequests {
  return new AuthenticatedRequests({
    sender,
    credentials: 'credentials' in options ? options.credentials : CREDENTIALS,
    clock: options.clock ?? new FakeClock(),
    random: seededRandom(),
    logger: options.logger ?? silentLogger,
    metrics: options.metrics ?? noMetrics,
  });
}

function challenge(nonce: string, more = ''): HeaderMap {
  return { 'WWW-Authenticate': `Digest realm="example.test", nonce="${nonce}", qop="auth"${more}` };
}

function proxyChallenge(nonce: string, more = ''): HeaderMap {
  return { 'Proxy-Authenticate': `Digest realm="proxy", nonce="${nonce}", qop="auth"${more}` };
}

/** The parameters of a digest answer, read by the test itself. */
function parameters(value: string | undefined): Record<string, string> {
  const pairs = [...(value ?? '').matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)];
  return Object.fromEntries(pairs.map(([, name = '', quoted, bare]) => [name, quoted ?? bare ?? '']));
}

function noncesAndCounts(values: readonly (string | undefined)[]): (string | undefined)[] {
  return values.map((value) => {
    if (value === undefined) return undefined;
    const { nonce, nc } = parameters(value);
    return `${nonce ?? ''} ${Number.parseInt(nc ?? '', 16)}`;
  });
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** Whether a request proves the password, by the text of RFC 7616 §3.4.1. */
function proves({ uri, options }: SentRequest, password: string, header = 'Authorization'): boolean {
  const given = parameters(options.headers[header]);
  const a1 = md5(`${given['username']}:${given['realm']}:${password}`);
  const a2 = md5(`${options.method}:${uri}`);
  const middle = `${given['nonce']}:${given['nc']}:${given['cnonce']}:auth`;
  return given['uri'] === uri && given['response'] === md5(`${a1}:${middle}:${a2}`);
}

/**
 * Takes a nonce only once with each count, and no count lower than the last; knows no nonce after a restart; and, where
 * nonces are for one request, names the next in its answer.
 */
class StrictServer {
  readonly #oneTime: boolean;
  readonly #nonces = new Map<string, { count: number; expired: boolean }>();
  #issued = 0;

  constructor(oneTime: boolean) {
    this.#oneTime = oneTime;
  }

  answer(request: SentRequest): ScriptedAnswer {
    const given = parameters(request.options.headers['Authorization']);
    const nonce = this.#nonces.get(given['nonce'] ?? '');
    const count = Number.parseInt(given['nc'] ?? '0', 16);
    if (nonce === undefined || !proves(request, 'secret') || count <= nonce.count) return this.#challenge('');
    if (nonce.expired) return this.#challenge(', stale=true');
    nonce.count = this.#oneTime ? Infinity : count;
    return [200, this.#oneTime ? { 'Authentication-Info': `nextnonce="${this.#issue()}"` } : {}];
  }

  expire(): void {
    for (const nonce of this.#nonces.values()) nonce.expired = true;
  }

  restart(): void {
    this.#nonces.clear();
  }

  #challenge(more: string): ScriptedAnswer {
    return [401, challenge(this.#issue(), more)];
  }

  #issue(): string {
    const nonce = `n${++this.#issued}`;
    this.#nonces.set(nonce, { count: 0, expired: false });
    return nonce;
  }
}

describe('a request that is challenged', () => {
  it('is sent again once with credentials, and the answer to that is what the caller sees', async () => {
    const sender = ScriptedRequests.inTurn([401, challenge('n1')], [200, { 'SIP-ETag': 'tag' }]);
    const response = await authenticated(sender).request(ALICE, PUBLISH);
    expect(response.get('SIP-ETag')).to.equal('tag');
    expect(sender.headers('Authorization')[0]).to.equal(undefined);
    const [, second] = sender.sent;
    expect(second !== undefined && proves(second, 'secret')).to.equal(true);
    for (const { uri, options } of sender.sent) {
      expect(uri).to.equal(ALICE);
      expect(options).to.include({ method: 'PUBLISH', proxy: PUBLISH.proxy, body: PUBLISH.body });
      expect(options.headers).to.include({ To: `<${ALICE}>`, Event: 'message-summary' });
    }
    expect(PUBLISH.headers).to.have.all.keys('From', 'To', 'Event');
  });

  it('keeps its Call-ID and From tag, and its CSeq grows by one (RFC 3261 §22.2)', async () => {
    const sender = ScriptedRequests.inTurn(
      [401, challenge('n1')],
      [401, challenge('n2', ', stale=true')],
      [200],
    );
    await authenticated(sender).request(ALICE, PUBLISH);
    expect(sender.headers('CSeq')).to.deep.equal(['1 PUBLISH', '2 PUBLISH', '3 PUBLISH']);
    expect(new Set(sender.headers('Call-ID')).size).to.equal(1);
    expect(new Set(sender.headers('From')).size).to.equal(1);
    expect(sender.headers('Call-ID')[0]).to.match(/^[0-9a-f]{32}$/);
    expect(sender.headers('From')[0]).to.match(/^<sip:alice@example\.test>;tag=[0-9a-f]{16}$/);
  });

  it('keeps what the caller set of these itself', async () => {
    const sender = ScriptedRequests.inTurn([401, challenge('n1')], [200], [401, challenge('n2')], [200]);
    const requests = authenticated(sender);
    const own = { from: `${ALICE};tag=mine`, 'call-id': 'own', cseq: '41 PUBLISH' };
    await requests.request(ALICE, { ...PUBLISH, headers: own });
    expect(sender.headers('From')).to.deep.equal([`${ALICE};tag=mine`, `${ALICE};tag=mine`]);
    expect(sender.headers('Call-ID')).to.deep.equal(['own', 'own']);
    expect(sender.headers('CSeq')).to.deep.equal(['41 PUBLISH', '42 PUBLISH']);
    for (const name of Object.keys(own)) expect(sender.headers(name)).to.deep.equal([undefined, undefined]);
    await requests.request('sip:bob@other.test', { method: 'PUBLISH', headers: {} });
    expect(sender.headers('From').slice(2)).to.deep.equal([undefined, undefined]);
  });

  it('is another request than the next, with a Call-ID and a tag of its own', async () => {
    const sender = ScriptedRequests.inTurn([200], [200]);
    const requests = authenticated(sender);
    await requests.request(ALICE, PUBLISH);
    await requests.request(ALICE, PUBLISH);
    expect(new Set(sender.headers('Call-ID')).size).to.equal(2);
    expect(new Set(sender.headers('From')).size).to.equal(2);
  });

  it('with 407 is answered in Proxy-Authorization', async () => {
    const sender = ScriptedRequests.inTurn([407, proxyChallenge('n1')], [200]);
    await authenticated(sender).request(ALICE, PUBLISH);
    const [, second] = sender.sent;
    expect(second !== undefined && proves(second, 'secret', 'Proxy-Authorization')).to.equal(true);
    expect(sender.headers('Authorization')).to.deep.equal([undefined, undefined]);
  });

  it('by a proxy and then by the server beyond it carries credentials for both', async () => {
    const sender = ScriptedRequests.inTurn([407, proxyChallenge('p1')], [401, challenge('n1')], [200], [200]);
    const requests = authenticated(sender);
    expect((await requests.request(ALICE, PUBLISH)).status).to.equal(200);
    expect((await requests.request(ALICE, PUBLISH)).status).to.equal(200);
    expect(noncesAndCounts(sender.headers('Proxy-Authorization'))).to.deep.equal([
      undefined,
      'p1 1',
      'p1 2',
      'p1 3',
    ]);
    expect(noncesAndCounts(sender.headers('Authorization'))).to.deep.equal([
      undefined,
      undefined,
      'n1 1',
      'n1 2',
    ]);
  });

  it('by both at once answers both (RFC 3261 §22.3)', async () => {
    const both = { ...challenge('n1'), ...proxyChallenge('p1') };
    const sender = ScriptedRequests.inTurn([401, both], [200]);
    await authenticated(sender).request(ALICE, PUBLISH);
    expect(noncesAndCounts(sender.headers('Proxy-Authorization'))).to.deep.equal([undefined, 'p1 1']);
    expect(noncesAndCounts(sender.headers('Authorization'))).to.deep.equal([undefined, 'n1 1']);
  });

  it('is answered with 401 itself when the credentials are wrong, and they are not sent again', async () => {
    for (const second of [challenge('n1'), challenge('n2'), challenge('n2', ', stale=false')]) {
      const sender = ScriptedRequests.inTurn([401, challenge('n1')], [401, { ...second, 'X-Last': 'yes' }]);
      const response = await authenticated(sender).request(ALICE, PUBLISH);
      expect(response.status).to.equal(401);
      expect(response.get('X-Last')).to.equal('yes');
      expect(sender.sent).to.have.length(2);
    }
  });

  it('is sent again when its nonce was stale', async () => {
    const sender = ScriptedRequests.inTurn(
      [401, challenge('n1')],
      [401, challenge('n2', ', stale=TRUE')],
      [200],
    );
    expect((await authenticated(sender).request(ALICE, PUBLISH)).status).to.equal(200);
    expect(noncesAndCounts(sender.headers('Authorization'))).to.deep.equal([undefined, 'n1 1', 'n2 1']);
  });

  it('is given up after two more tries, whatever the server says', async () => {
    for (const next of [
      (count: number) => challenge(`n${count}`, ', stale=true'),
      (count: number) => challenge('same', `, stale=true, opaque="${count}"`),
      (count: number) => ({ 'WWW-Authenticate': `Digest realm="realm ${count}", nonce="n", qop="auth"` }),
      (count: number) =>
        count % 2 === 0
          ? challenge(`n${count}`, ', stale=true')
          : proxyChallenge(`n${count}`, ', stale=true'),
    ]) {
      let count = 0;
      const sender = new ScriptedRequests(() => [count % 2 === 0 ? 401 : 407, next(count++)]);
      const response = await authenticated(sender).request(ALICE, PUBLISH);
      expect(response.status).to.equal(401);
      expect(sender.sent).to.have.length(1 + SIP_LIMITS.challengeRetries);
    }
  });

  for (const [threat, headers] of [
    ['no challenge at all', {}],
    ['an empty challenge', { 'WWW-Authenticate': '' }],
    ['a huge challenge', challenge('n'.repeat(100_000))],
    ['an unterminated challenge', { 'WWW-Authenticate': 'Digest realm="example.test, nonce="n' }],
    ['an unknown algorithm', challenge('n', ', algorithm=ROT13')],
    ['auth-int alone', { 'WWW-Authenticate': 'Digest realm="r", nonce="n", qop="auth-int"' }],
    ['a request for the password itself', { 'WWW-Authenticate': 'Basic realm="r"' }],
    ['a line break inside', challenge('n\r\nRoute: <sip:evil.test>')],
    [
      'one challenge we can meet and one we cannot',
      { ...challenge('n'), 'Proxy-Authenticate': 'Basic realm="r"' },
    ],
  ] as const) {
    it(`with ${threat} is passed on as it is`, async () => {
      const sender = ScriptedRequests.inTurn([401, { ...headers, 'X-Kept': 'yes' }]);
      const response = await authenticated(sender).request(ALICE, PUBLISH);
      expect([response.status, response.get('X-Kept')]).to.deep.equal([401, 'yes']);
    });
  }

  it('puts a realm with quotes and commas back as it came', async () => {
    const realm = 'realm="the \\"real\\", \\\\ one"';
    const sender = ScriptedRequests.inTurn(
      [401, { 'WWW-Authenticate': `Digest ${realm}, nonce="n", opaque="a, b"` }],
      [200],
    );
    await authenticated(sender).request(ALICE, PUBLISH);
    expect(sender.headers('Authorization')[1]).to.include(realm).and.to.include('opaque="a, b"');
  });

  it('for another realm than the one named is passed on', async () => {
    const sender = ScriptedRequests.inTurn([401, challenge('n')]);
    const requests = authenticated(sender, { credentials: { ...CREDENTIALS, realm: 'elsewhere' } });
    expect((await requests.request(ALICE, PUBLISH)).status).to.equal(401);
  });

  it('without credentials is passed on, and nothing is added to the request', async () => {
    const sender = ScriptedRequests.inTurn([407, proxyChallenge('n')]);
    const requests = authenticated(sender, { credentials: undefined });
    expect((await requests.request(ALICE, PUBLISH)).status).to.equal(407);
    expect(sender.sent).to.deep.equal([{ uri: ALICE, options: PUBLISH }]);
  });

  it('fails as its last try does', async () => {
    const lost = new Error('lost');
    const sender = ScriptedRequests.inTurn([401, challenge('n1')], lost);
    let seen: unknown;
    await authenticated(sender)
      .request(ALICE, PUBLISH)
      .catch((error: unknown) => (seen = error));
    expect(seen).to.equal(lost);
  });

  it('too late is not sent again beside what the caller may send by then, yet the next carries credentials', async () => {
    const clock = new FakeClock();
    let late = true;
    const sender = new ScriptedRequests(async () => {
      if (!late) return [200];
      await clock.advance(SIP_LIMITS.challengeRetryWindow + 1);
      late = false;
      return [401, challenge('n1')];
    });
    const requests = authenticated(sender, { clock });
    let seen: unknown;
    await requests.request(ALICE, PUBLISH).catch((error: unknown) => (seen = error));
    expect(seen).to.be.instanceOf(DeadlineExceeded);
    expect(sender.sent).to.have.length(1);
    expect((await requests.request(ALICE, PUBLISH)).status).to.equal(200);
    expect(noncesAndCounts(sender.headers('Authorization'))).to.deep.equal([undefined, 'n1 1']);
  });
});

describe('requests after one that was challenged', () => {
  it('carry credentials from the start, and the nonce count grows', async () => {
    const sender = ScriptedRequests.inTurn([401, challenge('n1')], ...Array<ScriptedAnswer>(20).fill([200]));
    const requests = authenticated(sender);
    for (let round = 0; round < 20; round++) await requests.request(`sip:user${round}@example.test`, PUBLISH);
    expect(noncesAndCounts(sender.headers('Authorization'))).to.deep.equal([
      undefined,
      ...Array.from({ length: 20 }, (_, index) => `n1 ${index + 1}`),
    ]);
    expect(parameters(sender.headers('Authorization')[16])['nc']).to.equal('00000010');
    expect(sender.sent.slice(1).every((request) => proves(request, 'secret'))).to.equal(true);
  });

  it('are not held up when the server forgot the nonce without saying that it was stale', async () => {
    const sender = ScriptedRequests.inTurn(
      [401, challenge('n1')],
      [200],
      [401, challenge('n2')],
      [200],
      [200],
    );
    const requests = authenticated(sender);
    for (let round = 0; round < 3; round++) {
      expect((await requests.request(ALICE, PUBLISH)).status).to.equal(200);
    }
    expect(noncesAndCounts(sender.headers('Authorization'))).to.deep.equal([
      undefined,
      'n1 1',
      'n1 2',
      'n2 1',
      'n2 2',
    ]);
  });

  it('start over without credentials once these were rejected', async () => {
    const sender = ScriptedRequests.inTurn([401, challenge('n1')], [200], [401, challenge('n1')], [200]);
    const requests = authenticated(sender);
    await requests.request(ALICE, PUBLISH);
    expect((await requests.request(ALICE, PUBLISH)).status).to.equal(401);
    expect((await requests.request(ALICE, PUBLISH)).status).to.equal(200);
    expect(noncesAndCounts(sender.headers('Authorization'))).to.deep.equal([
      undefined,
      'n1 1',
      'n1 2',
      undefined,
    ]);
  });

  it('use the next nonce that the server names (RFC 7615 §3)', async () => {
    const next = { 'Authentication-Info': 'nextnonce="n2", qop=auth, rspauth="", cnonce="c", nc=00000001' };
    const sender = ScriptedRequests.inTurn([401, challenge('n1')], [200, next], [200, next], [200]);
    const requests = authenticated(sender);
    for (let round = 0; round < 3; round++) await requests.request(ALICE, PUBLISH);
    expect(noncesAndCounts(sender.headers('Authorization'))).to.deep.equal([
      undefined,
      'n1 1',
      'n2 1',
      'n2 2',
    ]);
  });

  it('are not disturbed by an Authentication-Info that cannot be read', async () => {
    const sender = ScriptedRequests.inTurn(
      [401, challenge('n1')],
      [200, { 'Authentication-Info': 'nextnonce="' }],
      [200],
    );
    const requests = authenticated(sender);
    expect((await requests.request(ALICE, PUBLISH)).status).to.equal(200);
    await requests.request(ALICE, PUBLISH);
    expect(noncesAndCounts(sender.headers('Authorization'))).to.deep.equal([undefined, 'n1 1', 'n1 2']);
  });

  it('carry no credentials where they were not asked for: other methods, domains and next hops', async () => {
    const sender = ScriptedRequests.inTurn([401, challenge('n1')], ...Array<ScriptedAnswer>(4).fill([200]));
    const requests = authenticated(sender);
    await requests.request(ALICE, PUBLISH);
    await requests.request(ALICE, { ...PUBLISH, method: 'MESSAGE' });
    await requests.request('sip:alice@other.test', PUBLISH);
    await requests.request(ALICE, { ...PUBLISH, proxy: 'sip:127.0.0.1:5080' });
    expect(noncesAndCounts(sender.headers('Authorization').slice(2))).to.deep.equal([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('share a nonce only once it was accepted: none that is sent later can overtake the count of a retry', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let nonces = 0;
    const sender = new ScriptedRequests(async ({ options }) => {
      if (options.headers['Authorization'] === undefined) return [401, challenge(`n${++nonces}`)];
      await held;
      return [200];
    });
    const requests = authenticated(sender);
    const first = requests.request(ALICE, PUBLISH);
    while (sender.sent.length < 2) await Promise.resolve();
    const second = requests.request(ALICE, PUBLISH);
    while (sender.sent.length < 4) await Promise.resolve();
    release();
    await Promise.all([first, second]);
    expect(noncesAndCounts(sender.headers('Authorization'))).to.deep.equal([
      undefined,
      'n1 1',
      undefined,
      'n2 1',
    ]);
  });

  it('go on with the session key when the nonce changes (RFC 7616 §3.3)', async () => {
    const sender = ScriptedRequests.inTurn(
      [401, challenge('n1', ', algorithm=MD5-sess')],
      [200, { 'Authentication-Info': 'nextnonce="n2"' }],
      [200],
    );
    const requests = authenticated(sender);
    for (let round = 0; round < 2; round++) await requests.request(ALICE, PUBLISH);
    const given = parameters(sender.headers('Authorization')[2]);
    const a1 = md5(`${md5('mailbox:example.test:secret')}:n1:${given['cnonce']}`);
    const a2 = md5(`PUBLISH:${ALICE}`);
    expect(given['response']).to.equal(md5(`${a1}:n2:00000001:${given['cnonce']}:auth:${a2}`));
  });

  it('are answered in any order: one that was slow neither brings an old nonce back nor is taken for rejected', async () => {
    const held: ((answer: ScriptedAnswer) => void)[] = [];
    const sender = ScriptedRequests.inTurn([401, challenge('n1')], [200]);
    const requests = authenticated(sender);
    await requests.request(ALICE, PUBLISH);
    sender.answer = () => new Promise((resolve) => held.push(resolve));
    const [slow, slower] = [requests.request(ALICE, PUBLISH), requests.request(ALICE, PUBLISH)];
    const [answerSlow, answerSlower] = held;
    const answers: ScriptedAnswer[] = [[200, { 'Authentication-Info': 'nextnonce="n2"' }]];
    sender.answer = () => answers.shift() ?? [200];
    await requests.request(ALICE, PUBLISH);
    // The nonce it is challenged with is in use by now, but it is not the one it was sent with.
    answerSlower?.([401, challenge('n2')]);
    expect((await slower).status).to.equal(200);
    answers.push([401, challenge('n3')], [200]);
    await requests.request(ALICE, PUBLISH);
    answerSlow?.([200]);
    expect((await slow).status).to.equal(200);
    await requests.request(ALICE, PUBLISH);
    expect(noncesAndCounts(sender.headers('Authorization')).at(-1)).to.equal('n3 2');
  });

  it('remember the latest domains only', async () => {
    const sender = new ScriptedRequests(({ options }) =>
      options.headers['Authorization'] === undefined ? [401, challenge('n')] : [200],
    );
    const requests = authenticated(sender);
    const tries = async (domain: number): Promise<number> => {
      const before = sender.sent.length;
      await requests.request(`sip:alice@d${domain}.test`, PUBLISH);
      return sender.sent.length - before;
    };
    for (let domain = 0; domain < SIP_LIMITS.protectionSpaces; domain++)
      expect(await tries(domain)).to.equal(2);
    expect(await tries(0), 'all are remembered').to.equal(1);
    expect(await tries(SIP_LIMITS.protectionSpaces)).to.equal(2);
    expect(await tries(0), 'used lately').to.equal(1);
    expect(await tries(1), 'unused the longest').to.equal(2);
  });
});

describe('a server with short-lived nonces and a memory for counts', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant('request' as const) },
    { weight: 1, arbitrary: fc.constant('expire' as const) },
    { weight: 1, arbitrary: fc.constant('restart' as const) },
  );

  for (const kind of ['many requests to a nonce', 'a nonce for each request'] as const) {
    it(`takes every request, in whatever order they arrive: ${kind}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), fc.array(step, { maxLength: 30 }), async (scheduler, steps) => {
          const server = new StrictServer(kind === 'a nonce for each request');
          const sender = new ScriptedRequests(async (request) => {
            await scheduler.schedule(Promise.resolve());
            const answer = server.answer(request);
            await scheduler.schedule(Promise.resolve());
            return answer;
          });
          const requests = authenticated(sender);
          let pending: Promise<number>[] = [];
          for (const what of [...steps, 'expire'] as const) {
            if (what === 'request') {
              pending.push(requests.request(ALICE, PUBLISH).then(({ status }) => status));
            } else {
              for (const status of await scheduler.waitFor(Promise.all(pending)))
                expect(status).to.equal(200);
              pending = [];
              server[what]();
            }
          }
        }),
      );
    });
  }
});

describe('a challenge that is not met', () => {
  it('is counted each time and told once, until one is met again', async () => {
    const warnings: string[] = [];
    const outcomes: (string | undefined)[] = [];
    const logger = { ...silentLogger, warn: (fields: object) => warnings.push(JSON.stringify(fields)) };
    const metrics: Metrics = {
      ...noMetrics,
      counter: () => ({ add: (labels?: Labels) => outcomes.push(labels?.['outcome']) }),
    };
    const basic = { 'WWW-Authenticate': 'Basic realm="r"' };
    const sender = ScriptedRequests.inTurn(
      [401, basic],
      [401, basic],
      ...([[401, challenge('n1')], [200]] as const),
      [401, challenge('n1')],
    );
    const requests = authenticated(sender, { logger, metrics });
    for (let round = 0; round < 4; round++) await requests.request(ALICE, PUBLISH);
    expect(outcomes).to.deep.equal(['not-understood', 'not-understood', 'answered', 'rejected']);
    expect(warnings).to.have.length(2);
    expect(warnings[0]).to.include('the scheme is basic');
    expect(warnings[1]).to.include('does not take our credentials');
    expect(warnings.join()).not.to.include('secret');
  });
});

describe('credentials that cannot stand in a header', () => {
  it('are refused at the start', () => {
    const credentials = { username: 'a\r\nb', password: '' };
    expect(() => authenticated(ScriptedRequests.inTurn(), { credentials })).to.throw(UnusableCredentials);
  });
});
