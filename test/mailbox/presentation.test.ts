import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { parseCpim } from '../../src/im/cpim-parser.ts';
import { presentAsLines, presentMessage, presentNotice } from '../../src/mailbox/presentation.ts';
import type { StoredMessage } from '../../src/mailbox/ports.ts';

const kept: StoredMessage = {
  id: 1,
  owner: AddressOfRecord.parse('sip:alice@example.test'),
  author: 'sip:bob@example.test',
  authorName: 'Bob "B" <x>',
  uniqueKey: 'k',
  messageId: 'm',
  contentType: 'text/plain',
  content: Buffer.from('hello'),
  subject: '',
  urgent: false,
  sentAt: null,
  receivedAt: Date.UTC(2026, 10, 21, 14, 3),
  expiresAt: null,
  wrapper: null,
  receipts: null,
};
const everything = { acceptTypes: ['message/cpim', 'text/plain'], acceptWrappedTypes: [] };
const plainOnly = { acceptTypes: ['text/plain'], acceptWrappedTypes: [] };

describe('a kept text, presented', () => {
  it('in CPIM names author, owner and time, and spells the charset out', () => {
    const { contentType, content } = presentMessage(kept, everything);
    expect(contentType).to.equal('message/cpim');
    const read = parseCpim(content);
    expect(read.from?.uri).to.equal(kept.author);
    expect(read.to.map(({ uri }) => uri)).to.deep.equal(['sip:alice@example.test']);
    expect(read.dateTime).to.equal(kept.receivedAt);
    expect(read.contentType).to.match(/^text\/plain; ?charset=utf-8$/);
    expect(read.content.toString()).to.equal('hello');
  });

  it('bears the time its author says she wrote it, and her subject', () => {
    const { content } = presentMessage({ ...kept, sentAt: 1_600_000_000_000, subject: 'Grüße' }, everything);
    const { dateTime, subjects } = parseCpim(content);
    expect(dateTime).to.equal(1_600_000_000_000);
    expect(subjects).to.deep.equal([{ text: 'Grüße', language: null }]);
  });

  it('in a type the client does not take inside CPIM comes as plain words', () => {
    const html = { ...kept, contentType: 'text/html', content: Buffer.from('<p>He<b>llo</b></p>') };
    const read = parseCpim(
      presentMessage(html, { acceptTypes: ['message/cpim'], acceptWrappedTypes: ['text/plain'] }).content,
    );
    expect(read.contentType).to.match(/^text\/plain/);
    expect(read.content.toString()).to.equal('Hello');
    const asIs = presentMessage(html, { acceptTypes: ['*'], acceptWrappedTypes: ['text/*'] });
    expect(parseCpim(asIs.content).contentType).to.equal('text/html');
  });

  it('without CPIM is one line that names author and time', () => {
    const { contentType, content } = presentMessage(kept, plainOnly);
    expect(contentType).to.equal('text/plain; charset=utf-8');
    expect(content.toString()).to.equal('Bob B x <sip:bob@example.test>, 2026-11-21 14:03 UTC: hello');
  });

  it('as lines stays within the bytes given, cut between characters, and says which part it is', () => {
    const words = 'añ🌍'.repeat(700);
    const lines = presentAsLines({ ...kept, content: Buffer.from(words) }, 1000);
    expect(lines.length).to.be.above(4);
    for (const line of lines) expect(Buffer.byteLength(line)).to.be.at.most(1000);
    const joined = lines.map((line) => line.replace(/ \(\d+\/\d+\)$/, '')).join('');
    expect(joined).to.equal(`Bob B x <sip:bob@example.test>, 2026-11-21 14:03 UTC: ${words}`);
    expect(lines.at(-1)).to.match(new RegExp(`\\(${lines.length}/${lines.length}\\)$`));
    expect(presentAsLines(kept, 1000)).to.have.length(1);
  });
});

describe('a notice of the mailbox', () => {
  const context = { from: 'sip:mailbox@example.test', to: 'sip:bob@example.test', at: 0 };

  it('is plain where plain is taken, and CPIM where only that is', () => {
    expect(presentNotice('hi', { ...context, peer: everything }).contentType).to.match(/^text\/plain/);
    const wrapped = presentNotice('hi', {
      ...context,
      peer: { acceptTypes: ['message/cpim'], acceptWrappedTypes: [] },
    });
    expect(parseCpim(wrapped.content).content.toString()).to.equal('hi');
  });
});
