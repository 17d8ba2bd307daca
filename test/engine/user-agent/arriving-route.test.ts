import { expect } from 'chai';
import { parseMessage } from '../../../src/engine/message/parse-message.ts';
import { serializeMessage } from '../../../src/engine/message/serialize-message.ts';
import type { LocalEndpoint } from '../../../src/engine/transport/transport.ts';
import { ArrivingRoute } from '../../../src/engine/user-agent/arriving-route.ts';

const LISTENERS: readonly LocalEndpoint[] = [
  { protocol: 'udp', address: '192.0.2.5', port: 5060 },
  { protocol: 'tcp', address: '0.0.0.0', port: 5070, advertised: { host: 'sip.example', port: 5090 } },
  { protocol: 'tls', address: '::', port: 5061 },
];

/** Request-URI and Route values of a request as it is shown, of the bytes that came. */
function shown(uri: string, ...routes: readonly string[]): readonly string[] {
  const bytes = [
    `MESSAGE ${uri} SIP/2.0`,
    'Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1',
    ...routes.map((route) => `Route: ${route}`),
    'From: <sip:a@example.test>;tag=a',
    'To: <sip:b@example.test>',
    'Call-ID: c',
    'CSeq: 1 MESSAGE',
    'Content-Length: 0',
  ].join('\r\n');
  const came = parseMessage(Buffer.from(`${bytes}\r\n\r\n`));
  if (came.kind !== 'request') throw new Error('not a request');
  const arriving = new ArrivingRoute(() => LISTENERS, ['198.51.100.1', '2001:db8::5']);
  const sent = arriving.asSent(came);
  if (sent === came) return ['as it came'];
  const again = parseMessage(serializeMessage(sent));
  if (again.kind !== 'request') throw new Error('not a request');
  return [again.uri, ...again.headers.all('Route')];
}

const BOB = 'sip:bob@example.test';

describe('the route of a request that comes', () => {
  it('loses the values that led here, one or several, and no other', () => {
    expect(shown(BOB, '<sip:192.0.2.5;lr>')).to.deep.equal([BOB]);
    expect(shown(BOB, '<sip:192.0.2.5:5060;lr>, <sip:192.0.2.5;transport=tcp;lr>')).to.deep.equal([BOB]);
    expect(shown(BOB, '<sip:192.0.2.5;lr>', '<sip:p.example;lr>, <sip:192.0.2.5;lr>')).to.deep.equal([
      BOB,
      '<sip:p.example;lr>',
      '<sip:192.0.2.5;lr>',
    ]);
    expect(shown(BOB, '<sip:p.example;lr>')).to.deep.equal(['as it came']);
    expect(shown(BOB)).to.deep.equal(['as it came']);
  });

  it('is ours by the address listened on, any of the machine’s for a wildcard, and what is advertised', () => {
    for (const ours of [
      '198.51.100.1:5070',
      'SIP.example:5090',
      '[2001:db8::5]:5061',
      'x.example;maddr=192.0.2.5',
    ]) {
      expect(shown(BOB, `<sip:${ours};lr>`), ours).to.deep.equal([BOB]);
    }
    expect(shown(BOB, '<sips:[2001:DB8::5];lr>')).to.deep.equal([BOB]);
    for (const other of ['192.0.2.5:5070', '198.51.100.2:5070', 'sip.example', '198.51.100.1']) {
      expect(shown(BOB, `<sip:${other};lr>`), other).to.deep.equal(['as it came']);
    }
  });

  it('of a strict router before us gives the Request-URI back (RFC 3261 §16.4)', () => {
    expect(shown('sip:192.0.2.5;lr', `<${BOB}>`)).to.deep.equal([BOB]);
    expect(shown('sip:192.0.2.5;lr', `<sip:192.0.2.5;lr>, <sip:p.example;lr>`, `<${BOB}>`)).to.deep.equal([
      BOB,
      '<sip:p.example;lr>',
    ]);
  });

  it('of a request to our Contact, or to another’s, changes no Request-URI', () => {
    expect(shown('sip:192.0.2.5', `<${BOB}>`)).to.deep.equal(['as it came']);
    expect(shown('sip:p.example;lr', `<${BOB}>`)).to.deep.equal(['as it came']);
    expect(shown('sip:192.0.2.5;lr')).to.deep.equal(['as it came']);
    expect(shown('tel:+1', '<sip:192.0.2.5;lr>')).to.deep.equal(['tel:+1']);
  });

  it('survives values that cannot be read', () => {
    expect(shown('sip:192.0.2.5;lr', '<<>>')).to.deep.equal(['as it came']);
    expect(shown(BOB, '"<', '<sip:192.0.2.5;lr>')).to.deep.equal(['as it came']);
  });
});
