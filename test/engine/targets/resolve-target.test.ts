import { expect } from 'chai';
import { MalformedUri } from '../../../src/engine/message/uri.ts';
import type { HostResolver, ServiceRecord } from '../../../src/engine/targets/host-resolver.ts';
import { TARGET_LIMITS } from '../../../src/engine/targets/limits.ts';
import { UnresolvableTarget, resolveTarget } from '../../../src/engine/targets/resolve-target.ts';
import { orderServices } from '../../../src/engine/targets/service-order.ts';
import { seededRandom } from '../../doubles/seeded-random.ts';

type Zone = Readonly<Record<string, readonly string[] | readonly ServiceRecord[]>>;

/** DNS that knows these names, and remembers what it was asked. */
function dns(zone: Zone): HostResolver & { readonly asked: string[] } {
  const asked: string[] = [];
  const find = (name: string): Promise<readonly (string | ServiceRecord)[]> => {
    asked.push(name);
    const known = zone[name];
    return known === undefined ? Promise.reject(new Error(`ENOTFOUND ${name}`)) : Promise.resolve(known);
  };
  return {
    asked,
    addresses: async (host) => (await find(host)).filter((each) => typeof each === 'string'),
    services: async (name) => (await find(name)).filter((each) => typeof each !== 'string'),
  };
}

const record = (name: string, port: number, priority = 1, weight = 0): ServiceRecord => ({
  name,
  port,
  priority,
  weight,
});

async function targets(uri: string, zone: Zone = {}): Promise<string[]> {
  const endpoints = await resolveTarget(uri, dns(zone), seededRandom());
  return endpoints.map(({ protocol, address, port }) => `${protocol} ${address} ${port}`);
}

describe('where a request is sent (RFC 3263 §4)', () => {
  it('a numeric host is taken as it stands, port 5060 unless it says another', async () => {
    expect(await targets('sip:a@192.0.2.1')).to.deep.equal(['udp 192.0.2.1 5060']);
    expect(await targets('sip:a@192.0.2.1:5070;transport=TCP')).to.deep.equal(['tcp 192.0.2.1 5070']);
    expect(await targets('sip:[2001:db8::1]:5070')).to.deep.equal(['udp 2001:db8::1 5070']);
  });

  it('a WebSocket client is found by the address of its connection, and DNS is not asked', async () => {
    expect(await targets('sip:a@192.0.2.1:40001;transport=ws')).to.deep.equal(['ws 192.0.2.1 40001']);
    expect(await targets('sip:a@192.0.2.1:40001;transport=wss')).to.deep.equal(['wss 192.0.2.1 40001']);
    const resolver = dns({ 'p.example': ['192.0.2.1'] });
    for (const uri of [
      'sip:a@p.example;transport=ws',
      'sip:a@x7.invalid',
      'sip:a@x7.invalid:5060;transport=tcp',
    ]) {
      const error: unknown = await resolveTarget(uri, resolver).catch((reason: unknown) => reason);
      expect(error, uri).to.be.instanceOf(UnresolvableTarget);
    }
    expect(resolver.asked).to.deep.equal([]);
  });

  it('maddr takes the place of the host', async () => {
    expect(await targets('sip:a@b.example;maddr=192.0.2.9')).to.deep.equal(['udp 192.0.2.9 5060']);
    expect(await targets('sip:a@b.example;maddr=[2001:db8::9]')).to.deep.equal(['udp 2001:db8::9 5060']);
  });

  it('a host with a port is looked up by its addresses alone', async () => {
    const resolver = dns({
      'p.example': ['192.0.2.1', '2001:db8::1'],
      '_sip._udp.p.example': [record('x', 1)],
    });
    expect(await resolveTarget('sip:p.example:5070;transport=tcp', resolver)).to.deep.equal([
      { protocol: 'tcp', address: '192.0.2.1', port: 5070 },
      { protocol: 'tcp', address: '2001:db8::1', port: 5070 },
    ]);
    expect(resolver.asked).to.deep.equal(['p.example']);
  });

  it('a host without a port is looked up by SRV for its transport', async () => {
    const zone = {
      '_sip._tcp.p.example': [record('s2.p.example', 5072, 20), record('s1.p.example', 5071, 10)],
      '_sip._udp.p.example': [record('other.example', 5060)],
      's1.p.example': ['192.0.2.1'],
      's2.p.example': ['192.0.2.2', '192.0.2.3'],
    };
    expect(await targets('sip:p.example;transport=tcp', zone)).to.deep.equal([
      'tcp 192.0.2.1 5071',
      'tcp 192.0.2.2 5072',
      'tcp 192.0.2.3 5072',
    ]);
  });

  it('a host that leaves the transport open is asked for UDP, then TCP', async () => {
    const zone = { '_sip._tcp.p.example': [record('s.p.example', 5071)], 's.p.example': ['192.0.2.1'] };
    expect(await targets('sip:p.example', zone)).to.deep.equal(['tcp 192.0.2.1 5071']);
    const both = { ...zone, '_sip._udp.p.example': [record('s.p.example', 5070)] };
    expect(await targets('sip:p.example', both)).to.deep.equal(['udp 192.0.2.1 5070', 'tcp 192.0.2.1 5071']);
  });

  it('a host without SRV is looked up by its addresses', async () => {
    expect(await targets('sip:alice@p.example.', { 'p.example': ['192.0.2.1'] })).to.deep.equal([
      'udp 192.0.2.1 5060',
    ]);
  });

  it('localhost is no question for DNS servers', async () => {
    const resolver = dns({ localhost: ['127.0.0.1'] });
    await resolveTarget('sip:a@localhost', resolver);
    expect(resolver.asked).to.deep.equal(['localhost']);
  });

  it('a server without an address does not spoil the others', async () => {
    const zone = {
      '_sip._udp.p.example': [record('gone.example', 1, 1), record('s.p.example', 5070, 2)],
      's.p.example': ['192.0.2.1'],
    };
    expect(await targets('sip:p.example', zone)).to.deep.equal(['udp 192.0.2.1 5070']);
  });

  it('a service that says it is not to be had (RFC 2782) leaves the addresses', async () => {
    const zone = { '_sip._udp.p.example': [record('.', 0)], 'p.example': ['192.0.2.1'] };
    expect(await targets('sip:p.example', zone)).to.deep.equal(['udp 192.0.2.1 5060']);
  });

  for (const uri of ['sips:a@192.0.2.1', 'sip:a@192.0.2.1;transport=tls', 'sip:a@192.0.2.1;transport=sctp']) {
    it(`never downgrades: ${uri} is not sent in the clear`, async () => {
      const failure: unknown = await targets(uri).catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(UnresolvableTarget);
    });
  }

  it('a name nobody knows is told with its cause', async () => {
    const failure: unknown = await targets('sip:a@nowhere.example').catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(UnresolvableTarget);
    expect((failure as UnresolvableTarget).cause).to.have.property('message', 'ENOTFOUND nowhere.example');
    expect(
      await targets('sip:a@none.example', { 'none.example': [] }).catch((error: unknown) => error),
    ).to.be.instanceOf(UnresolvableTarget);
  });

  it('what is no SIP URI is told as that', async () => {
    expect(await targets('tel:+1').catch((error: unknown) => error)).to.be.instanceOf(MalformedUri);
  });

  it('amplification: no more servers and addresses are looked at than the limits', async () => {
    const many = Array.from({ length: 200 }, (_, i) => `192.0.2.${i}`);
    expect(await targets('sip:p.example:5060', { 'p.example': many })).to.have.lengthOf(
      TARGET_LIMITS.endpoints,
    );
    const zone: Record<string, string[] | ServiceRecord[]> = {
      '_sip._udp.p.example': many.map((_, i) => record(`s${i}.example`, 5060)),
    };
    const resolver = dns(zone);
    await resolveTarget('sip:p.example', resolver).catch(() => undefined);
    expect(resolver.asked.filter((name) => name.startsWith('s'))).to.have.lengthOf(TARGET_LIMITS.services);
  });
});

describe('the order of SRV records (RFC 2782)', () => {
  it('is by priority, each once', () => {
    const records = [record('c', 1, 30), record('a', 1, 10, 5), record('b', 1, 20, 9)];
    expect(orderServices(records, seededRandom()).map(({ name }) => name)).to.deep.equal(['a', 'b', 'c']);
    expect(orderServices([], seededRandom())).to.deep.equal([]);
  });

  it('is drawn by weight among equals', () => {
    const random = seededRandom(7);
    const firsts = new Map<string, number>();
    for (let i = 0; i < 2000; i++) {
      const ordered = orderServices(
        [record('light', 1, 1, 10), record('none', 1, 1, 0), record('heavy', 1, 1, 90)],
        random,
      );
      expect(ordered.map(({ name }) => name).sort()).to.deep.equal(['heavy', 'light', 'none']);
      const first = ordered[0]?.name ?? '';
      firsts.set(first, (firsts.get(first) ?? 0) + 1);
    }
    expect(firsts.get('heavy')).to.be.within(1650, 1900);
    expect(firsts.get('light')).to.be.within(120, 300);
    expect(firsts.get('none') ?? 0).to.be.within(1, 80);
  });
});
