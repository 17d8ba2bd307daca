import { expect } from 'chai';
import {
  ADDRESS_OF_RECORD_LIMITS,
  AddressOfRecord,
  InvalidAddressOfRecord,
} from '../../src/core/address-of-record.ts';

describe('AddressOfRecord', () => {
  it('leaves out port, password, parameters and headers', () => {
    const uri = 'sips:alice:secret@Example.COM:5061;transport=tcp?subject=x';
    expect(AddressOfRecord.parse(uri).toString()).to.equal('sip:alice@example.com');
  });

  it('compares the user with case and the host without', () => {
    const alice = AddressOfRecord.parse('sip:alice@example.com');
    expect(alice.equals(AddressOfRecord.parse('sip:alice@EXAMPLE.com'))).to.equal(true);
    expect(alice.equals(AddressOfRecord.parse('sip:Alice@example.com'))).to.equal(false);
  });

  it('undoes escapes that were not needed and keeps those that were', () => {
    expect(AddressOfRecord.parse('sip:%61lice%40home@example.com').toString()).to.equal(
      'sip:alice%40home@example.com',
    );
  });

  it('takes telephone numbers, IPv4 and IPv6 hosts', () => {
    for (const uri of ['sip:+49301234567@example.com', 'sip:bob@192.0.2.7', 'sip:bob@[2001:db8::7]']) {
      expect(AddressOfRecord.parse(uri).toString()).to.equal(uri);
    }
  });

  it('refuses what has no user, no host, another scheme, or characters that end a header', () => {
    const bad = [
      '',
      'sip:example.com',
      'sip:@example.com',
      'alice@example.com',
      'tel:+4930',
      'sip:alice@',
      'sip:alice@example.com\r\nX: y',
      'sip:al ice@example.com',
      'sip:<alice>@example.com',
      `sip:${'a'.repeat(ADDRESS_OF_RECORD_LIMITS.user + 1)}@example.com`,
    ];
    for (const uri of bad) {
      expect(() => AddressOfRecord.parse(uri), uri).to.throw(InvalidAddressOfRecord);
    }
  });
});
