import { expect } from 'chai';
import { secureContact } from '../../../src/engine/user-agent/secure-contact.ts';

const OURS = '<sip:192.0.2.1:5061;transport=tls>';

describe('our Contact over TLS', () => {
  it('is a sip URI that says TLS, which everybody understands', () => {
    for (const addressed of [
      'sip:bob@example.test',
      '<sip:proxy.test;lr>',
      '"sips" <sip:bob@x>',
      undefined,
    ]) {
      expect(secureContact(OURS, addressed)).to.equal(OURS);
    }
  });

  it('is a sips URI where the other end is addressed by one (RFC 3261 §8.1.1.8, §12.1.1)', () => {
    for (const addressed of ['sips:bob@example.test', '<sips:proxy.test;lr>', '"Bob" <SIPS:bob@x>;a=b']) {
      expect(secureContact(OURS, undefined, addressed)).to.equal('<sips:192.0.2.1:5061>');
    }
    expect(secureContact('<sip:[::1]:5061;transport=tls>', 'sips:bob@x')).to.equal('<sips:[::1]:5061>');
  });

  it('is none over what is not TLS: it would lead nowhere', () => {
    for (const contact of ['<sip:192.0.2.1:5060>', '<sip:192.0.2.1:5060;transport=tcp>']) {
      expect(secureContact(contact, 'sips:bob@x')).to.equal(contact);
    }
  });
});
