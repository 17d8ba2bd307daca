import { expect } from 'chai';
import { Networks } from '../../../src/engine/user-agent/networks.ts';
import type { InterfaceAddress } from '../../../src/engine/user-agent/networks.ts';

const INTERFACES: readonly InterfaceAddress[] = [
  { address: '127.0.0.1', family: 'IPv4', cidr: '127.0.0.1/8' },
  { address: '::1', family: 'IPv6', cidr: '::1/128' },
  { address: 'fe80::5', family: 'IPv6', cidr: 'fe80::5/64' },
  { address: '172.17.0.1', family: 'IPv4', cidr: '172.17.0.1/16' },
  { address: '10.0.0.5', family: 'IPv4', cidr: '10.0.0.5/24' },
  { address: 'fd00::5', family: 'IPv6', cidr: 'fd00::5/64' },
  { address: '2001:db8::5', family: 'IPv6', cidr: '2001:db8::5/64' },
  { address: '198.51.100.5', family: 'IPv4', cidr: null },
];

describe('the networks of this machine', () => {
  const networks = new Networks(INTERFACES);

  it('tell the address a peer is likely to reach', () => {
    const towards = {
      '127.0.0.9': '127.0.0.1',
      '10.0.0.77': '10.0.0.5',
      '172.17.3.1': '172.17.0.1',
      '192.168.9.9': '172.17.0.1',
      '203.0.113.9': '198.51.100.5',
      '::1': '::1',
      'fe80::9%eth0': 'fe80::5',
      'fd00::9': 'fd00::5',
      'fd77::9': 'fd00::5',
      '2001:db8:9::1': '2001:db8::5',
    };
    for (const [peer, ours] of Object.entries(towards)) expect(networks.towards(peer), peer).to.equal(ours);
  });

  it('tell something where there is no network', () => {
    const none = new Networks([]);
    expect([none.towards('192.0.2.1'), none.towards('2001:db8::1')]).to.deep.equal(['127.0.0.1', '::1']);
  });

  it('tell who is on our side of a NAT', () => {
    const inside = (peer: string, outside: string): boolean => networks.isInside(peer, outside);
    // By its network, its realm, or because nobody is that near beyond a NAT.
    for (const peer of [
      '10.0.0.77',
      '10.9.9.9',
      '192.168.1.1',
      '127.0.0.1',
      '::1',
      'fe80::9%eth0',
      'fd77::1',
    ]) {
      expect(inside(peer, '203.0.113.7'), peer).to.equal(true);
      expect(inside(peer, 'sip.example.com'), peer).to.equal(true);
    }
    for (const peer of ['203.0.113.9', '2001:db8:9::1', '8.8.8.8']) {
      expect(inside(peer, '203.0.113.7'), peer).to.equal(false);
    }
    expect(inside('2001:db8::9', '203.0.113.7')).to.equal(true);
    // A NAT between private networks: a private address does not tell on which side its owner is.
    expect(inside('192.168.1.20', '192.168.1.10')).to.equal(false);
    expect(inside('172.17.3.1', '192.168.1.10')).to.equal(true);
  });
});
