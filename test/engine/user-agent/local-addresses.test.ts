import { expect } from 'chai';
import type { Endpoint, Protocol } from '../../../src/engine/transport/transport.ts';
import { LocalAddresses } from '../../../src/engine/user-agent/local-addresses.ts';
import { Networks } from '../../../src/engine/user-agent/networks.ts';

const at = (protocol: Protocol, address: string, port: number): Endpoint => ({ protocol, address, port });

describe('the address peers reach us by', () => {
  it('is the listener of the way, with the transport where it is not UDP', () => {
    const addresses = new LocalAddresses({
      local: [at('udp', '192.0.2.1', 5060), at('tcp', '192.0.2.1', 5070)],
    });
    const udp = addresses.way(at('udp', '192.0.2.1', 5060), at('udp', '192.0.2.9', 5), 'b');
    expect(udp).to.deep.equal({
      via: 'UDP 192.0.2.1:5060',
      branch: 'b',
      contact: '<sip:192.0.2.1:5060>',
      hostPort: '192.0.2.1:5060',
    });
    // The port a connection of ours happened to get is nobody's to call.
    const tcp = addresses.way(at('tcp', '192.0.2.1', 40_000), at('tcp', '192.0.2.9', 5), 'b');
    expect(tcp.contact).to.equal('<sip:192.0.2.1:5070;transport=tcp>');
    expect(tcp.via).to.equal('TCP 192.0.2.1:5070');
    expect(addresses.describe()).to.equal('tcp/192.0.2.1:5070,udp/192.0.2.1:5060');
  });

  it('is told to applications with brackets around an IPv6 address', () => {
    const addresses = new LocalAddresses({ local: [at('udp', '::1', 5060), at('ws', '::', 8080)] });
    expect(addresses.describe()).to.equal('udp/[::1]:5060,ws/[::]:8080');
  });

  it('is the listener for WebSockets of a client that came by one', () => {
    const addresses = new LocalAddresses({
      local: [at('udp', '192.0.2.1', 5060), at('ws', '192.0.2.1', 8080), at('wss', '0.0.0.0', 8443)],
    });
    const plain = addresses.way(at('ws', '192.0.2.1', 8080), at('ws', '198.51.100.7', 5), 'b');
    expect([plain.via, plain.contact]).to.deep.equal([
      'WS 192.0.2.1:8080',
      '<sip:192.0.2.1:8080;transport=ws>',
    ]);
    // RFC 7118 §5.2.2: there is no transport=wss.
    const secure = addresses.way(at('wss', '192.0.2.1', 8443), at('wss', '198.51.100.7', 5), 'b');
    expect([secure.via, secure.contact]).to.deep.equal([
      'WSS 192.0.2.1:8443',
      '<sip:192.0.2.1:8443;transport=ws>',
    ]);
  });

  it('is in brackets when it is IPv6', () => {
    const local = at('udp', '2001:db8::1', 5060);
    const addresses = new LocalAddresses({ local: [local] });
    expect(addresses.way(local, at('udp', '2001:db8::9', 5), 'b').contact).to.equal(
      '<sip:[2001:db8::1]:5060>',
    );
  });

  it('is never the wildcard that was bound', () => {
    const local = at('udp', '0.0.0.0', 5060);
    const addresses = new LocalAddresses({ local: [local, at('tcp', '0.0.0.0', 5060)] });
    expect(addresses.way(local, at('udp', '127.0.0.1', 5), 'b').hostPort).to.equal('127.0.0.1:5060');
    expect(addresses.way(local, at('udp', '192.0.2.9', 5), 'b').hostPort).to.not.contain('0.0.0.0');
    const connection = at('tcp', '198.51.100.3', 5060);
    expect(addresses.way(connection, at('tcp', '192.0.2.9', 5), 'b').hostPort).to.equal('198.51.100.3:5060');
  });

  it('of several listeners is that of the one the way goes by', () => {
    const addresses = new LocalAddresses({
      local: [at('tcp', '::', 5060), at('tcp', '0.0.0.0', 5060), at('tcp', '0.0.0.0', 5070)],
    });
    const peer = at('tcp', '198.51.100.7', 5);
    expect(addresses.way(at('tcp', '192.0.2.1', 5070), peer, 'b').hostPort).to.equal('192.0.2.1:5070');
    expect(addresses.way(at('tcp', '192.0.2.1', 5060), peer, 'b').hostPort).to.equal('192.0.2.1:5060');
  });

  it('names no zone of this machine', () => {
    const local = at('tcp', 'fe80::1%eth0', 5060);
    const addresses = new LocalAddresses({ local: [at('tcp', '::', 5060)] });
    expect(addresses.way(local, at('tcp', 'fe80::2%eth0', 5), 'b').hostPort).to.equal('[fe80::1]:5060');
  });

  it('over TLS is a SIP URI that says so', () => {
    const local = at('tls', '192.0.2.1', 5061);
    const { via, contact } = new LocalAddresses({ local: [local] }).way(
      local,
      at('tls', '192.0.2.9', 5),
      'b',
    );
    expect([via, contact]).to.deep.equal(['TLS 192.0.2.1:5061', '<sip:192.0.2.1:5061;transport=tls>']);
  });
});

describe('an advertised address', () => {
  const networks = new Networks([{ address: '10.0.0.5', family: 'IPv4', cidr: '10.0.0.5/24' }]);
  const nat = { ...at('udp', '10.0.0.5', 5060), advertised: { host: '203.0.113.7', port: 5070 } };
  const named = { ...at('tls', '0.0.0.0', 5061), advertised: { host: 'sip.example.com', port: 5061 } };
  const v6 = { ...at('tcp', '::', 5060), advertised: { host: '2001:db8::7', port: 5060 } };
  const addresses = new LocalAddresses({ local: [nat, named, v6] }, networks);

  it('is what peers beyond the NAT are told, in Via, Contact and From', () => {
    expect(addresses.way(nat, at('udp', '198.51.100.9', 5060), 'b')).to.deep.equal({
      via: 'UDP 203.0.113.7:5070',
      branch: 'b',
      contact: '<sip:203.0.113.7:5070>',
      hostPort: '203.0.113.7:5070',
    });
    const secure = addresses.way({ ...named, address: '10.0.0.5' }, at('tls', '198.51.100.9', 5061), 'b');
    expect([secure.via, secure.contact]).to.deep.equal([
      'TLS sip.example.com:5061',
      '<sip:sip.example.com:5061;transport=tls>',
    ]);
    expect(addresses.way(v6, at('tcp', '2001:db8:1::9', 5), 'b').hostPort).to.equal('[2001:db8::7]:5060');
  });

  it('is nothing to peers within, who are told the bound one', () => {
    expect(addresses.way(nat, at('udp', '10.0.0.9', 5060), 'b').hostPort).to.equal('10.0.0.5:5060');
    expect(addresses.way(nat, at('udp', '192.168.7.9', 5060), 'b').hostPort).to.equal('10.0.0.5:5060');
    expect(addresses.way(named, at('tls', '10.0.0.9', 5061), 'b').hostPort).to.equal('10.0.0.5:5061');
  });

  it('is told to applications in place of the bound one', () => {
    expect(addresses.describe()).to.equal(
      'tcp/[2001:db8::7]:5060,tls/sip.example.com:5061,udp/203.0.113.7:5070',
    );
    expect(addresses.describeBound()).to.equal('tcp/[::]:5060,tls/0.0.0.0:5061,udp/10.0.0.5:5060');
  });
});
