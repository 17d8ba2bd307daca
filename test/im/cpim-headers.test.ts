import { expect } from 'chai';
import fc from 'fast-check';
import type { CpimMessage } from '../../src/im/cpim.ts';
import { MalformedCpim, emptyCpim, mimeHeader, subjectOf } from '../../src/im/cpim.ts';
import { escapeCpim, unescapeCpim } from '../../src/im/cpim-escapes.ts';
import { parseCpim } from '../../src/im/cpim-parser.ts';
import { formatCpim } from '../../src/im/cpim-writer.ts';
import { formatDateTime, isDateTime, readDateTime } from '../../src/im/date-time.ts';
import { imdnHeaders } from '../../src/im/imdn.ts';
import { IM_LIMITS } from '../../src/im/limits.ts';
import { unwrapCpim } from '../../src/im/storable.ts';
import { fixture, fixtures } from './fixtures.ts';

const read = (name: string): CpimMessage => parseCpim(fixture('cpim/valid', name));
const withHeaders = (...lines: string[]): CpimMessage =>
  parseCpim(Buffer.from([...lines, '', 'Content-Type: text/plain', '', 'x'].join('\r\n')));

describe('the headers of a CPIM message', () => {
  it('are read all', () => {
    const { content, ...message } = read('all-headers');
    expect(message).to.deep.equal({
      from: { displayName: 'Bob "B" \\ Ö', uri: 'sip:bob@example.com' },
      to: [
        { displayName: 'Alice', uri: 'sip:alice@example.com' },
        { displayName: 'Zoë', uri: 'sip:zoe@example.com' },
      ],
      cc: [{ displayName: '', uri: 'sip:carol@example.com' }],
      dateTime: Date.UTC(2026, 10, 21, 19, 3, 5, 250),
      dateTimeText: '2026-11-21T14:03:05.25-05:00',
      subjects: [
        { text: 'news', language: null },
        { text: 'nouvelles', language: 'fr' },
        { text: 'Neuigkeiten', language: 'de-CH' },
      ],
      namespaces: new Map([
        ['', 'urn:example:ours'],
        ['imdn', 'urn:ietf:params:imdn'],
        ['MyFeatures', 'mid:MessageFeatures@id.example.com'],
      ]),
      require: ['MyFeatures.Vital', 'imdn.Message-ID'],
      headers: [
        { name: 'imdn.Message-ID', value: '34jk324j' },
        { name: 'imdn.Disposition-Notification', value: 'positive-delivery, display' },
        { name: 'MyFeatures.Vital', value: 'yes' },
        { name: 'Colour', value: 'of the default namespace' },
      ],
      contentType: 'text/plain; charset=utf-8; format=flowed',
      mimeHeaders: [
        { name: 'MIME-Version', value: '1.0' },
        { name: 'Content-ID', value: '<1@example.com>' },
        { name: 'Content-Disposition', value: 'render' },
        { name: 'Content-Language', value: 'fr' },
        { name: 'Content-Transfer-Encoding', value: 'quoted-printable' },
        { name: 'Content-Length', value: '12' },
      ],
    });
    expect(content.toString()).to.equal('caf=C3=A9=\r\n au lait');
    expect(unwrapCpim('message/cpim', fixture('cpim/valid', 'all-headers')).content.toString()).to.equal(
      'café au lait',
    );
  });

  it('are known under a prefix that NS gives their own namespace (§3.4)', () => {
    const message = read('prefixed-headers-of-its-own');
    expect([message.from?.uri, message.to[0]?.uri, subjectOf(message)]).to.deep.equal([
      'sip:bob@example.com',
      'sip:alice@example.com',
      'prefixed',
    ]);
    expect(message.headers).to.deep.equal([{ name: 'c.Colour', value: 'none of ours' }]);
  });

  it('are known without a prefix though NS names another default namespace', () => {
    const message = read('default-namespace');
    expect(subjectOf(message)).to.equal('still a subject');
    expect(imdnHeaders(message)).to.deep.equal({ messageId: 'd1', dispositions: ['display'] });
  });

  it('have their escapes undone (§2.3), and only they', () => {
    const message = read('escapes');
    expect(message.from?.displayName).to.equal('tab\t quote" apostrophe\' backslash\\ bell\u0007');
    expect(subjectOf(message)).to.equal('one\r\ntwo\béq\\n');
    expect(message.headers).to.deep.equal([{ name: 'X.Raw', value: 'a\\tb' }]);
    expect(message.content.toString()).to.equal('\\n stays');
  });

  it('may have parameters, which stand right after the colon (§3.3)', () => {
    const message = read('parameters');
    expect(message.headers).to.deep.equal([
      { name: 'Test', value: 'CheckMe', parameters: ';aaa=bbb;yes="no; \\" x"' },
      { name: 'Plain', value: ';not=a parameter' },
      { name: 'Broken', value: ';a b' },
    ]);
    expect(message.subjects).to.deep.equal([
      { text: 'colour', language: 'en-GB' },
      { text: ';lang=fr is text', language: null },
    ]);
  });

  it('may be folded, though only MIME headers should be', () => {
    const message = read('folded');
    expect(message.from?.displayName).to.equal('Bob of Example');
    expect(subjectOf(message)).to.equal('one two');
    expect(message.contentType).to.equal('text/plain; charset=utf-8');
  });

  it('come below a Content-Type of message/cpim in the body itself', () => {
    const { contentType, content, wrappers } = unwrapCpim(
      'message/cpim',
      fixture('cpim/valid', 'type-on-top'),
    );
    expect([contentType, content.toString()]).to.deep.equal(['text/plain', 'hello']);
    expect(wrappers.map(subjectOf)).to.deep.equal([null, 'under the type']);
  });

  it('are those of the signed part in the RFC’s second example', () => {
    const message = read('rfc3862-signed-part');
    expect(message.cc).to.deep.equal([
      { displayName: 'Winnie the Pooh', uri: 'im:pooh@100akerwood.com' },
      { displayName: '', uri: 'im:tigger@100akerwood.com' },
    ]);
    expect(subjectOf(message)).to.equal('beau temps');
    expect(mimeHeader(message, 'Content-ID')).to.equal('<2345678901@foo.com>');
  });

  it('of one Subject where one is shown: the first of no particular language', () => {
    const text = (...lines: string[]): string | null =>
      subjectOf(withHeaders('From: <sip:b@e.test>', ...lines));
    expect(text('Subject:;lang=fr un', 'Subject: one', 'Subject: two')).to.equal('one');
    expect(text('Subject:;lang=fr un', 'Subject:;lang=de eins')).to.equal('un');
    expect(text()).to.equal(null);
  });

  const addresses: [string, string, string][] = [
    ['<sip:b@e.test>', '', 'sip:b@e.test'],
    ['sip:b@e.test', '', 'sip:b@e.test'],
    ['Bob B <sip:b@e.test>', 'Bob B', 'sip:b@e.test'],
    ['"Bob"<sip:b@e.test>', 'Bob', 'sip:b@e.test'],
    ['"" <sip:b@e.test>', '', 'sip:b@e.test'],
    ['"B <sip:c@e.test>" <sip:b@e.test>', 'B <sip:c@e.test>', 'sip:b@e.test'],
    ['"B" <sip:b@e.test', 'B', 'sip:b@e.test'],
    ['Zoë 🌍 <sip:b@e.test;x=y> ', 'Zoë 🌍', 'sip:b@e.test;x=y'],
    ['" <sip:b@e.test>', '"', 'sip:b@e.test'],
    ['', '', ''],
  ];
  for (const [value, displayName, uri] of addresses) {
    it(`take ${JSON.stringify(value)} for an address`, () => {
      expect(withHeaders(`From: ${value}`).from).to.deep.equal({ displayName, uri });
    });
  }

  const namespaces: [string, [string, string]][] = [
    ['imdn <urn:x>', ['imdn', 'urn:x']],
    ['imdn<urn:x>', ['imdn', 'urn:x']],
    ['<urn:x>', ['', 'urn:x']],
    ['imdn urn:x', ['imdn', 'urn:x']],
    ['urn:x', ['', 'urn:x']],
    ['imdn <urn:x', ['imdn', 'urn:x']],
  ];
  for (const [value, expected] of namespaces) {
    it(`take ${JSON.stringify(value)} for a namespace`, () => {
      expect([...withHeaders(`NS: ${value}`).namespaces]).to.deep.equal([expected]);
    });
  }
});

describe('DateTime', () => {
  const at = Date.UTC(2026, 10, 21, 14, 3, 5);
  const times: [string, number | null, boolean][] = [
    ['2026-11-21T14:03:05Z', at, true],
    ['2026-11-21t14:03:05z', at, true],
    ['2026-11-21T15:03:05+01:00', at, true],
    ['2026-11-21T14:03:05.123456789012Z', at + 123, true],
    ['2026-11-21T14:03:05.5Z', at + 500, true],
    ['2026-11-21 14:03:05Z', at, false],
    ['2026-11-21T14:03:05,5Z', at + 500, false],
    ['2026-11-21T14:03:05', at, false],
    ['2026-11-21T15:03:05+0100', at, false],
    ['2026-11-21T15:03:05+01', at, false],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1), true],
    ['2026-13-21T14:03:05Z', null, false],
    ['yesterday', null, false],
    ['', null, false],
    ['1'.repeat(10_000), null, false],
  ];
  for (const [text, expected, byTheLetter] of times) {
    it(`${JSON.stringify(text.slice(0, 40))} is ${String(expected)}`, () => {
      expect([readDateTime(text), isDateTime(text)]).to.deep.equal([expected, byTheLetter]);
    });
  }

  it('is left out for a year of more or fewer than four digits', () => {
    expect(formatDateTime(8.64e15)).to.equal(null);
    expect(formatDateTime(-6.3e13)).to.equal(null);
    expect(formatDateTime(Number.NaN)).to.equal(null);
    expect(formatCpim({ ...emptyCpim, dateTime: 8.64e15 }).toString()).not.to.include('DateTime');
  });
});

describe('escapes of CPIM', () => {
  it('are undone for what they were made of, and leave no control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        expect(unescapeCpim(escapeCpim(text))).to.equal(text);
        expect(escapeCpim(text)).not.to.match(/[\p{Cc}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('leave everything else as it is', () => {
    expect(escapeCpim('"\' é 🌍 \u200f')).to.equal('"\' é 🌍 \u200f');
    expect(escapeCpim('\\ \b\t\n\r \u0000\u007f')).to.equal('\\\\ \\b\\t\\n\\r \\u0000\\u007f');
  });
});

describe('hostile CPIM', () => {
  it('mutated in any way is refused as such, or read; what was read can be written and read again', () => {
    const valid = [...fixtures('cpim/valid').values()];
    const mutation = fc.record({
      at: fc.nat(1_000),
      cut: fc.nat(20),
      insert: fc.uint8Array({ maxLength: 6 }),
    });
    fc.assert(
      fc.property(fc.constantFrom(...valid), fc.array(mutation, { maxLength: 5 }), (start, mutations) => {
        let bytes = start;
        for (const { at, cut, insert } of mutations) {
          const where = at % (bytes.length + 1);
          bytes = Buffer.concat([bytes.subarray(0, where), insert, bytes.subarray(where + cut)]);
        }
        let message: CpimMessage;
        try {
          message = parseCpim(bytes);
        } catch (error) {
          expect(error).to.be.instanceOf(MalformedCpim);
          return;
        }
        const written = formatCpim(message);
        // Too long for our own reader by its escapes; or nothing is left of headers whose names were none (§2: From is there).
        if (written.length - message.content.length > IM_LIMITS.cpimHeaderBytes) return;
        if (written.subarray(0, 2).equals(Buffer.from('\r\n'))) return;
        const again = parseCpim(written);
        expect(formatCpim(again).equals(written)).to.equal(true);
        expect(again.content.equals(message.content)).to.equal(true);
      }),
      { numRuns: 2_000 },
    );
  });

  // Each as long as headers may be, made for the part of the reader its name says (quadratic or exponential time).
  const room = IM_LIMITS.cpimHeaderBytes - 200;
  const long = (piece: string): string => piece.repeat(Math.floor(room / Buffer.byteLength(piece)));
  const attacks: Record<string, string> = {
    'a name without end': long('a'),
    colons: `X:${long(':')}`,
    'blanks before a colon': `X${long(' ')}:x`,
    'blanks in a value': `X: ${long(' ')}x`,
    'blanks and tabs in a value': `X: a${long(' \t')}x`,
    parameters: `Subject:${long(';a=b')}!`,
    'empty parameters': `Subject:${long(';a=')}!`,
    'quotes in parameters': `Subject:${long(';a="')}`,
    'escapes in a quoted parameter': `Subject:;a="${long('\\"')}`,
    languages: `Subject:${long(';lang=a')} x`,
    'brackets in an address': `From: ${long('<')}`,
    'pairs of brackets in an address': `From: ${long('<>')}`,
    'quotes in an address': `From: ${long('"')}<`,
    backslashes: `Subject: ${long('\\')}`,
    escapes: `Subject: ${long('\\u00')}`,
    'blanks in a namespace': `NS: a${long(' ')}b > c`,
    'brackets in a namespace': `NS: ${long('<a>')}`,
    'digits in a time': `DateTime: 2026-11-21T14:03:05.${long('1')}`,
    'blanks in a time': `DateTime: 2026-11-21T14:03:05${long(' ')}x`,
    commas: `Require: ${long(',')}`,
    'folded lines': `X: a\r\n${long(' b\r\n')}`.trimEnd(),
    'a type without end': `Content-Type: ${long('a/')}`,
  };
  for (const [name, line] of Object.entries(attacks)) {
    it(`is read in no time: ${name}`, () => {
      const bytes = Buffer.from(`${line}\r\n\r\nContent-Type: text/plain\r\n\r\nx`);
      expect(bytes.length).to.be.at.most(IM_LIMITS.cpimHeaderBytes);
      const started = performance.now();
      for (let run = 0; run < 10; run++) {
        try {
          formatCpim(parseCpim(bytes));
        } catch (error) {
          expect(error).to.be.instanceOf(MalformedCpim);
        }
      }
      // Quadratic time at this length is a second and more for ten.
      expect(performance.now() - started).to.be.below(400);
    });
  }
});
