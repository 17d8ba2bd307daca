import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { parseCpim } from '../../src/im/cpim-parser.ts';
import type { PeerFormats } from '../../src/mailbox/presentation.ts';
import { presentMessage } from '../../src/mailbox/presentation.ts';
import type { StoredMessage } from '../../src/mailbox/ports.ts';
import { presentWithin } from '../../src/mailbox/within-size.ts';

const kept: StoredMessage = {
  id: 1,
  owner: AddressOfRecord.parse('sip:alice@example.test'),
  author: 'sip:bob@example.test',
  authorName: 'Bob',
  uniqueKey: 'k',
  messageId: 'm',
  contentType: 'text/plain',
  content: Buffer.from('ä€🌍 '.repeat(400)),
  subject: '',
  urgent: false,
  sentAt: null,
  receivedAt: Date.UTC(2026, 10, 21, 14, 3),
  expiresAt: null,
  deliverAt: null,
  wrapper: null,
  receipts: null,
};
const cpim: PeerFormats = { acceptTypes: ['message/cpim'], acceptWrappedTypes: [] };
const plain: PeerFormats = { acceptTypes: ['text/plain'], acceptWrappedTypes: [] };

describe('a kept text for a client that takes messages up to a size', () => {
  it('goes in one that fits, to the byte', () => {
    const whole = presentMessage(kept, cpim);
    const size = whole.content.length;
    expect(presentWithin(kept, { ...cpim, maxSize: size })).to.deep.equal([whole]);
    expect(presentWithin(kept, { ...cpim, maxSize: size - 1 })).to.have.length.above(1);
    expect(presentWithin(kept, cpim)).to.deep.equal([whole]);
    expect(presentWithin(kept, { ...cpim, maxSize: 0 })).to.deep.equal([whole]);
  });

  it('is cut between characters into numbered ones, none longer, that together are the text', () => {
    for (const peer of [cpim, plain]) {
      for (const maxSize of [250, 251, 252, 253, 1_000]) {
        const parts = presentWithin(kept, { ...peer, maxSize }) ?? [];
        expect(parts.length).to.be.above(1);
        const words = parts.map(({ contentType, content }, index) => {
          expect(content.length).to.be.at.most(maxSize);
          const text =
            contentType === 'message/cpim' ? parseCpim(content).content.toString() : content.toString();
          const mark = ` (${index + 1}/${parts.length})`;
          expect(text.endsWith(mark), text).to.equal(true);
          return text.slice(0, -mark.length).replace(/^Bob <sip:bob@example\.test>, [^:]*:\d\d UTC: /, '');
        });
        expect(words.join('')).to.equal(kept.content.toString());
      }
    }
  });

  it('is kept for another client when it would be very many messages, or has no room at all', () => {
    expect(presentWithin(kept, { ...cpim, maxSize: 100 })).to.equal(undefined);
    const long = { ...kept, content: Buffer.alloc(60_000, 97) };
    expect(presentWithin(long, { ...plain, maxSize: 250 })).to.equal(undefined);
  });
});
