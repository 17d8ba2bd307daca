import { expect } from 'chai';
import { SipHeaders } from '../../../src/engine/message/sip-message.ts';
import { MalformedVia } from '../../../src/engine/message/via.ts';
import { stampTopVia } from '../../../src/engine/transport/incoming-via.ts';
import type { Endpoint } from '../../../src/engine/transport/transport.ts';

const SOURCE: Endpoint = { protocol: 'udp', address: '192.0.2.7', port: 40_000 };

function stamped(source: Endpoint, ...vias: readonly string[]): string[] {
  const headers = SipHeaders.from(vias.map((via): [string, string] => ['Via', via]));
  stampTopVia(headers, source);
  return [...headers.entries()].map(([, value]) => value);
}

describe('the top Via of a request that came', () => {
  it('stays as it is when it names its source (§18.2.1)', () => {
    const via = 'SIP / 2.0 / UDP  192.0.2.7:5060 ; branch=z9hG4bKa';
    expect(stamped(SOURCE, via)).to.deep.equal([via]);
  });

  it('is given `received` when it names another address, or a name (§18.2.1)', () => {
    expect(stamped(SOURCE, 'SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa')).to.deep.equal([
      'SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa;received=192.0.2.7',
    ]);
    expect(stamped(SOURCE, 'SIP/2.0/UDP bob.example;branch=z9hG4bKa')).to.deep.equal([
      'SIP/2.0/UDP bob.example;branch=z9hG4bKa;received=192.0.2.7',
    ]);
  });

  it('is given the source port where it asks for it, and `received` with it (RFC 3581 §4)', () => {
    expect(stamped(SOURCE, 'SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bKa')).to.deep.equal([
      'SIP/2.0/UDP 192.0.2.7:5060;rport=40000;branch=z9hG4bKa;received=192.0.2.7',
    ]);
  });

  it('alone is changed, not those of later hops', () => {
    expect(
      stamped(SOURCE, 'SIP/2.0/UDP a;branch=1;rport, SIP/2.0/UDP b;rport', 'SIP/2.0/UDP c;rport'),
    ).to.deep.equal([
      'SIP/2.0/UDP a;branch=1;rport=40000;received=192.0.2.7, SIP/2.0/UDP b;rport',
      'SIP/2.0/UDP c;rport',
    ]);
  });

  it('reflection: an address the client put there itself is not believed', () => {
    expect(stamped(SOURCE, 'SIP/2.0/UDP 192.0.2.7;received=198.51.100.1;branch=z9hG4bKa')).to.deep.equal([
      'SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa',
    ]);
    expect(
      stamped(SOURCE, 'SIP/2.0/UDP 10.0.0.1;received=198.51.100.1;rport=9;branch=z9hG4bKa'),
    ).to.deep.equal(['SIP/2.0/UDP 10.0.0.1;received=192.0.2.7;rport=40000;branch=z9hG4bKa']);
  });

  it('takes IPv6 sources', () => {
    const source: Endpoint = { protocol: 'tcp', address: '2001:db8::1', port: 5061 };
    expect(stamped(source, 'SIP/2.0/TCP [2001:db8::1];branch=a')).to.deep.equal([
      'SIP/2.0/TCP [2001:db8::1];branch=a',
    ]);
    expect(stamped(source, 'SIP/2.0/TCP [2001:db8::2];branch=a;rport')).to.deep.equal([
      'SIP/2.0/TCP [2001:db8::2];branch=a;rport=5061;received=2001:db8::1',
    ]);
  });

  it('is not told the zone of a link-local source, which means something here alone (RFC 4007 §11)', () => {
    const source: Endpoint = { protocol: 'udp', address: 'fe80::1%eth0', port: 5060 };
    expect(stamped(source, 'SIP/2.0/UDP [fe80::1];branch=a;rport')).to.deep.equal([
      'SIP/2.0/UDP [fe80::1];branch=a;rport=5060;received=fe80::1',
    ]);
    expect(stamped(source, 'SIP/2.0/UDP [fe80::1];branch=a')).to.deep.equal([
      'SIP/2.0/UDP [fe80::1];branch=a',
    ]);
  });

  it('reflection: maddr, a second rport, a second received and quoted ones change nothing', () => {
    for (const hostile of [
      'rport=9;maddr=198.51.100.1',
      'rport=9;rport=10;received=198.51.100.1;received=198.51.100.2',
      'RPORT=9;Received=198.51.100.1',
      'rport="9";received="198.51.100.1"',
    ]) {
      const [via = ''] = stamped(SOURCE, `SIP/2.0/UDP 10.0.0.1:5060;${hostile};branch=z9hG4bKa`);
      expect(via.match(/;received=[^;]*/gi), via).to.deep.equal([';received=192.0.2.7']);
      expect(via.match(/;rport=[^;]*/gi), via).to.deep.equal([';rport=40000']);
    }
  });

  it('that cannot be read is told', () => {
    expect(() => stamped(SOURCE, 'no via')).to.throw(MalformedVia);
    expect(() => stamped(SOURCE)).to.throw(MalformedVia);
  });
});
