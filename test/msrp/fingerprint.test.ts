import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import {
  formatFingerprint,
  matchesFingerprint,
  ownFingerprint,
  parseFingerprint,
} from '../../src/msrp/fingerprint.ts';

/** Made with openssl, and its fingerprints taken with `openssl x509 -fingerprint`. */
const PEM = `-----BEGIN CERTIFICATE-----
MIIBZTCCAQqgAwIBAgIBATAKBggqhkjOPQQDAjAQMQ4wDAYDVQQDDAVhbGljZTAg
Fw0yNjExMjExMTIwNDZaGA8yMTI2MTAyODExMjA0NlowEDEOMAwGA1UEAwwFYWxp
Y2UwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARGlAEa0D1CrKMJ44E17Hwa56nq
t9wdRWLB8frwKTBMreN86tb2eqO6FXl6RdLSlWqjmX05hI/Iy+xdxzsUOEaPo1Mw
UTAdBgNVHQ4EFgQUCCw/HsakDqgfNv5PtlmwXHVgr/8wHwYDVR0jBBgwFoAUCCw/
HsakDqgfNv5PtlmwXHVgr/8wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJ
ADBGAiEAn06bp/Lhkksr7cLYuXTjiP07F2DAz0b5aWrBgb+uhuoCIQChUmyDZFx4
TW2zR0VtUl33qhPdsYAY85vSZuB/0u7mcg==
-----END CERTIFICATE-----`;
const SHA1 = '82:D7:E4:2E:7B:7A:EC:42:1D:5E:06:EA:0A:25:6D:52:01:34:6B:F2';
const SHA256 =
  '12:1E:14:F0:32:26:55:5F:92:88:04:4A:8D:4A:E8:9C:F4:6B:EF:21:1C:74:10:4C:5C:4B:0A:97:3E:83:1D:20';
const SHA512 =
  'CA:78:B5:7F:2B:99:65:95:E1:0E:D9:22:0D:1C:52:91:03:5C:7D:18:20:A1:43:7B:1E:3E:A9:93:A2:FD:39:37:8B:66:7F:CC:CC:A9:16:5A:E8:18:14:69:8F:77:CC:27:AB:E9:8E:C9:45:9E:D7:3C:F2:5B:6B:DC:5F:7E:F2:D8';

const DER = new X509Certificate(PEM).raw;
const OTHER = differing(SHA256);

/** In its first byte. */
function differing(value: string): string {
  return value.replace(/^../, (byte) => (byte === '00' ? '01' : '00'));
}

function matches(...lines: string[]): boolean {
  return matchesFingerprint(DER, lines.map(parseFingerprint));
}

describe('a fingerprint', () => {
  it('is read without regard to case and written as RFC 8122 has it', () => {
    const fingerprint = parseFingerprint(` SHA-256  ${SHA256.toLowerCase()} `);
    expect(fingerprint).to.deep.equal({ hash: 'sha-256', value: SHA256 });
    expect(formatFingerprint(fingerprint)).to.equal(`sha-256 ${SHA256}`);
  });

  it('of our certificate is that of openssl, also when a chain follows', () => {
    expect(formatFingerprint(ownFingerprint(PEM))).to.equal(`sha-256 ${SHA256}`);
    expect(ownFingerprint(`${PEM}\n${PEM}`).value).to.equal(SHA256);
  });

  for (const [hash, value] of [
    ['sha-1', SHA1],
    ['sha-256', SHA256],
    ['SHA-512', SHA512],
  ] as const) {
    it(`by ${hash} is compared`, () => {
      expect(matches(`${hash} ${value}`)).to.equal(true);
      expect(matches(`${hash} ${value.toLowerCase()}`)).to.equal(true);
      expect(matches(`${hash} ${value.slice(0, -2)}`)).to.equal(false);
      expect(matches(`${hash} ${differing(value)}`)).to.equal(false);
    });
  }

  it('is one of several certificates', () => {
    expect(matches(`sha-256 ${OTHER}`, `sha-256 ${SHA256}`)).to.equal(true);
    expect(matches(`sha-256 ${OTHER}`)).to.equal(false);
  });

  it('by the strongest hash counts alone', () => {
    expect(matches(`sha-1 ${SHA1}`, `sha-256 ${OTHER}`)).to.equal(false);
    expect(matches(`sha-1 ${SHA1.replace(/../, 'ZZ')}`, `sha-256 ${SHA256}`)).to.equal(true);
  });

  it('by a hash nobody knows is ignored, unless there is no other', () => {
    expect(matches('sha-9000 AA:BB', `sha-256 ${SHA256}`)).to.equal(true);
    expect(matches('sha-9000 AA:BB')).to.equal(false);
    expect(matches('md5 AA:BB')).to.equal(false);
  });

  for (const text of ['', 'sha-256', 'sha-256 ', SHA256, `sha-256 ${SHA256} ${SHA256}`]) {
    it(`like ${JSON.stringify(text.slice(0, 20))}… fits no certificate`, () => {
      expect(matches(text)).to.equal(false);
    });
  }

  it('is not met by a peer that shows no certificate', () => {
    expect(matchesFingerprint(undefined, [parseFingerprint(`sha-256 ${SHA256}`)])).to.equal(false);
  });
});
