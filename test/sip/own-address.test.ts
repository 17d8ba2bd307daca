import { expect } from 'chai';
import type { DrachtioRequest } from '../../src/sip/drachtio.ts';
import { previousHop } from '../../src/sip/own-address.ts';

describe('the hop a request came from', () => {
  function hop(protocol: string, via: string, address = '10.0.0.5', port = 40_123): string {
    return previousHop({
      ...{ protocol, source_address: address, source_port: port },
      get: (name: string) => (name === 'Via' ? via : undefined),
    } as unknown as DrachtioRequest);
  }

  it('is its source over UDP, whatever its Via says', () => {
    expect(hop('udp', 'SIP/2.0/UDP 192.0.2.9:7000;branch=z9')).to.equal('sip:10.0.0.5:40123;transport=udp');
  });

  it('is its source’s address with the port of its Via over TCP: nobody listens where the connection came from', () => {
    expect(hop('tcp', 'SIP/2.0/TCP 192.0.2.9:7000;branch=z9')).to.equal('sip:10.0.0.5:7000;transport=tcp');
  });

  it('listens at the usual port where Via names none: 5060, or 5061 over TLS (RFC 3261 §18.2.2)', () => {
    expect(hop('tcp', 'SIP/2.0/TCP proxy.test;branch=z9')).to.equal('sip:10.0.0.5:5060;transport=tcp');
    expect(hop('tls', 'SIP/2.0/TLS proxy.test;branch=z9')).to.equal('sip:10.0.0.5:5061;transport=tls');
  });

  it('is written in brackets when it is an IPv6 address', () => {
    expect(hop('udp', '', '2001:db8::5')).to.equal('sip:[2001:db8::5]:40123;transport=udp');
  });
});
