import { expect } from 'chai';
import fc from 'fast-check';
import { MalformedMessage } from '../../../src/engine/message/malformed-message.ts';
import { MalformedNameAddress, parseNameAddress } from '../../../src/engine/message/name-address.ts';
import { parseMessage } from '../../../src/engine/message/parse-message.ts';
import { serializeMessage } from '../../../src/engine/message/serialize-message.ts';
import { MalformedUri, parseUri } from '../../../src/engine/message/uri.ts';
import { MalformedVia, parseVia } from '../../../src/engine/message/via.ts';
import { sipFixtures } from './fixtures.ts';
import { anyMessage, plain } from './messages.ts';

/** Reads and swallows the one error that bad input may raise. */
function survive(work: () => unknown, allowed: new (...args: never[]) => Error): void {
  try {
    work();
  } catch (error) {
    expect(error).to.be.instanceOf(allowed);
  }
}

describe('SIP messages, whatever they are', () => {
  it('read as they were written', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(plain(parseMessage(serializeMessage(message)))).to.deep.equal(plain(message));
      }),
      { numRuns: 500 },
    );
  });

  it('read alike when written again', () => {
    for (const [name, bytes] of sipFixtures('valid')) {
      const message = parseMessage(bytes);
      expect(plain(parseMessage(serializeMessage(message))), name).to.deep.equal(plain(message));
    }
  });

  it('raise nothing but MalformedMessage, however they are spoilt', () => {
    const originals = [...sipFixtures('valid').values(), ...sipFixtures('invalid').values()].filter(
      ({ length }) => length > 0 && length < 4096,
    );
    const spoiling = fc.record({
      original: fc.constantFrom(...originals),
      place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      removed: fc.nat(30),
      inserted: fc.oneof(
        fc.uint8Array({ maxLength: 8 }),
        fc
          .constantFrom(
            '\r\n',
            '\n',
            '\r\n\r\n',
            ' ',
            ':',
            ';',
            ',',
            '"',
            '<',
            '>',
            '\\',
            '%00',
            'l: 9',
            '\0',
            '\t',
          )
          .map((text) => Buffer.from(text)),
      ),
    });
    fc.assert(
      fc.property(spoiling, fc.nat(4), (first, more) => {
        let bytes = first.original;
        for (let i = 0; i <= more; i++) {
          const at = Math.floor(((first.place + i * 0.37) % 1) * bytes.length);
          bytes = Buffer.concat([bytes.subarray(0, at), first.inserted, bytes.subarray(at + first.removed)]);
        }
        survive(() => serializeMessage(parseMessage(bytes)), MalformedMessage);
      }),
      { numRuns: 3000 },
    );
  });

  it('raise nothing but MalformedMessage, when cut anywhere', () => {
    for (const bytes of sipFixtures('valid').values()) {
      for (let end = 0; end < bytes.length; end++) {
        survive(() => parseMessage(bytes.subarray(0, end)), MalformedMessage);
      }
    }
  });

  it('raise nothing but MalformedMessage, when they are noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        survive(() => parseMessage(Buffer.from(bytes)), MalformedMessage);
      }),
    );
  });

  it('have values that raise nothing but the error of their grammar', () => {
    const value = fc.string({
      unit: fc.constantFrom(...Array.from('ab1 \t;:=,"<>[]()\\@?%/.sip:SIP/2.0/UDP')),
      maxLength: 60,
    });
    fc.assert(
      fc.property(value, (text) => {
        survive(() => parseUri(text), MalformedUri);
        survive(() => parseUri(`sip:${text}`), MalformedUri);
        survive(() => parseNameAddress(text), MalformedNameAddress);
        survive(() => parseNameAddress(`<sip:${text}>;${text}`), MalformedNameAddress);
        survive(() => parseVia(`SIP/2.0/UDP ${text}`), MalformedVia);
      }),
      { numRuns: 2000 },
    );
  });

  it('cannot make the reader slow by repetition (catastrophic matching)', function () {
    this.timeout(5_000);
    const unit = ['; ', ';a=[', ';a="', ' ', '\\"', '"', '<', ';', 'a', ',', ':', '=', ';a=', '\t;', '%'];
    for (const repeated of unit) {
      const long = repeated.repeat(Math.floor(48_000 / repeated.length));
      for (const end of ['', 'x', '"', '>', ' x y']) {
        const started = performance.now();
        survive(() => parseVia(`SIP/2.0/UDP host${long}${end}`), MalformedVia);
        survive(() => parseVia(`SIP/2.0/UDP${long}${end}`), MalformedVia);
        survive(() => parseUri(`sip:${long}${end}`), MalformedUri);
        survive(() => parseUri(`sip:a@host${long}${end}`), MalformedUri);
        survive(() => parseNameAddress(`${long}<sip:a@b>${long}${end}`), MalformedNameAddress);
        survive(() => parseNameAddress(`"${long}${end}`), MalformedNameAddress);
        survive(() => parseNameAddress(`sip:a${long}${end}`), MalformedNameAddress);
        expect(performance.now() - started, JSON.stringify([repeated, end])).to.be.below(500);
      }
    }
  });
});
