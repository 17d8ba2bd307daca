import { expect } from 'chai';

import { systemClock } from '../../src/core/clock.ts';
import type { EngineOptions } from '../../src/engine/engine.ts';
import { AnswerCache } from '../../src/engine/targets/answer-cache.ts';
import { nameService } from '../../src/engine/targets/host-resolver.ts';
import { resolveTarget } from '../../src/engine/targets/resolve-target.ts';
import { authority, certified } from '../doubles/certificates.ts';
import { seededRandom } from '../doubles/seeded-random.ts';
import { responseTo } from '../engine/application.ts';
import type { SrfApplication } from '../engine/application.ts';
import { RunningEngine, SHORT_TIMERS, T1 } from '../engine/running-engine.ts';
import { startAnsweringServer } from './answering-server.ts';
import type { AnsweringOptions, AnsweringServer } from './answering-server.ts';
import { DnsServer } from './dns-server.ts';
import type { Zone } from './dns-server.ts';
import { freePort } from './ports.ts';
import { requirePeer } from './require-peer.ts';

const TEXT = { method: 'MESSAGE', headers: { 'Content-Type': 'text/plain' }, body: 'hi' };

/** How long one of several targets may be silent, ms. */
const SILENCE = 16 * T1;

describe('targets that a real DNS server knows (RFC 3263)', () => {
  requirePeer('dnsmasq');

  const closing: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function dnsServer(zone: Zone): Promise<DnsServer> {
    const server = await DnsServer.start(zone);
    closing.push(() => server.stop());
    return server;
  }

  async function sipServer(
    protocol: AnsweringOptions['protocol'],
    status: number,
    more: Partial<AnsweringOptions> = {},
  ): Promise<AnsweringServer> {
    const server = await startAnsweringServer({ protocol, status, ...more });
    closing.push(() => server.close());
    return server;
  }

  /** An application on an engine that asks a DNS server of this zone. */
  async function site(
    zone: Zone,
    more: Partial<EngineOptions> = {},
  ): Promise<{ app: SrfApplication; dns: DnsServer }> {
    const dns = await dnsServer(zone);
    const running = await RunningEngine.start(undefined, {
      dnsServers: [dns.address],
      timers: SHORT_TIMERS,
      ...more,
    });
    closing.push(() => running.close());
    return { app: await running.application(), dns };
  }

  async function statusOf(app: SrfApplication, uri: string): Promise<number> {
    return (await responseTo(await app.request(uri, TEXT))).status;
  }

  it('NAPTR says that TCP comes first, SRV where it is, and nothing is asked twice', async () => {
    const [udp, tcp] = [await sipServer('udp', 200), await sipServer('tcp', 202)];
    const { app, dns } = await site({
      hosts: { 'h.example.test': ['127.0.0.1'] },
      services: {
        '_sip._udp.example.test': [{ host: 'h.example.test', port: udp.port }],
        '_sip._tcp.other.test': [{ host: 'h.example.test', port: tcp.port }],
      },
      pointers: {
        'example.test': [
          { service: 'SIP+D2U', replacement: '_sip._udp.example.test', order: 20 },
          { service: 'SIP+D2T', replacement: '_sip._tcp.other.test', order: 10 },
        ],
      },
    });
    expect(await statusOf(app, 'sip:bob@example.test')).to.equal(202);
    expect(await statusOf(app, 'sip:alice@example.test')).to.equal(202);
    expect(await statusOf(app, 'sip:bob@example.test;transport=udp')).to.equal(200);
    expect([udp.requests.length, tcp.requests.length]).to.deep.equal([1, 2]);
    const asked = dns.asked;
    expect(asked).to.include.members(['NAPTR example.test', 'SRV _sip._tcp.other.test', 'A h.example.test']);
    expect(asked).to.have.lengthOf(new Set(asked).size);
  });

  it('SRV records are drawn by weight, and a lower priority comes first always', async () => {
    const dns = await dnsServer({
      hosts: { 'h.test': ['127.0.0.1'] },
      services: {
        '_sip._udp.example.test': [
          { host: 'h.test', port: 5001, priority: 1, weight: 10 },
          { host: 'h.test', port: 5002, priority: 1, weight: 30 },
          { host: 'h.test', port: 5003, priority: 2, weight: 1000 },
        ],
      },
    });
    const resolver = new AnswerCache(nameService([dns.address]), systemClock);
    closing.push(() => {
      resolver.close();
      return Promise.resolve();
    });
    const local = [{ protocol: 'udp', address: '127.0.0.1', port: 5060 } as const];
    const random = seededRandom(3);
    const firsts = new Map<number, number>();
    for (let draw = 0; draw < 2_000; draw++) {
      const ports = (await resolveTarget('sip:example.test', { resolver, random, local })).map(
        ({ port }) => port,
      );
      expect(ports[2]).to.equal(5003);
      firsts.set(ports[0] ?? 0, (firsts.get(ports[0] ?? 0) ?? 0) + 1);
    }
    expect([...firsts.keys()].sort()).to.deep.equal([5001, 5002]);
    expect((firsts.get(5002) ?? 0) / 2_000).to.be.within(0.71, 0.79);
    expect(dns.asked.filter((question) => question.startsWith('SRV'))).to.have.lengthOf(1);
  });

  it('refused, silent and full servers are passed over, and the next request does not begin with them', async () => {
    const [silent, full, good] = [
      await sipServer('udp', 0),
      await sipServer('udp', 503),
      await sipServer('udp', 200),
    ];
    const dead = await freePort();
    const { app } = await site({
      hosts: { 'h.test': ['127.0.0.1'] },
      services: {
        '_sip._tcp.example.test': [{ host: 'h.test', port: dead }],
        '_sip._udp.example.test': [silent, full, good].map(({ port }, priority) => ({
          host: 'h.test',
          port,
          priority,
        })),
      },
      pointers: {
        'example.test': [
          { service: 'SIP+D2T', replacement: '_sip._tcp.example.test', order: 1 },
          { service: 'SIP+D2U', replacement: '_sip._udp.example.test', order: 2 },
        ],
      },
    });
    const begun = Date.now();
    expect(await statusOf(app, 'sip:bob@example.test')).to.equal(200);
    expect(Date.now() - begun).to.be.within(SILENCE - 30, 2 * SILENCE);
    expect([silent, full, good].map(({ requests }) => requests.length > 0)).to.deep.equal([true, true, true]);
    const before = silent.requests.length;
    const again = Date.now();
    expect(await statusOf(app, 'sip:bob@example.test')).to.equal(200);
    expect(Date.now() - again).to.be.below(SILENCE);
    expect(silent.requests).to.have.lengthOf(before);
    expect([full.requests.length, good.requests.length]).to.deep.equal([1, 2]);
  });

  it('a host with both kinds of address is reached by the kind we listen on', async () => {
    const [four, six] = [await sipServer('udp', 200), await sipServer('udp', 202, { host: '::1' })];
    const zone = {
      hosts: { 'four.test': ['127.0.0.1', '::1'], 'six.test': ['::1', '127.0.0.1'] },
    };
    const over4 = await site(zone);
    expect(await statusOf(over4.app, `sip:four.test:${four.port}`)).to.equal(200);
    const over6 = await site(zone, { listen: [{ protocol: 'udp', host: '::1', port: 0 }] });
    expect(await statusOf(over6.app, `sip:six.test:${six.port}`)).to.equal(202);
    expect(six.requests[0]).to.match(/^Via: SIP\/2\.0\/UDP \[::1\]:\d+;/m);
  });

  it('sips goes by TLS to whom SRV leads, if that one proves to be the domain that was asked for', async () => {
    const ca = await authority();
    const own = await certified({ ip: '127.0.0.1' }, ca);
    const right = await sipServer('tls', 200, { certified: await certified({ dns: 'example.test' }, ca) });
    const wrong = await sipServer('tls', 202, { certified: await certified({ dns: 'h.other.test' }, ca) });
    const plain = await sipServer('tcp', 202);
    const { app, dns } = await site(
      {
        hosts: { 'h.other.test': ['127.0.0.1'] },
        services: {
          '_sips._tcp.example.test': [
            { host: 'h.other.test', port: wrong.port, priority: 1 },
            { host: 'h.other.test', port: right.port, priority: 2 },
          ],
          '_sips._tcp.forged.test': [{ host: 'h.other.test', port: wrong.port }],
          '_sip._tcp.forged.test': [{ host: 'h.other.test', port: plain.port }],
        },
        pointers: {
          'forged.test': [
            { service: 'SIPS+D2T', replacement: '_sips._tcp.forged.test', order: 1 },
            { service: 'SIP+D2T', replacement: '_sip._tcp.forged.test', order: 2 },
          ],
        },
      },
      {
        listen: [
          { protocol: 'tls', host: '127.0.0.1', port: 0 },
          { protocol: 'tcp', host: '127.0.0.1', port: 0 },
        ],
        tls: { ...own, ca: ca.cert },
      },
    );
    expect(await statusOf(app, 'sips:bob@example.test')).to.equal(200);
    expect(await statusOf(app, 'sips:bob@forged.test')).to.equal(503);
    expect([wrong.requests, plain.requests]).to.deep.equal([[], []]);
    expect(dns.asked).to.not.include('SRV _sip._tcp.forged.test');
  });

  it('an answer that is known serves on while the DNS server is silent', async () => {
    const server = await sipServer('udp', 200);
    const { app, dns } = await site({ hosts: { 'h.test': ['127.0.0.1'] }, ttl: 1 });
    expect(await statusOf(app, `sip:h.test:${server.port}`)).to.equal(200);
    dns.freeze();
    expect(await statusOf(app, `sip:h.test:${server.port}`)).to.equal(200);
  });

  it('a name that is not there is told as 503', async () => {
    const { app } = await site({});
    expect(await statusOf(app, 'sip:bob@nobody.test')).to.equal(503);
  });
});
