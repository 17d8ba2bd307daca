import { expect } from 'chai';
import { canonicalName } from '../../../src/engine/message/header-names.ts';
import { SipHeaders } from '../../../src/engine/message/sip-message.ts';

const some = (): SipHeaders =>
  SipHeaders.from([
    ['via', 'SIP/2.0/UDP a, SIP/2.0/UDP b'],
    ['Subject', 'one, two'],
    ['v', 'SIP/2.0/UDP c'],
    ['call-id', 'x@y'],
  ]);

const written = (headers: SipHeaders): string[] =>
  [...headers.entries()].map(([name, value]) => `${name}: ${value}`);

describe('SIP headers', () => {
  it('are found by any spelling, compact forms too', () => {
    const headers = some();
    for (const name of ['Call-ID', 'CALL-ID', 'call-id', 'i', 'I'])
      expect(headers.get(name), name).to.equal('x@y');
    expect(headers.has('v')).to.equal(true);
    expect(headers.has('To')).to.equal(false);
    expect(headers.get('To')).to.equal(undefined);
  });

  it('give the first field, or every value in order', () => {
    expect(some().get('Via')).to.equal('SIP/2.0/UDP a, SIP/2.0/UDP b');
    expect(some().all('Via')).to.deep.equal(['SIP/2.0/UDP a', 'SIP/2.0/UDP b', 'SIP/2.0/UDP c']);
    expect(some().all('Subject')).to.deep.equal(['one, two']);
  });

  it('are written in their order, with the names the RFCs write', () => {
    expect(written(some())).to.deep.equal([
      'Via: SIP/2.0/UDP a, SIP/2.0/UDP b',
      'Subject: one, two',
      'Via: SIP/2.0/UDP c',
      'Call-ID: x@y',
    ]);
  });

  it('set replaces all fields of a name in the place of the first', () => {
    const headers = some();
    headers.set('Via', 'new');
    headers.set('To', '<sip:a@b>');
    expect(written(headers)).to.deep.equal([
      'Via: new',
      'Subject: one, two',
      'Call-ID: x@y',
      'To: <sip:a@b>',
    ]);
  });

  it('replaceFirst leaves the later fields of the name', () => {
    const headers = some();
    headers.replaceFirst('via', 'new');
    headers.replaceFirst('To', 'nobody');
    expect(headers.all('Via')).to.deep.equal(['new', 'SIP/2.0/UDP c']);
    expect(headers.has('To')).to.equal(false);
  });

  it('append and delete', () => {
    const headers = some();
    headers.append('Via', 'last');
    expect(headers.all('Via')).to.deep.equal(['SIP/2.0/UDP a', 'SIP/2.0/UDP b', 'SIP/2.0/UDP c', 'last']);
    headers.delete('V');
    expect(headers.all('Via')).to.deep.equal([]);
    expect(headers.get('Subject')).to.equal('one, two');
  });

  it('of a copy are its own', () => {
    const headers = some();
    const copy = headers.clone();
    copy.set('Subject', 'changed');
    copy.append('To', 'x');
    copy.replaceFirst('Via', 'changed');
    expect(written(headers)).to.deep.equal(written(some()));
  });
});

describe('header names', () => {
  it('have the spelling of the RFCs', () => {
    const expected: Readonly<Record<string, string>> = {
      'CALL-ID': 'Call-ID',
      cseq: 'CSeq',
      'sip-etag': 'SIP-ETag',
      'sip-if-match': 'SIP-If-Match',
      'www-authenticate': 'WWW-Authenticate',
      'mime-version': 'MIME-Version',
      'min-se': 'Min-SE',
      'p-asserted-identity': 'P-Asserted-Identity',
      'x-my-own': 'X-My-Own',
      l: 'Content-Length',
    };
    for (const [name, canonical] of Object.entries(expected)) expect(canonicalName(name)).to.equal(canonical);
  });
});
