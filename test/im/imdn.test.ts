import { expect } from 'chai';
import type { Imdn } from '../../src/im/imdn.ts';
import { formatImdn, parseImdn } from '../../src/im/imdn.ts';
import { MalformedXml } from '../../src/im/xml.ts';
import { fixture, fixtures } from './fixtures.ts';

const nothingMore = { recipientUri: null, originalRecipientUri: null };

describe('a disposition notification (RFC 5438 §11)', () => {
  const read: Readonly<Record<string, Imdn>> = {
    'delivered-with-recipients': {
      messageId: 'm-17',
      dateTime: '2026-11-21T14:03:05-05:00',
      recipientUri: 'im:bob@example.com',
      originalRecipientUri: 'im:bobby@example.com',
      kind: 'delivery',
      status: 'delivered',
    },
    'processed-with-subject': {
      messageId: 'm-18',
      dateTime: '2026-11-21T14:03:05Z',
      recipientUri: 'sip:bob@example.com',
      originalRecipientUri: 'sip:bob@example.com',
      kind: 'processing',
      status: 'processed',
    },
    'displayed-with-extension': {
      ...nothingMore,
      messageId: 'm-19',
      dateTime: '2026-11-21T14:03:05.250+01:00',
      kind: 'display',
      status: 'displayed',
    },
    'linphone-error': {
      ...nothingMore,
      messageId: 'm-20',
      dateTime: '2026-11-21T14:03:05Z',
      kind: 'delivery',
      status: 'error',
    },
  };

  it('has an expectation for each fixture', () => {
    expect([...fixtures('imdn/valid').keys()]).to.have.members(Object.keys(read));
  });

  for (const [name, expected] of Object.entries(read)) {
    it(`is read: ${name.replaceAll('-', ' ')}`, () => {
      expect(parseImdn(fixture('imdn/valid', name))).to.deep.equal(expected);
    });

    it(`is written so that it reads the same: ${name.replaceAll('-', ' ')}`, () => {
      expect(parseImdn(formatImdn(expected))).to.deep.equal(expected);
    });
  }

  for (const [name, bytes] of fixtures('imdn/invalid')) {
    it(`is refused: ${name.replaceAll('-', ' ')}`, () => {
      expect(() => parseImdn(bytes)).to.throw(MalformedXml);
    });
  }

  it('cut anywhere is refused, or says the same', () => {
    const whole = fixture('imdn/valid', 'delivered-with-recipients');
    let refused = 0;
    for (let length = 0; length < whole.length; length++) {
      try {
        expect(parseImdn(whole.subarray(0, length))).to.deep.equal(read['delivered-with-recipients']);
      } catch (error) {
        expect(error, String(length)).to.be.instanceOf(MalformedXml);
        refused++;
      }
    }
    expect(refused).to.be.above(whole.indexOf('<delivered/>'));
  });
});
