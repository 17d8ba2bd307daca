import { expect } from 'chai';
import type { Endpoint, Protocol } from '../../../src/engine/transport/transport.ts';
import { LocalAddresses } from '../../../src/engine/user-agent/local-addresses.ts';

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
});
