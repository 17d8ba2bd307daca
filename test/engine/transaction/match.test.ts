import { expect } from 'chai';
import { parseMessage } from '../../../src/engine/message/parse-message.ts';
import type { SipRequest } from '../../../src/engine/message/sip-message.ts';
import { mergeKey, tagOf, topVia, transactionKey } from '../../../src/engine/transaction/match.ts';

function request(
  method: string,
  {
    via = 'SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKabc',
    to = '<sip:a@example.test>',
    cseq = 1,
    uri = 'sip:a@example.test',
    callId = 'c1',
  } = {},
): SipRequest {
  const text = [
    `${method} ${uri} SIP/2.0`,
    `Via: ${via}`,
    'From: "B > b" <sip:b@example.test;x=y>;tag=f1',
    `To: ${to}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
  const message = parseMessage(Buffer.from(text));
  if (message.kind !== 'request') throw new TypeError('a request was expected');
  return message;
}

const keyOf = (each: SipRequest) => transactionKey(each, topVia(each.headers));

describe('transaction matching (RFC 3261 §17.2.3)', () => {
  it('goes by branch, sent-by and method', () => {
    const { key } = keyOf(request('MESSAGE'));
    expect(keyOf(request('MESSAGE', { callId: 'other', to: '<sip:a@example.test>;tag=1' })).key).to.equal(
      key,
    );
    expect(keyOf(request('INFO')).key).to.not.equal(key);
    const otherPort = 'SIP/2.0/UDP 192.0.2.1:5063;branch=z9hG4bKabc';
    expect(keyOf(request('MESSAGE', { via: otherPort })).key).to.not.equal(key);
    const otherBranch = 'SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKabd';
    expect(keyOf(request('MESSAGE', { via: otherBranch })).key).to.not.equal(key);
  });

  it('stranger: what comes from elsewhere is no copy, whatever branch and sent-by it says', () => {
    const from = (address: string): string =>
      keyOf(request('MESSAGE', { via: `SIP/2.0/UDP phone.test;branch=z9hG4bK1;received=${address}` })).key;
    expect(from('192.0.2.1')).to.equal(from('192.0.2.1')).and.not.equal(from('203.0.113.9'));
    // A phone may change the rest of its IPv6 address at any time (RFC 8981).
    expect(from('2001:db8::1')).to.equal(from('2001:db8::2')).and.not.equal(from('2001:db9::1'));
  });

  it('takes the top one of Vias that share a field', () => {
    const via = 'SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKabc, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKzzz';
    expect(keyOf(request('MESSAGE', { via })).key).to.equal(keyOf(request('MESSAGE')).key);
  });

  it('gives an ACK the INVITE’s transaction, and tells which INVITE a CANCEL is for', () => {
    const invite = keyOf(request('INVITE'));
    expect(keyOf(request('ACK')).key).to.equal(invite.key);
    const cancel = keyOf(request('CANCEL'));
    expect(cancel.key).to.not.equal(invite.key);
    expect(cancel.cancelledKey).to.equal(invite.key);
    expect(invite.cancelledKey).to.equal('');
  });

  it('goes by Request-URI, From tag, Call-ID, CSeq and Via without the magic cookie (RFC 2543)', () => {
    for (const via of ['SIP/2.0/UDP 192.0.2.1', 'SIP/2.0/UDP 192.0.2.1;branch=1']) {
      const { key } = keyOf(request('INVITE', { via }));
      expect(keyOf(request('ACK', { via, to: '<sip:a@example.test>;tag=ours' })).key).to.equal(key);
      expect(keyOf(request('INVITE', { via, cseq: 2 })).key).to.not.equal(key);
      expect(keyOf(request('INVITE', { via, callId: 'c2' })).key).to.not.equal(key);
      expect(keyOf(request('INVITE', { via, uri: 'sip:z@example.test' })).key).to.not.equal(key);
    }
  });

  it('knows a request that came by two ways, outside of dialogs (§8.2.2.2)', () => {
    const other = 'SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKother';
    expect(mergeKey(request('MESSAGE', { via: other }))).to.equal(mergeKey(request('MESSAGE')));
    expect(mergeKey(request('MESSAGE', { cseq: 2 }))).to.not.equal(mergeKey(request('MESSAGE')));
    expect(mergeKey(request('MESSAGE', { to: '<sip:a@example.test>;tag=1' }))).to.equal(undefined);
  });

  it('reads the tag after the URI only', () => {
    expect(tagOf('<sip:a@example.test;tag=no>')).to.equal('');
    expect(tagOf('"x;tag=no" <sip:a@example.test>;a=b; Tag = yes ;c')).to.equal('yes');
    expect(tagOf('sip:a@example.test;tag=bare')).to.equal('bare');
    expect(tagOf(undefined)).to.equal('');
  });
});
