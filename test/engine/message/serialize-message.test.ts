import { expect } from 'chai';
import { parseMessage } from '../../../src/engine/message/parse-message.ts';
import { serializeMessage } from '../../../src/engine/message/serialize-message.ts';
import { SipHeaders } from '../../../src/engine/message/sip-message.ts';

const headers = (...more: [string, string][]): SipHeaders =>
  SipHeaders.from([
    ['Via', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa'],
    ['From', '<sip:bob@example.test>;tag=1'],
    ['To', '<sip:alice@example.test>'],
    ['Call-ID', 'a@b'],
    ['CSeq', '1 MESSAGE'],
    ...more,
  ]);

describe('SIP message writer', () => {
  it('counts Content-Length in bytes and writes it last, once, whatever was said before', () => {
    const body = Buffer.from('Grüße 👋');
    const bytes = serializeMessage({
      kind: 'request',
      method: 'MESSAGE',
      uri: 'sip:alice@example.test',
      headers: headers(['Content-Length', '7'], ['l', '8'], ['Content-Type', 'text/plain']),
      body,
    });
    expect(bytes.toString()).to.equal(
      [
        'MESSAGE sip:alice@example.test SIP/2.0',
        'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa',
        'From: <sip:bob@example.test>;tag=1',
        'To: <sip:alice@example.test>',
        'Call-ID: a@b',
        'CSeq: 1 MESSAGE',
        'Content-Type: text/plain',
        'Content-Length: 12',
        '',
        'Grüße 👋',
      ].join('\r\n'),
    );
  });

  it('writes a response, its reason empty or not', () => {
    const body = Buffer.alloc(0);
    const line = (reason: string): string | undefined =>
      serializeMessage({ kind: 'response', status: 200, reason, headers: headers(), body })
        .toString()
        .split('\r\n')[0];
    expect(line('OK')).to.equal('SIP/2.0 200 OK');
    expect(line('')).to.equal('SIP/2.0 200 ');
  });

  it('header injection: nothing an application says ends its own line', () => {
    const injected = '\r\nX-Evil: yes\r\n\r\nbody';
    const bytes = serializeMessage({
      kind: 'response',
      status: 200,
      reason: `OK${injected}`,
      headers: headers(
        ['Subject', `a${injected}`],
        ['Warning', 'a\nX-Evil: b'],
        ['X-Zero', 'a\0b'],
        [`X\r\nX-Evil`, 'c'],
      ),
      body: Buffer.alloc(0),
    });
    const lines = bytes.toString().split(/\r\n|\r|\n/);
    expect(lines.filter((line) => /^X-Evil/i.test(line))).to.deep.equal([]);
    expect(lines.slice(-2)).to.deep.equal(['', '']);
    expect(bytes.includes(0)).to.equal(false);
  });

  it('writes a NUL within a quoted string as it came, behind its backslash (RFC 4475 §3.1.1.2)', () => {
    const bytes = serializeMessage({
      kind: 'response',
      status: 200,
      reason: 'OK',
      headers: headers(['X-Quoted', '"a\\\0b"']),
      body: Buffer.alloc(0),
    });
    expect(bytes.toString()).to.include('X-Quoted: "a\\\0b"\r\n');
  });

  it('header injection: nor does a method or a Request-URI', () => {
    const bytes = serializeMessage({
      kind: 'request',
      method: 'MESSAGE',
      uri: 'sip:a@b SIP/2.0\r\nX-Evil: yes\r\nX:',
      headers: headers(),
      body: Buffer.alloc(0),
    });
    expect(bytes.toString()).not.to.match(/^X-Evil/m);
    expect(() => parseMessage(bytes)).to.throw('Bad Request-URI');
  });
});
