import { expect } from 'chai';
import { MalformedCSeq, parseCSeq } from '../../../src/engine/message/cseq.ts';
import { formatNameAddress, parseNameAddress } from '../../../src/engine/message/name-address.ts';
import { reasonPhrase } from '../../../src/engine/message/reason-phrases.ts';
import { splitList } from '../../../src/engine/message/split-list.ts';
import { MalformedUri, formatUri, parseUri } from '../../../src/engine/message/uri.ts';
import { MalformedVia, formatVia, parseVia } from '../../../src/engine/message/via.ts';

describe('SIP URI (RFC 3261 §19.1)', () => {
  it('is taken apart', () => {
    expect(parseUri('sip:alice:secret@atlanta.example:5070;transport=TCP;lr?subject=a&to=b')).to.deep.equal({
      scheme: 'sip',
      user: 'alice:secret',
      host: 'atlanta.example',
      port: 5070,
      params: new Map([
        ['transport', 'TCP'],
        ['lr', ''],
      ]),
      headers: 'subject=a&to=b',
    });
    expect(parseUri('SIPS:[2001:db8::1]')).to.deep.equal({
      scheme: 'sips',
      host: '2001:db8::1',
      params: new Map(),
      headers: '',
    });
  });

  it('may have semicolons, question marks and escapes in its user', () => {
    expect(parseUri('sip:alice;day=tuesday@atlanta.example').user).to.equal('alice;day=tuesday');
    expect(parseUri('sip:+1201;ext=3?x@gw.example;user=phone').user).to.equal('+1201;ext=3?x');
    expect(parseUri('sip:%61lice@atlanta.example').user).to.equal('%61lice');
  });

  it('has two colons where the grammar of RFC 3261 lets some write three (RFC 5118 §4.10)', () => {
    expect(formatUri(parseUri('sip:a@[2001:db8:::192.0.2.1]'))).to.equal('sip:a@[2001:db8::192.0.2.1]');
    expect(parseVia('SIP/2.0/UDP [2001:db8:::192.0.2.1]').host).to.equal('2001:db8::192.0.2.1');
  });

  it('has the first of two parameters of one name', () => {
    expect(parseUri('sip:a@b;x=1;X=2').params).to.deep.equal(new Map([['x', '1']]));
  });

  it('is written as it was read', () => {
    for (const text of [
      'sip:alice@atlanta.example',
      'sip:[::1]:5060;transport=udp;maddr=239.255.255.1;ttl=15',
      'sips:a@b.example;lr;x=[2001:db8::1]?h=1',
    ]) {
      expect(formatUri(parseUri(text))).to.equal(text);
    }
  });

  it('is no other text', () => {
    for (const text of [
      '',
      'sip:',
      'tel:+1',
      'sip:a@',
      'sip:a@b:99999',
      'sip:a@b:x',
      'sip:a b@c',
      'sip:a@b>',
      'sip:a@b@c',
      'sip:[1]',
      'sip:[::1::2]',
      'sip:[2001:db8::::1]',
      'x',
    ]) {
      expect(() => parseUri(text), text).to.throw(MalformedUri);
    }
  });
});

describe('name-addr (RFC 3261 §20.10)', () => {
  it('has a name in quotes, with escapes, commas and brackets', () => {
    expect(parseNameAddress('"Bob, \\"the\\" <b> \\\\" <sip:bob@b.example;lr>;tag=1;x="a;b"')).to.deep.equal({
      displayName: 'Bob, "the" <b> \\',
      uri: 'sip:bob@b.example;lr',
      params: new Map([
        ['tag', '1'],
        ['x', '"a;b"'],
      ]),
    });
  });

  it('has a name of bare words, in any script, or none', () => {
    expect(parseNameAddress('Zoë 你好 <sip:z@b.example>').displayName).to.equal('Zoë 你好');
    expect(parseNameAddress('<tel:+1>')).to.deep.equal({ displayName: '', uri: 'tel:+1', params: new Map() });
  });

  it('without brackets gives its parameters to the header', () => {
    expect(parseNameAddress('sip:bob@b.example ;   tag    = 19')).to.deep.equal({
      displayName: '',
      uri: 'sip:bob@b.example',
      params: new Map([['tag', '19']]),
    });
  });

  it('names nobody when broken', () => {
    for (const text of [
      '',
      'bob',
      '"Bob <sip:bob@b.example>',
      '"Bob"',
      '<sip:bob@b.example',
      '*',
      'sip:a@b?c=d',
      'sip:a,b@c',
    ]) {
      expect(() => parseNameAddress(text), text).to.throw('not a name-addr');
    }
  });

  it('is read as it was written', () => {
    const address = { displayName: 'a "b" \\ <c>', uri: 'sip:d@e.example', params: new Map([['tag', 'f']]) };
    expect(parseNameAddress(formatNameAddress(address))).to.deep.equal(address);
  });
});

describe('Via (RFC 3261 §20.42)', () => {
  it('is taken apart, blanks and all', () => {
    expect(
      parseVia('SIP  /   2.0 /tcp [2001:db8::9] : 5070 ; branch = z9hG4bKa ;rport; received=[2001:db8::1]'),
    ).to.deep.equal({
      transport: 'TCP',
      host: '2001:db8::9',
      port: 5070,
      params: new Map([
        ['branch', 'z9hG4bKa'],
        ['rport', ''],
        ['received', '[2001:db8::1]'],
      ]),
    });
    expect(parseVia('SIP/2.0/UNKNOWN host.example').transport).to.equal('UNKNOWN');
    expect(parseVia("SIP/2.0/a!b'c host.example").transport).to.equal("A!B'C");
    expect(parseVia('SIP/2.0/UDP a;x=";;";branch=b;').params.get('branch')).to.equal('b');
    expect(parseVia('SIP/2.0/UDP a ; branch = z9hG4bKa+/== ; rport ; ').params.get('branch')).to.equal(
      'z9hG4bKa+/==',
    );
  });

  it('is written in its plainest form', () => {
    expect(formatVia(parseVia('SIP / 2.0 / UDP  [::1] : 5070 ; rport ; branch = a'))).to.equal(
      'SIP/2.0/UDP [::1]:5070;rport;branch=a',
    );
  });

  it('is no other text', () => {
    for (const text of [
      '',
      'SIP/2.0/UDP',
      'SIP/3.0/UDP a',
      'HTTP/1.1 a',
      'SIP/2.0/UDP a:99999',
      'SIP/2.0/UDP a b',
      'SIP/2.0/UDP a;;branch=b',
      'SIP/2.0/UDP a;x=a a";y="a',
      'SIP/2.0/UDP a;x="y',
      'SIP/2.0/UDP a;branch=b c',
      'SIP/2.0/UDP a;x="\\""; ;branch=b',
      'SIP/2.0/UDP [1]',
    ]) {
      expect(() => parseVia(text), text).to.throw(MalformedVia);
    }
  });
});

describe('CSeq (RFC 3261 §20.16)', () => {
  it('is a number below 2**32 and a method', () => {
    expect(parseCSeq(' 0009  INVITE ')).to.deep.equal({ sequence: 9, method: 'INVITE' });
    expect(parseCSeq('0000000000000000000007 X').sequence).to.equal(7);
    expect(parseCSeq('4294967295 X').sequence).to.equal(2 ** 32 - 1);
    for (const text of ['', '1', 'INVITE', '-1 INVITE', '4294967296 INVITE', '1.5 INVITE', '1 INVITE x']) {
      expect(() => parseCSeq(text), text).to.throw(MalformedCSeq);
    }
  });
});

describe('header lists (RFC 3261 §7.3.1)', () => {
  it('are parted outside of quotes and brackets only', () => {
    expect(splitList('a, "b, \\", c" <d,e> , <f"g,h> ,i')).to.deep.equal([
      'a',
      '"b, \\", c" <d,e>',
      '<f"g,h>',
      'i',
    ]);
  });

  it('have no empty members', () => {
    expect(splitList('')).to.deep.equal([]);
    expect(splitList(' , ,a,, ')).to.deep.equal(['a']);
  });
});

describe('reason phrases', () => {
  it('are those of the RFCs, or of the class', () => {
    expect(reasonPhrase(489)).to.equal('Bad Event');
    expect(reasonPhrase(499)).to.equal('Client Error');
    expect(reasonPhrase(299)).to.equal('OK');
    expect(reasonPhrase(0)).to.equal('');
  });
});
