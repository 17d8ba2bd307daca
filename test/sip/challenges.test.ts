import { expect } from 'chai';
import fc from 'fast-check';
import {
  MalformedChallenge,
  parseAuthenticationInfo,
  parseChallenges,
  quotedString,
} from '../../src/sip/challenges.ts';
import type { Challenge } from '../../src/sip/challenges.ts';
import { SIP_LIMITS } from '../../src/sip/limits.ts';

function plain(challenges: readonly Challenge[]): [string, Record<string, string>][] {
  return challenges.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
}

const read = (header: string): [string, Record<string, string>][] => plain(parseChallenges(header));

describe('a header of challenges', () => {
  it('is read with the example of RFC 3261 §20.44', () => {
    expect(
      read(
        'Digest realm="atlanta.com", domain="sip:boxesbybob.com", qop="auth", ' +
          'nonce="f84f1cec41e6cbe5aea9c8e88d359", opaque="", stale=FALSE, algorithm=MD5',
      ),
    ).to.deep.equal([
      [
        'digest',
        {
          realm: 'atlanta.com',
          domain: 'sip:boxesbybob.com',
          qop: 'auth',
          nonce: 'f84f1cec41e6cbe5aea9c8e88d359',
          opaque: '',
          stale: 'FALSE',
          algorithm: 'MD5',
        },
      ],
    ]);
  });

  it('keeps commas, equal signs and escapes inside quotes', () => {
    expect(read('Digest realm="a, b=\\"c\\", \\\\", opaque="Digest realm=x, nonce=y"')).to.deep.equal([
      ['digest', { realm: 'a, b="c", \\', opaque: 'Digest realm=x, nonce=y' }],
    ]);
  });

  it('is taken apart where several fields were joined by commas', () => {
    expect(
      read('Digest realm="a", nonce=1,Digest realm="a", nonce=2, algorithm=SHA-256,DIGEST realm="b"'),
    ).to.deep.equal([
      ['digest', { realm: 'a', nonce: '1' }],
      ['digest', { realm: 'a', nonce: '2', algorithm: 'SHA-256' }],
      ['digest', { realm: 'b' }],
    ]);
  });

  it('tells other schemes from parameters, with and without data of their own', () => {
    expect(read('Negotiate, NTLM TlRMTVNTUAAB==, Digest realm="a", Basic realm="b",Negotiate')).to.deep.equal(
      [
        ['negotiate', {}],
        ['ntlm', {}],
        ['digest', { realm: 'a' }],
        ['basic', { realm: 'b' }],
        ['negotiate', {}],
      ],
    );
  });

  it('may be folded, spaced out, unquoted and in any case', () => {
    expect(read(' digest\tREALM = "a" ,\r\n Nonce=MTIz/4==\r\n\t, Qop=auth,, STALE="true" , ')).to.deep.equal(
      [['digest', { realm: 'a', nonce: 'MTIz/4==', qop: 'auth', stale: 'true' }]],
    );
  });

  it('with nothing in it holds no challenge', () => {
    for (const header of ['', '  ', ',', ' , ,']) expect(read(header), header).to.deep.equal([]);
  });

  it('returns whatever text was put into quoted strings', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 }).map((drawn) => clean(drawn));
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
    const challenge = fc.tuple(
      fc.constantFrom('digest', 'basic', 'x'),
      fc.dictionary(name, text, { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
    );
    fc.assert(
      fc.property(
        fc.array(challenge, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(',', ', ', ' ,\r\n '),
        (challenges, comma) => {
          const header = challenges
            .map(([scheme, parameters]) => {
              const pairs = Object.entries(parameters).map(([key, value]) => `${key}=${quotedString(value)}`);
              return `${scheme} ${pairs.join(comma)}`;
            })
            .join(comma);
          expect(read(header)).to.deep.equal(challenges);
        },
      ),
    );
  });

  it('is read or refused, whatever it holds', () => {
    const pieces = fc.constantFrom(
      'Digest',
      'realm',
      '=',
      '"',
      '\\',
      ',',
      ' ',
      '\r\n ',
      'a',
      '\0',
      '\u{1f511}',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (drawn) => {
        try {
          parseChallenges(drawn.join(''));
        } catch (error) {
          expect(error).to.be.instanceOf(MalformedChallenge);
        }
      }),
    );
  });

  for (const [threat, header] of [
    ['an unterminated quoted string', 'Digest realm="a, nonce=b'],
    ['a quoted string that ends early', 'Digest realm="a"b", nonce="c"'],
    ['an escape at the very end', 'Digest realm="a\\'],
    ['a quoted string that an escape keeps open', 'Digest realm="a\\"'],
    ['parameters without a scheme', 'realm="a", nonce="b"'],
    ['a parameter that comes twice', 'Digest nonce="a", realm="b", NONCE="c"'],
    ['a line break that would begin a header of ours', 'Digest realm="a\r\nRoute: <sip:evil.test>"'],
    ['a NUL', 'Digest realm="a\0b"'],
    ['a parameter without value', 'Digest realm="a", nonce='],
    ['a name of no token', 'Digest realm="a", (nonce)="b"'],
  ] as const) {
    it(`is refused with ${threat}`, () => {
      expect(() => parseChallenges(header))
        .to.throw(MalformedChallenge)
        .with.property('code', 'MALFORMED_CHALLENGE');
    });
  }

  it('is read up to its limit of bytes and refused one past it', () => {
    const [start, end] = ['Digest realm="é', '"'];
    const room = SIP_LIMITS.challengeBytes - Buffer.byteLength(start + end);
    expect(read(start + 'a'.repeat(room) + end)).to.have.length(1);
    expect(() => parseChallenges(start + 'a'.repeat(room + 1) + end)).to.throw(
      MalformedChallenge,
      'too long',
    );
  });

  it('costs no more than its length, however it is made', () => {
    const size = SIP_LIMITS.challengeBytes - 10;
    const started = performance.now();
    for (const unit of ['\\', '"', ' ', ',', 'a', 'a ', '=', 'a=', '\r\n ', '\\"', 'a,']) {
      const header = `Digest a="${unit.repeat(size / unit.length)}`.slice(0, size);
      expect(() => parseChallenges(header.replace('"', '')), unit).to.satisfy((parse: () => unknown) => {
        try {
          parse();
        } catch (error) {
          return error instanceof MalformedChallenge;
        }
        return true;
      });
      expect(() => parseChallenges(`${header}\\`), unit).to.throw(MalformedChallenge);
    }
    expect(performance.now() - started).to.be.below(500);
  });
});

describe('an Authentication-Info header', () => {
  it('is read with the example of RFC 3261 §20.6', () => {
    expect(
      Object.fromEntries(parseAuthenticationInfo('nextnonce="47364c23432d2e131a5fb210812c"')),
    ).to.deep.equal({ nextnonce: '47364c23432d2e131a5fb210812c' });
  });

  it('is refused where a name has no value', () => {
    expect(() => parseAuthenticationInfo('nextnonce="a", qop')).to.throw(MalformedChallenge);
  });
});

/** Without what no header can hold. */
function clean(text: string): string {
  return Array.from(text)
    .filter((character) => {
      const code = character.codePointAt(0) ?? 0;
      return code >= 0x20 && code !== 0x7f && !(code >= 0xd800 && code <= 0xdfff);
    })
    .join('');
}
