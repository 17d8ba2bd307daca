import { expect } from 'chai';
import { headerSafe, parseNameAddress, splitHeaderList } from '../../src/sip/name-address.ts';

describe('a name-addr', () => {
  it('is read with a quoted, a bare and no display name', () => {
    expect(parseNameAddress('"Bob \\"the\\" B, Jr." <sip:bob@example.test;x=1>;tag=7')).to.deep.equal({
      displayName: 'Bob "the" B, Jr.',
      uri: 'sip:bob@example.test;x=1',
      parameters: ';tag=7',
    });
    expect(parseNameAddress('Bob Builder <sip:bob@example.test>')).to.deep.equal({
      displayName: 'Bob Builder',
      uri: 'sip:bob@example.test',
      parameters: '',
    });
    expect(parseNameAddress('sip:bob@example.test;tag=7')).to.deep.equal({
      displayName: '',
      uri: 'sip:bob@example.test',
      parameters: ';tag=7',
    });
  });

  it('is refused when it is none', () => {
    for (const value of ['', 'bob', '"Bob', '<', 'a b c']) {
      expect(parseNameAddress(value), value).to.equal(undefined);
    }
  });

  it('list is taken apart outside quotes and brackets only', () => {
    expect(
      splitHeaderList('"A, B" <sip:a@x.test;p="1,2">, <sip:b@x.test?h=1,2> ,sip:c@x.test'),
    ).to.deep.equal(['"A, B" <sip:a@x.test;p="1,2">', '<sip:b@x.test?h=1,2>', 'sip:c@x.test']);
  });

  it('loses what could end a header line when it is put into one', () => {
    expect(headerSafe('a\r\nX-Evil: b\0', 100)).to.equal('a  X-Evil: b ');
    expect(headerSafe('abcdef', 3)).to.equal('abc');
  });
});
