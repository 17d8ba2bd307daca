import { expect } from 'chai';
import fc from 'fast-check';
import { MalformedMsrpUri } from '../../src/msrp/errors.ts';
import {
  formatMsrpUri,
  localMsrpUri,
  parseMsrpPath,
  parseMsrpUri,
  sameMsrpUri,
  sessionIdIn,
} from '../../src/msrp/uri.ts';

const same = (one: string, other: string): boolean => sameMsrpUri(parseMsrpUri(one), parseMsrpUri(other));

describe('an MSRP URI', () => {
  it('is taken apart, and written as it came', () => {
    const text = 'MSRPS://alice@Example.COM:9892/98cjs+a/b=~._-;TCP;relay=1';
    const uri = parseMsrpUri(text);
    expect(uri).to.include({ scheme: 'msrps', host: 'Example.COM', port: 9892, sessionId: '98cjs+a/b=~._-' });
    expect(formatMsrpUri(uri)).to.equal(text);
  });

  it('has port 2855 and an empty session-id when it names none', () => {
    expect(parseMsrpUri('msrp://relay.example.com;tcp')).to.include({ port: 2855, sessionId: '' });
    expect(sessionIdIn('msrp://relay.example.com;tcp')).to.equal('');
  });

  it('may hold an IPv6 address', () => {
    expect(parseMsrpUri('msrp://[2001:db8::1]:7000/abc;tcp')).to.include({ host: '2001:db8::1', port: 7000 });
    const local = localMsrpUri({ secure: true, host: '::1', port: 2856, sessionId: 'abc', transport: 'tcp' });
    expect(local.text).to.equal('msrps://[::1]:2856/abc;tcp');
    expect(parseMsrpUri(local.text)).to.deep.equal(local);
  });

  it('over WebSocket is told by its transport (RFC 7977), its scheme telling of TLS', () => {
    const parts = { host: '192.0.2.1', port: 8443, sessionId: 'abc', transport: 'ws' } as const;
    expect(localMsrpUri({ ...parts, secure: false }).text).to.equal('msrp://192.0.2.1:8443/abc;ws');
    expect(localMsrpUri({ ...parts, secure: true }).text).to.equal('msrps://192.0.2.1:8443/abc;ws');
    const browser = parseMsrpUri('msrps://df7jal23ls0d.invalid:2855/98cjs;ws');
    expect(browser).to.include({ scheme: 'msrps', host: 'df7jal23ls0d.invalid', transport: 'ws' });
  });

  for (const text of [
    '',
    'msrp',
    'msrp://',
    'http://a/b;tcp',
    'msrp://a:1/b',
    'msrp://a:70000/b;tcp',
    'msrp://a:1/b c;tcp',
    'msrp://a:1/b;',
    'msrp://a:1/b;tcp\r\nX: y',
    'sip:a@b;tcp',
  ]) {
    it(`is not ${JSON.stringify(text)}`, () => {
      expect(() => parseMsrpUri(text)).to.throw(MalformedMsrpUri);
      expect(sessionIdIn(text)).to.equal(undefined);
    });
  }

  it('is the same as another by scheme, host, port, session-id and transport', () => {
    const uri = 'msrp://alice@a.example:2855/iau39;tcp';
    expect(same(uri, 'MSRP://bob@A.EXAMPLE/iau39;TCP;x=y')).to.equal(true);
    expect(same(uri, 'msrps://a.example:2855/iau39;tcp')).to.equal(false);
    expect(same(uri, 'msrp://b.example:2855/iau39;tcp')).to.equal(false);
    expect(same(uri, 'msrp://a.example:2856/iau39;tcp')).to.equal(false);
    expect(same(uri, 'msrp://a.example:2855/IAU39;tcp')).to.equal(false);
    expect(same(uri, 'msrp://a.example:2855/iau39;sctp')).to.equal(false);
  });

  it('follows another in a path, with any blanks between', () => {
    const path = parseMsrpPath('  msrp://relay:1/a;tcp \t msrp://bob:2/b;tcp ');
    expect(path.map(({ host }) => host)).to.deep.equal(['relay', 'bob']);
    expect(() => parseMsrpPath('msrp://relay:1/a;tcp junk')).to.throw(MalformedMsrpUri);
    expect(() => parseMsrpPath('')).to.throw(MalformedMsrpUri);
  });

  it('of any text is read in no time or refused', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('msrp://', 'a', ':', '/', ';tcp', ';', '@', ' ', '[') }),
        (text) => {
          try {
            expect(parseMsrpUri(text).text).to.equal(text);
          } catch (error) {
            expect(error).to.be.instanceOf(MalformedMsrpUri);
          }
        },
      ),
    );
  });
});
