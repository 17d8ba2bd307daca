import { expect } from 'chai';
import fc from 'fast-check';
import type { CpimMessage } from '../../src/im/cpim.ts';
import { MalformedCpim, emptyCpim, mimeHeader, subjectOf } from '../../src/im/cpim.ts';
import { escapeControls } from '../../src/im/cpim-escapes.ts';
import { parseCpim } from '../../src/im/cpim-parser.ts';
import { formatCpim } from '../../src/im/cpim-writer.ts';
import { imdnHeaders } from '../../src/im/imdn.ts';
import { IM_LIMITS } from '../../src/im/limits.ts';
import { fixture, fixtures } from './fixtures.ts';

const read = (name: string): CpimMessage => parseCpim(fixture('cpim/valid', name));

describe('CPIM parser', () => {
  it('reads the example of RFC 3862', () => {
    const message = read('rfc3862-example');
    expect(message.from).to.deep.equal({ displayName: 'MR SANDERS', uri: 'im:piglet@100akerwood.com' });
    expect(message.to).to.deep.equal([{ displayName: 'Depressed Donkey', uri: 'im:eeyore@100akerwood.com' }]);
    expect(message.dateTime).to.equal(Date.UTC(2000, 11, 13, 21, 40, 0));
    expect(message.dateTimeText).to.equal('2000-12-13T13:40:00-08:00');
    expect(message.subjects).to.deep.equal([
      { text: 'the weather will be fine today', language: null },
      { text: "beau temps prevu pour aujourd'hui", language: 'fr' },
    ]);
    expect([...message.namespaces]).to.deep.equal([['MyFeatures', 'mid:MessageFeatures@id.foo.com']]);
    expect(message.require).to.deep.equal(['MyFeatures.VitalMessageOption']);
    expect(message.headers).to.deep.equal([
      { name: 'MyFeatures.VitalMessageOption', value: 'Confirmation-requested' },
      { name: 'MyFeatures.WackyMessageOption', value: 'Use-silly-font' },
    ]);
    expect(message.contentType).to.equal('text/xml; charset=utf-8');
    expect(mimeHeader(message, 'content-id')).to.equal('<1234567890@foo.com>');
    expect(message.content.toString()).to.equal('<body>\r\nHere is the text of my message.\r\n</body>');
  });

  it('takes bare LF in the MIME part, a raw UTF-8 name and an empty transfer encoding', () => {
    const message = read('bare-lf-in-mime-part');
    expect(message.from).to.deep.equal({ displayName: 'Zoë Müller', uri: 'sip:zoe@example.com' });
    expect(message.contentType).to.equal('text/plain; charset="utf8"');
    expect(mimeHeader(message, 'Content-Transfer-Encoding')).to.equal('');
    expect(message.content.toString()).to.equal('Grüße\nzweite Zeile');
    expect(message.dateTime).to.equal(Date.UTC(2026, 10, 21, 14, 3, 5, 123));
    expect(imdnHeaders(message)).to.deep.equal({
      messageId: '5d1f',
      dispositions: ['positive-delivery', 'display'],
    });
  });

  it('takes bare LF everywhere, and To before From', () => {
    const message = read('bare-lf-everywhere');
    expect(message.from?.uri).to.equal('sip:bob@example.com');
    expect(message.to).to.deep.equal([{ displayName: 'Alice', uri: 'sip:alice@example.com' }]);
    expect(message.content.toString()).to.equal('hello');
  });

  it('takes an empty line more between the parts', () => {
    const message = read('extra-crlf');
    expect(message.contentType).to.equal('text/plain;charset=UTF-8');
    expect(message.content.toString()).to.equal('hello');
  });

  it('reads several recipients, names in any case, escapes, and keeps foreign headers', () => {
    const message = read('several-recipients');
    expect(message.from?.displayName).to.equal('Bob "the \\ builder"');
    expect(message.to.map(({ uri }) => uri)).to.deep.equal([
      'sip:alice@example.com',
      'sip:carol@example.com',
    ]);
    expect(message.cc.map(({ uri }) => uri)).to.deep.equal(['sip:dave@example.com']);
    expect(subjectOf(message)).to.equal('café \\ bar');
    expect(message.headers).to.deep.equal([{ name: 'X-Unknown', value: 'kept; as=it stands' }]);
    expect(message.content.toString()).to.equal('hi\r\n');
  });

  it('takes content without MIME headers for text/plain, even when it looks like a header', () => {
    const message = read('no-mime-headers');
    expect(message.contentType).to.equal('text/plain');
    expect(message.content.toString()).to.equal('Not a header: just words');
  });

  it('takes MIME headers that stand among the message headers', () => {
    const message = read('mime-headers-merged');
    expect(message.contentType).to.equal('text/plain');
    expect(message.headers).to.deep.equal([]);
    expect(message.content.toString()).to.equal('hello: not a header');
  });

  it('keeps binary content byte for byte, whatever Content-Length says', () => {
    const message = read('binary-content');
    expect([...message.content]).to.deep.equal([0, 255, 13, 10]);
    expect(mimeHeader(message, 'Content-Length')).to.equal('4');
  });

  it('takes an empty content', () => {
    expect(read('empty-content').content).to.have.length(0);
  });

  for (const [name, bytes] of fixtures('cpim/invalid')) {
    it(`refuses ${name}`, () => {
      expect(() => parseCpim(bytes)).to.throw(MalformedCpim);
    });
  }

  it('reads as many headers as the limit allows, and not one more', () => {
    const headers = (count: number): Buffer =>
      Buffer.from(`${'X: y\r\n'.repeat(count)}\r\nContent-Type: text/plain\r\n\r\nx`);
    expect(parseCpim(headers(IM_LIMITS.cpimHeaders)).content.toString()).to.equal('x');
    expect(() => parseCpim(headers(IM_LIMITS.cpimHeaders + 1))).to.throw(MalformedCpim);
  });

  it('survives every valid message cut at every byte', () => {
    for (const bytes of fixtures('cpim/valid').values()) {
      for (let length = 0; length < bytes.length; length++) {
        try {
          const message = parseCpim(bytes.subarray(0, length));
          expect(message.content.length).to.be.at.most(length);
        } catch (error) {
          expect(error).to.be.instanceOf(MalformedCpim);
        }
      }
    }
  });

  it('survives random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        try {
          parseCpim(Buffer.from(noise));
        } catch (error) {
          expect(error).to.be.instanceOf(MalformedCpim);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('reads a megabyte of headers or of empty lines without delay', () => {
    const started = performance.now();
    expect(() => parseCpim(Buffer.from('A: b\r\n'.repeat(200_000)))).to.throw(MalformedCpim);
    expect(() => parseCpim(Buffer.from('\r\n'.repeat(500_000)))).to.throw(MalformedCpim);
    expect(() => parseCpim(Buffer.alloc(1_000_000, 'a'))).to.throw(MalformedCpim);
    expect(performance.now() - started).to.be.below(1_000);
  });
});

describe('CPIM writer', () => {
  it('writes CRLF, bracketed addresses and the headers in their usual order', () => {
    const bytes = formatCpim({
      ...emptyCpim,
      from: { displayName: '', uri: 'sip:bob@example.com' },
      to: [{ displayName: 'Alice "A"', uri: 'sip:alice@example.com' }],
      cc: [{ displayName: '', uri: 'sip:carol@example.com' }],
      dateTime: Date.UTC(2026, 10, 21, 14, 3, 5),
      subjects: [{ text: 'a \\ b', language: null }],
      namespaces: new Map([['imdn', 'urn:ietf:params:imdn']]),
      headers: [{ name: 'imdn.Message-ID', value: 'm1' }],
      contentType: 'text/plain; charset=utf-8',
      mimeHeaders: [{ name: 'Content-ID', value: '<c1>' }],
      content: Buffer.from('hé\n'),
    });
    expect(bytes.toString()).to.equal(
      [
        'From: <sip:bob@example.com>',
        'To: "Alice \\"A\\"" <sip:alice@example.com>',
        'cc: <sip:carol@example.com>',
        'DateTime: 2026-11-21T14:03:05.000Z',
        'Subject: a \\\\ b',
        'NS: imdn <urn:ietf:params:imdn>',
        'imdn.Message-ID: m1',
        '',
        'Content-Type: text/plain; charset=utf-8',
        'Content-ID: <c1>',
        '',
        'hé\n',
      ].join('\r\n'),
    );
  });

  it('lets no value begin a header of its own (header injection)', () => {
    const evil = 'x\r\nFrom: <sip:eve@example.com>\r\n\r\n\u2028\u0000';
    const message = parseCpim(
      formatCpim({
        ...emptyCpim,
        from: { displayName: evil, uri: `sip:bob@example.com>${evil}` },
        to: [],
        subjects: [{ text: evil, language: evil }],
        headers: [
          { name: `X:${evil}`, value: evil },
          { name: 'X', value: evil, parameters: evil },
          { name: 'From', value: 'eve' },
          { name: 'Content-Type', value: 'text/html' },
        ],
        namespaces: new Map([[evil, evil]]),
        require: [evil],
        contentType: `text/plain${evil}`,
      }),
    );
    expect(message.from?.uri).to.match(/^sip:bob@example.com%3E/);
    expect(message.from?.displayName).to.equal(evil);
    expect(message.headers.map(({ name }) => name)).to.deep.equal(['X']);
    expect(message.subjects).to.deep.equal([{ text: evil, language: null }]);
    expect([message.namespaces.size, message.require]).to.deep.equal([0, []]);
    expect(message.mimeHeaders).to.deep.equal([]);
    expect(message.content).to.have.length(0);
  });

  it('writes what the parser reads back', () => {
    const text = fc
      .string({ unit: 'grapheme', maxLength: 20 })
      .map((each) => each.replace(/^[ \t]+|[ \t]+$/g, ''));
    const value = text.map((each) => escapeControls(each.replace(/[\t]/g, '')));
    const uri = fc.stringMatching(/^sip:[a-z0-9._-]{1,10}@[a-z]{1,8}\.test$/);
    const address = fc.record({ displayName: text, uri });
    const name = fc.stringMatching(/^[a-z!#$%&'*+^_`|~-]{1,8}$/).map((each) => `x${each}`);
    const prefixed = fc.tuple(name, name).map(([prefix, local]) => `${prefix}.${local}`);
    const parameters = fc
      .constantFrom('', ';a=b', ';a="b; \\" c";d=e')
      .map((each) => (each === '' ? {} : { parameters: each }));
    const header = fc
      .record({ name: fc.oneof(name, prefixed), value })
      .chain((each) => parameters.map((more) => ({ ...each, ...more })));
    const dateTime = fc.option(fc.integer({ min: 0, max: 4e12 })).map((at) => ({
      dateTime: at,
      dateTimeText: at === null ? null : new Date(at).toISOString(),
    }));
    const mimeHeader = fc.record({
      name: fc.constantFrom('Content-ID', 'Content-Disposition', 'Content-Language', 'MIME-Version'),
      value: fc.stringMatching(/^[!-~À-ÿ€]{0,9}$/),
    });
    const arbitrary = fc
      .record({
        from: fc.option(address),
        to: fc.array(address, { minLength: 1, maxLength: 3 }),
        cc: fc.array(address, { maxLength: 2 }),
        subjects: fc.array(
          fc.record({ text, language: fc.option(fc.constantFrom('fr', 'zh-Hant', 'de-CH-1996')) }),
          { maxLength: 3 },
        ),
        namespaces: fc
          .array(fc.tuple(fc.oneof(fc.constant(''), name), fc.constantFrom('urn:x', 'mid:a@b.test')))
          .map((pairs) => new Map(pairs)),
        require: fc.array(fc.oneof(name, prefixed), { maxLength: 3 }),
        headers: fc.array(header, { maxLength: 4 }),
        mimeHeaders: fc.array(mimeHeader, { maxLength: 3 }),
        contentType: fc.constantFrom('text/plain', 'text/html; charset=utf-8', 'a/b; c="d;e"'),
        content: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
      })
      .chain((parts) => dateTime.map((date) => ({ ...emptyCpim, ...parts, ...date })));
    fc.assert(
      fc.property(arbitrary, (message: CpimMessage) => {
        expect(parseCpim(formatCpim(message))).to.deep.equal(message);
      }),
      { numRuns: 500 },
    );
  });
});

describe('IMDN headers of a CPIM message', () => {
  const bytes = (lines: string[]): Buffer => Buffer.from([...lines, '', '', 'x'].join('\r\n'));

  it('are found under the prefix that NS gives them', () => {
    const message = parseCpim(
      bytes([
        'From: <sip:b@e.test>',
        'NS: d <urn:ietf:params:imdn>',
        'd.Message-ID: 1',
        'imdn.Message-ID: 2',
      ]),
    );
    expect(imdnHeaders(message).messageId).to.equal('1');
  });

  it('are found under `imdn` when NS is left out', () => {
    expect(imdnHeaders(parseCpim(bytes(['imdn.Message-ID: 2']))).messageId).to.equal('2');
  });

  it('are none when there are none', () => {
    expect(imdnHeaders(parseCpim(bytes(['From: <sip:b@e.test>'])))).to.deep.equal({
      messageId: null,
      dispositions: [],
    });
  });
});
