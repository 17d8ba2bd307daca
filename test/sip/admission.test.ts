import ipaddr from 'ipaddr.js';
import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { AdmissionPolicy } from '../../src/sip/admission.ts';
import { admit } from '../../src/sip/admission.ts';
import { isOwnMessage } from '../../src/sip/loop.ts';
import { SipRefusal } from '../../src/sip/refusal.ts';
import { TrustedProxies } from '../../src/sip/trust.ts';
import { sipRequest } from '../doubles/sip-request.ts';

const policy: AdmissionPolicy = {
  domains: new Set(['example.test']),
  messageAccount: AddressOfRecord.parse('sip:mailbox@example.test'),
  trustedProxies: new TrustedProxies([ipaddr.parseCIDR('127.0.0.0/8'), ipaddr.parseCIDR('2001:db8::/32')]),
  depositFrom: 'trusted',
};

function statusOf(act: () => unknown): number {
  try {
    act();
  } catch (error) {
    if (error instanceof SipRefusal) return error.status;
    throw error;
  }
  return 200;
}

function ownerOf(request: Parameters<typeof sipRequest>[0]): string {
  return admit(sipRequest(request), policy).owner.toString();
}

describe('the callee', () => {
  it('is the Request-URI when it is a user of a served domain', () => {
    const headers = { To: '<sip:carol@example.test>' };
    expect(ownerOf({ uri: 'sip:alice@example.test;transport=tcp', headers })).to.equal(
      'sip:alice@example.test',
    );
  });

  it('is the latest diverted target in History-Info when the Request-URI is a contact', () => {
    const history =
      '<sip:old@example.test>;index=1, <sip:alice@example.test?Reason=SIP%3Bcause%3D302>;index=1.1, <sip:x@192.0.2.1>;index=1.1.1';
    const headers = { To: '<sip:old@example.test>', 'History-Info': history };
    expect(ownerOf({ uri: 'sip:alice@192.0.2.9:49152', headers })).to.equal('sip:alice@example.test');
  });

  it('is the topmost Diversion when there is no History-Info', () => {
    const diversion = '"Alice" <sip:alice@example.test>;reason=unavailable, <sip:first@example.test>';
    const headers = { To: '<sip:first@example.test>', Diversion: diversion };
    expect(ownerOf({ uri: 'sip:u7@192.0.2.9', headers })).to.equal('sip:alice@example.test');
  });

  it('is To when nothing else tells', () => {
    expect(ownerOf({ uri: 'sip:u7@192.0.2.9:5062' })).to.equal('sip:alice@example.test');
  });

  it('is not a contact address whose host is served too', () => {
    const everywhere = { ...policy, domains: new Set(['example.test', '127.0.0.1']) };
    const request = sipRequest({ uri: 'sip:device7@127.0.0.1:5062' });
    expect(admit(request, everywhere).owner.toString()).to.equal('sip:alice@example.test');
    const bare = sipRequest({ uri: 'sip:bob@127.0.0.1', headers: { To: '<sip:bob@127.0.0.1>' } });
    expect(admit(bare, everywhere).owner.toString()).to.equal('sip:bob@127.0.0.1');
  });

  it('of a domain not served gets 404', () => {
    const headers = { To: '<sip:alice@elsewhere.test>' };
    expect(statusOf(() => admit(sipRequest({ uri: 'sip:alice@elsewhere.test', headers }), policy))).to.equal(
      404,
    );
  });
});

describe('the caller', () => {
  it('with a telephone number is the same however it is written (evasion of a block)', () => {
    for (const number of ['tel:+34-911-23.45.67', 'TEL:+34(911)234567', 'tel:+34911234567']) {
      const headers = { From: `<${number}>;tag=1` };
      const { caller } = admit(sipRequest({ uri: 'sip:alice@example.test', headers }), policy);
      expect(caller.uri).to.equal('tel:+34911234567');
    }
    const headers = { From: '<tel:7042;phone-context=example.com>;tag=1' };
    const { caller } = admit(sipRequest({ uri: 'sip:alice@example.test', headers }), policy);
    expect(caller.uri).to.equal('tel:7042;phone-context=example.com');
  });
});

describe('a retrieval', () => {
  const uri = 'sip:mailbox@example.test';

  it('goes by P-Asserted-Identity before From, by its SIP URI before its tel one', () => {
    const headers = {
      From: '<sip:anonymous@anonymous.invalid>;tag=1',
      'P-Asserted-Identity': '<tel:+49301>, "Alice" <sip:alice@example.test>',
    };
    expect(ownerOf({ uri, headers })).to.equal('sip:alice@example.test');
    expect(ownerOf({ uri, headers: { From: '<sip:bob@example.test>;tag=1' } })).to.equal(
      'sip:bob@example.test',
    );
  });

  it('from an untrusted source gets 403, whatever it asserts', () => {
    const headers = { 'P-Asserted-Identity': '<sip:alice@example.test>' };
    expect(statusOf(() => admit(sipRequest({ uri, headers, source: '192.0.2.66' }), policy))).to.equal(403);
  });

  it('by somebody without a mailbox here gets 403', () => {
    for (const from of ['<sip:eve@elsewhere.test>', '<tel:+4930>', '<sip:mailbox@example.test>']) {
      expect(
        statusOf(() => admit(sipRequest({ uri, headers: { From: from } }), policy)),
        from,
      ).to.equal(403);
    }
  });
});

describe('a deposit', () => {
  it('from an untrusted source gets 403 unless the operator lets anyone', () => {
    const request = sipRequest({ source: '192.0.2.66' });
    expect(statusOf(() => admit(request, policy))).to.equal(403);
    expect(admit(request, { ...policy, depositFrom: 'anyone' }).kind).to.equal('deposit');
  });

  it('from an untrusted source is never believed its asserted identity', () => {
    const headers = { 'P-Asserted-Identity': '<sip:boss@example.test>' };
    const request = sipRequest({ source: '192.0.2.66', headers });
    expect(admit(request, { ...policy, depositFrom: 'anyone' }).caller.uri).to.equal('sip:bob@example.test');
  });

  it('with an unreadable From gets 400', () => {
    expect(statusOf(() => admit(sipRequest({ headers: { From: 'nobody' } }), policy))).to.equal(400);
  });
});

describe('trust', () => {
  it('covers IPv4, IPv6 and IPv4 mapped into IPv6, and nothing that is no address', () => {
    const { trustedProxies } = policy;
    expect(
      ['127.1.2.3', '::ffff:127.0.0.1', '2001:db8::9'].map((a) => trustedProxies.trusts(a)),
    ).to.deep.equal([true, true, true]);
    expect(['128.0.0.1', '2001:db9::1', '', 'localhost'].map((a) => trustedProxies.trusts(a))).to.deep.equal([
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('one of our own MESSAGEs that came back', () => {
  it('is known by its mark, and by its sender when the mark was lost', () => {
    const caller = { uri: 'sip:x@example.test', addressOfRecord: undefined, displayName: '' };
    const marked = sipRequest({ headers: { 'X-Text-Mailbox-Delivery': 'yes' } });
    expect(isOwnMessage(marked, caller, policy.messageAccount)).to.equal(true);
    const ours = { ...caller, addressOfRecord: policy.messageAccount };
    expect(isOwnMessage(sipRequest(), ours, policy.messageAccount)).to.equal(true);
    expect(isOwnMessage(sipRequest(), caller, policy.messageAccount)).to.equal(false);
  });
});
