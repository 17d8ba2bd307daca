import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { parseChallenges } from '../../src/sip/challenges.ts';
import type { Credentials, DigestRequest } from '../../src/sip/digest.ts';
import {
  NoUsableChallenge,
  UnusableCredentials,
  checkCredentials,
  chooseChallenge,
  digestAnswer,
} from '../../src/sip/digest.ts';

function answer(header: string, credentials: Credentials, request: DigestRequest): string {
  return digestAnswer(chooseChallenge(parseChallenges(header), credentials.realm), credentials, request);
}

function responseOf(value: string): string {
  return /response="([0-9a-f]+)"/.exec(value)?.[1] ?? '';
}

const GET = { method: 'GET', uri: '/dir/index.html', nonceCount: 1 };

describe('a digest answer', () => {
  it('is that of RFC 2617 §3.5', () => {
    expect(
      answer(
        'Digest realm="testrealm@host.com", qop="auth,auth-int", ' +
          'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
        { username: 'Mufasa', password: 'Circle Of Life' },
        { ...GET, cnonce: '0a4f113b' },
      ),
    ).to.equal(
      'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", ' +
        'uri="/dir/index.html", response="6629fae49393a05397450978507c4ef1", ' +
        'opaque="5ccc069c403ebaf9f0171e9517f40e41", qop=auth, nc=00000001, cnonce="0a4f113b"',
    );
  });

  for (const [algorithm, response] of [
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ] as const) {
    it(`is that of RFC 7616 §3.9.1 with ${algorithm}`, () => {
      const challenge =
        `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, ` +
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ' +
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';
      const credentials = { username: 'Mufasa', password: 'Circle of Life' };
      const cnonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';
      const value = answer(challenge, credentials, { ...GET, cnonce });
      expect(responseOf(value)).to.equal(response);
      expect(value).to.include(`, algorithm=${algorithm}, `);
      expect(value).to.include(', opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", ');
    });
  }

  it('is that of RFC 2069 §2.4, as corrected, for a server that knows no qop', () => {
    const value = answer(
      'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
      { username: 'Mufasa', password: 'CircleOfLife' },
      { ...GET, cnonce: 'unused' },
    );
    expect(responseOf(value)).to.equal('1949323746fe6a43ef61f9606e7febea');
    expect(value).not.to.match(/cnonce|nc=|qop|opaque|algorithm/);
  });

  for (const [offer, response] of [
    ['', 'bf57e4e0d0bffc0fbaedce64d59add5e'],
    ['qop="auth"', '89eb0059246c02b2f6ee02c7961d5ea3'],
    ['algorithm=MD5, qop="auth,auth-int"', '89eb0059246c02b2f6ee02c7961d5ea3'],
    ['algorithm="md5-SESS", qop=auth', 'e4e4ea61d186d07a92c9e1f6919902e9'],
  ] as const) {
    it(`is that of the SIP authentication examples (draft-smith-sipping-auth-examples) for ${offer || 'no qop'}`, () => {
      const value = answer(
        `Digest realm="biloxi.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", ${offer}`,
        { username: 'bob', password: 'zanzibar' },
        { method: 'INVITE', uri: 'sip:bob@biloxi.com', cnonce: '0a4f113b', nonceCount: 1 },
      );
      expect(responseOf(value)).to.equal(response);
    });
  }

  it('with SHA-256-sess is bound to the nonce and cnonce its session began with', () => {
    const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
    const value = answer(
      'Digest realm="r", nonce="second", qop="auth", algorithm=SHA-256-sess',
      { username: 'u', password: 'p' },
      { method: 'PUBLISH', uri: 'sip:a@b', cnonce: 'c', nonceCount: 0xabc, sessionNonce: 'first' },
    );
    const a1 = sha(`${sha('u:r:p')}:first:c`);
    expect(responseOf(value)).to.equal(sha(`${a1}:second:00000abc:c:auth:${sha('PUBLISH:sip:a@b')}`));
    expect(value).to.include('nc=00000abc');
  });

  it('carries quotes, backslashes, commas and other scripts through', () => {
    const md5 = (text: string): string => createHash('md5').update(text, 'utf8').digest('hex');
    const value = answer(
      'Digest realm="the \\"real\\", \\\\ realm", nonce="n\\"", opaque="a,b=\\"c\\", d"',
      { username: 'Zoë "Z"', password: 'pässword' },
      { method: 'PUBLISH', uri: 'sip:a@b', cnonce: 'c', nonceCount: 1 },
    );
    expect(value).to.include('username="Zoë \\"Z\\""');
    expect(value).to.include('realm="the \\"real\\", \\\\ realm"');
    expect(value).to.include('opaque="a,b=\\"c\\", d"');
    const a1 = md5('Zoë "Z":the "real", \\ realm:pässword');
    expect(responseOf(value)).to.equal(md5(`${a1}:n":${md5('PUBLISH:sip:a@b')}`));
    expect(Object.fromEntries(parseChallenges(value)[0]?.parameters ?? [])).to.include({
      realm: 'the "real", \\ realm',
      nonce: 'n"',
      opaque: 'a,b="c", d',
    });
  });
});

describe('of several challenges', () => {
  const offers = (...algorithms: string[]): string =>
    algorithms
      .map((algorithm, index) => `Digest realm="r${index}", nonce=n, qop=auth, algorithm=${algorithm}`)
      .join(', ');
  const chosen = (header: string, realm?: string): string => {
    const { algorithm, realm: of } = chooseChallenge(parseChallenges(header), realm);
    return `${algorithm.name} ${of}`;
  };

  it('the strongest is met, wherever it stands', () => {
    expect(chosen(offers('MD5', 'SHA-256', 'MD5-sess'))).to.equal('SHA-256 r1');
    expect(chosen(offers('SHA-256', 'MD5'))).to.equal('SHA-256 r0');
    expect(chosen(`${offers('MD5')}, Basic realm="b", ${offers('SHA-512-256', 'md5-sess')}`)).to.equal(
      'MD5-sess r1',
    );
  });

  it('the first is met where they are alike', () => {
    expect(chosen(offers('MD5', 'MD5'))).to.equal('MD5 r0');
  });

  it('one with qop is met before one without', () => {
    expect(chosen('Digest realm="old", nonce=n, Digest realm="new", nonce=n, qop=auth')).to.equal('MD5 new');
  });

  it('those for another realm than the one that was named are left alone', () => {
    expect(chosen(offers('SHA-256', 'MD5'), 'r1')).to.equal('MD5 r1');
    expect(() => chosen(offers('SHA-256'), 'r1')).to.throw(NoUsableChallenge, 'another realm');
  });

  for (const [threat, header, problem] of [
    ['auth-int alone', 'Digest realm="r", nonce=n, qop="auth-int"', 'qop is auth-int'],
    ['an empty qop', 'Digest realm="r", nonce=n, qop=""', 'qop is '],
    ['an unknown algorithm', 'Digest realm="r", nonce=n, algorithm=SHA-512-256, qop=auth', 'sha-512-256'],
    ['a session algorithm without qop', 'Digest realm="r", nonce=n, algorithm=MD5-sess', 'without qop'],
    ['no nonce', 'Digest realm="r", qop=auth', 'missing'],
    ['no realm', 'Digest nonce="r", qop=auth', 'missing'],
    ['another scheme, which would tell the password', 'Basic realm="r"', 'the scheme is basic'],
    ['nothing', '', 'there is none'],
  ] as const) {
    it(`one that asks for ${threat} cannot be met`, () => {
      expect(() => chosen(header))
        .to.throw(NoUsableChallenge, problem)
        .with.property('code', 'NO_USABLE_CHALLENGE');
    });
  }
});

describe('credentials', () => {
  it('are refused when they cannot stand in a header', () => {
    for (const username of ['', 'a\r\nRoute: <sip:evil.test>', 'a\0']) {
      expect(() => checkCredentials({ username, password: 'p' })).to.throw(UnusableCredentials);
    }
    expect(() => checkCredentials({ username: 'u', password: 'p', realm: '\n' })).to.throw(
      UnusableCredentials,
    );
    expect(() => checkCredentials({ username: 'u', password: '\n', realm: '' })).not.to.throw();
  });
});
