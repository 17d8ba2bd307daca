import { expect } from 'chai';
import { MalformedUri } from '../../../src/engine/message/uri.ts';
import type {
  HostResolver,
  PointerRecord,
  ServiceRecord,
} from '../../../src/engine/targets/host-resolver.ts';
import { TARGET_LIMITS } from '../../../src/engine/targets/limits.ts';
import { UnresolvableTarget, resolveTarget } from '../../../src/engine/targets/resolve-target.ts';
import { orderServices } from '../../../src/engine/targets/service-order.ts';
import type { Endpoint, Protocol, Target } from '../../../src/engine/transport/transport.ts';
import { seededRandom } from '../../doubles/seeded-random.ts';

type Known = string | ServiceRecord | PointerRecord;
type Zone = Readonly<Record<string, readonly Known[]>>;

/** DNS that knows these names, and remembers what it was asked. */
function dns(zone: Zone): HostResolver & { readonly asked: string[] } {
  const asked: string[] = [];
  const find = (name: string): Promise<readonly Known[]> => {
    asked.push(name);
    const known = zone[name];
    return known === undefined ? Promise.reject(new Error(`ENOTFOUND ${name}`)) : Promise.resolve(known);
  };
  return {
    asked,
    addresses: async (host) => (await find(host)).filter((each) => typeof each === 'string'),
    services: async (name) =>
      (await find(name)).filter((each): each is ServiceRecord => typeof each === 'object' && 'port' in each),
    pointers: async (name) =>
      (await find(name)).filter((each): each is PointerRecord => typeof each === 'object' && 'order' in each),
  };
}

const record = (name: string, port: number, priority = 1, weight = 0): ServiceRecord => ({
  name,
  port,
  priority,
  weight,
});

const pointer = (service: string, replacement: string, order = 10, preference = 10): PointerRecord => ({
  order,
  preference,
  flags: 's',
  service,
  regexp: '',
  replacement,
});

/** Listeners on every address, IPv6 too. */
function listening(...protocols: readonly Protocol[]): readonly Endpoint[] {
  return protocols.map((protocol) => ({ protocol, address: '::', port: 5060 }));
}

const LOCAL = listening('udp', 'tcp', 'ws', 'wss');
const WITH_TLS = listening('udp', 'tcp', 'tls');

function resolve(uri: string, resolver: HostResolver, local = LOCAL): Promise<Target[]> {
  return resolveTarget(uri, { resolver, random: seededRandom(), local });
}

async function targets(uri: string, zone: Zone = {}, local = LOCAL): Promise<string[]> {
  const endpoints = await resolve(uri, dns(zone), local);
  return endpoints.map(({ protocol, address, port }) => `${protocol} ${address} ${port}`);
}

async function failure(uri: string, zone: Zone = {}, local = LOCAL): Promise<unknown> {
  return await targets(uri, zone, local).catch((error: unknown) => error);
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
      const error: unknown = await resolve(uri, resolver).catch((reason: unknown) => reason);
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
    expect(await resolve('sip:p.example:5070;transport=tcp', resolver)).to.deep.equal([
      { protocol: 'tcp', address: '2001:db8::1', port: 5070, domain: 'p.example' },
      { protocol: 'tcp', address: '192.0.2.1', port: 5070, domain: 'p.example' },
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
    await resolve('sip:a@localhost', resolver);
    expect(resolver.asked).to.deep.equal(['localhost']);
  });

  it('a server without an address does not spoil the others', async () => {
    const zone = {
      '_sip._udp.p.example': [record('gone.example', 1, 1), record('s.p.example', 5070, 2)],
      's.p.example': ['192.0.2.1'],
    };
    expect(await targets('sip:p.example', zone)).to.deep.equal(['udp 192.0.2.1 5070']);
  });

  it('a service that says it is not to be had (RFC 2782) is not sought at the addresses either', async () => {
    const zone = { '_sip._udp.p.example': [record('.', 0)], 'p.example': ['192.0.2.1'] };
    expect(await targets('sip:p.example', zone)).to.deep.equal(['tcp 192.0.2.1 5060']);
    const none = { ...zone, '_sip._tcp.p.example': [record('', 0)] };
    expect(await failure('sip:p.example', none)).to.be.instanceOf(UnresolvableTarget);
  });

  for (const uri of ['sips:a@192.0.2.1', 'sip:a@192.0.2.1;transport=tls', 'sip:a@192.0.2.1;transport=sctp']) {
    it(`never downgrades: ${uri} is not sent in the clear`, async () => {
      expect(await failure(uri)).to.be.instanceOf(UnresolvableTarget);
    });
  }

  it('a name nobody knows is told with its cause', async () => {
    const told = await failure('sip:a@nowhere.example');
    expect(told).to.be.instanceOf(UnresolvableTarget);
    expect((told as UnresolvableTarget).cause).to.have.property('message', 'ENOTFOUND nowhere.example');
    expect(await failure('sip:a@none.example', { 'none.example': [] })).to.be.instanceOf(UnresolvableTarget);
  });

  it('sips goes by TLS alone, to port 5061 where none is said, and its certificate is of the name asked for', async () => {
    const zone = {
      '_sips._tcp.p.example': [record('s.other.example', 5071)],
      '_sip._tcp.p.example': [record('plain.p.example', 5060)],
      's.other.example': ['192.0.2.1'],
      'plain.p.example': ['192.0.2.2'],
      'q.example': ['192.0.2.3'],
    };
    expect(await resolve('sips:p.example', dns(zone), WITH_TLS)).to.deep.equal([
      { protocol: 'tls', address: '192.0.2.1', port: 5071, domain: 'p.example' },
    ]);
    expect(await targets('sips:q.example', zone, WITH_TLS)).to.deep.equal(['tls 192.0.2.3 5061']);
    expect(await targets('sips:q.example:5099', zone, WITH_TLS)).to.deep.equal(['tls 192.0.2.3 5099']);
    expect(await targets('sips:a@192.0.2.4', zone, WITH_TLS)).to.deep.equal(['tls 192.0.2.4 5061']);
    expect(await targets('sips:a@192.0.2.4;transport=tcp', zone, WITH_TLS)).to.deep.equal([
      'tls 192.0.2.4 5061',
    ]);
    expect(await targets('sip:a@192.0.2.4;transport=tls', zone, WITH_TLS)).to.deep.equal([
      'tls 192.0.2.4 5061',
    ]);
    expect(await failure('sips:a@192.0.2.4;transport=udp', zone, WITH_TLS)).to.be.instanceOf(
      UnresolvableTarget,
    );
  });

  it('NAPTR says which transports there are and where, by order, then preference', async () => {
    const zone = {
      'p.example': [
        pointer('SIP+D2U', '_sip._udp.u.example', 30),
        pointer('SIP+D2T', '_sip._tcp.t.example', 20, 20),
        pointer('sips+d2t', '_sips._tcp.s.example', 20, 10),
        pointer('SIP+D2W', '_sip._ws.w.example', 1),
        pointer('E2U+sip', '_sip._udp.e.example', 1),
      ],
      '_sip._udp.u.example': [record('h.example', 5070)],
      '_sip._tcp.t.example': [record('h.example', 5071)],
      '_sips._tcp.s.example': [record('h.example', 5072)],
      '_sip._udp.p.example': [record('h.example', 1)],
      'h.example': ['192.0.2.1'],
    };
    expect(await targets('sip:p.example', zone, WITH_TLS)).to.deep.equal([
      'tls 192.0.2.1 5072',
      'tcp 192.0.2.1 5071',
      'udp 192.0.2.1 5070',
    ]);
    expect(await targets('sips:p.example', zone, WITH_TLS), 'sips').to.deep.equal(['tls 192.0.2.1 5072']);
    expect(await targets('sip:p.example', zone, listening('udp')), 'what we speak').to.deep.equal([
      'udp 192.0.2.1 5070',
    ]);
    const resolver = dns(zone);
    await resolve('sip:p.example;transport=udp', resolver);
    await resolve('sip:p.example:5060', resolver).catch(() => undefined);
    expect(resolver.asked, 'neither a transport nor a port leaves anything to NAPTR').to.deep.equal([
      '_sip._udp.p.example',
      'h.example',
      'p.example',
    ]);
  });

  it('a NAPTR record may lead to addresses; one that is no end, or a rewriting, leads nowhere', async () => {
    const zone = {
      'p.example': [
        { ...pointer('SIP+D2T', 'h.example', 30), flags: 'A' },
        { ...pointer('SIP+D2T', 'further.example', 1), flags: '' },
        { ...pointer('SIP+D2U', '', 1), regexp: '!^.*$!sip:x@y!', flags: 'u' },
      ],
      'h.example': ['192.0.2.1'],
    };
    expect(await targets('sip:p.example', zone)).to.deep.equal(['tcp 192.0.2.1 5060']);
  });

  it('where no NAPTR record serves, SRV is asked as if there were none', async () => {
    const zone = {
      'p.example': [pointer('SIP+D2S', '_sip._sctp.p.example'), pointer('SIP+D2U', '_sip._udp.gone.example')],
      '_sip._tcp.p.example': [record('h.example', 5071)],
      'h.example': ['192.0.2.1'],
    };
    expect(await targets('sip:p.example', zone)).to.deep.equal(['tcp 192.0.2.1 5071']);
  });

  it('only addresses that a listener reaches, the better reached ones first', async () => {
    const zone = { 'p.example': ['2001:db8::1', '192.0.2.1', '127.0.0.1'] };
    const v4 = [{ protocol: 'udp', address: '192.0.2.200', port: 5060 } as const];
    expect(await targets('sip:p.example:5060', zone, v4)).to.deep.equal([
      'udp 192.0.2.1 5060',
      'udp 127.0.0.1 5060',
    ]);
    const v6 = [{ protocol: 'udp', address: '2001:db8::9', port: 5060 } as const];
    expect(await targets('sip:p.example:5060', zone, v6)).to.deep.equal(['udp 2001:db8::1 5060']);
    expect(await failure('sip:q.example:5060', { 'q.example': ['192.0.2.1'] }, v6)).to.be.instanceOf(
      UnresolvableTarget,
    );
  });

  it('where UDP is not listened on, TCP is the usual one', async () => {
    expect(await targets('sip:a@192.0.2.1', {}, listening('tcp'))).to.deep.equal(['tcp 192.0.2.1 5060']);
    expect(await failure('sip:a@192.0.2.1;transport=udp', {}, listening('tcp'))).to.be.instanceOf(
      UnresolvableTarget,
    );
  });

  it('what is no SIP URI is told as that', async () => {
    expect(await failure('tel:+1')).to.be.instanceOf(MalformedUri);
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
    await resolve('sip:p.example', resolver).catch(() => undefined);
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
