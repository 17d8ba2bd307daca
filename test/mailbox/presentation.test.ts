import { expect } from 'chai';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import type { CpimMessage } from '../../src/im/cpim.ts';
import { parseCpim } from '../../src/im/cpim-parser.ts';
import { imdnHeaders } from '../../src/im/imdn.ts';
import type { PeerFormats } from '../../src/mailbox/presentation.ts';
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
  deliverAt: null,
  wrapper: null,
  receipts: null,
};
const everything: PeerFormats = { acceptTypes: ['message/cpim', 'text/plain'], acceptWrappedTypes: [] };
const plainOnly: PeerFormats = { acceptTypes: ['text/plain'], acceptWrappedTypes: [] };

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

describe('a text that came in message/cpim, presented in CPIM', () => {
  const wrapper = (...lines: string[]): Buffer =>
    Buffer.from(
      ['From: Eve <sip:eve@example.test>', ...lines, '', 'Content-Type: text/plain', '', ''].join('\r\n'),
    );
  const present = (kind: Partial<StoredMessage>, peer = everything): CpimMessage =>
    parseCpim(presentMessage({ ...kept, receipts, ...kind }, peer).content);
  const receipts: StoredMessage['receipts'] = {
    dispositions: ['positive-delivery', 'display'],
    messageId: 'm1',
    dateTime: null,
    returnHop: null,
  };
  const ASK = 'imdn.Disposition-Notification';

  it('is from whom the proxy vouched for, whoever its wrapper names', () => {
    expect(present({ wrapper: wrapper() }).from).to.deep.equal({
      displayName: 'Bob "B" <x>',
      uri: 'sip:bob@example.test',
    });
  });

  it('is for the owner, and for the others it was for', () => {
    const to = (...lines: string[]): string[] =>
      present({ wrapper: wrapper(...lines) }).to.map(({ uri }) => uri);
    expect(to('To: <sip:ally@example.test>')).to.deep.equal(['sip:alice@example.test']);
    expect(to('To: <sip:zoe@example.test>', 'To: A <sip:Alice@example.test>')).to.deep.equal([
      'sip:alice@example.test',
      'sip:zoe@example.test',
    ]);
  });

  it('bears its time to the letter, or in ours when it is not by the letter of RFC 3339', () => {
    const time = (text: string): unknown =>
      present({ wrapper: wrapper(`DateTime: ${text}`), sentAt: kept.receivedAt }).dateTimeText;
    expect(time('2026-11-21T09:03:00.0-05:00')).to.equal('2026-11-21T09:03:00.0-05:00');
    expect(time('2026-11-21 14:03')).to.equal('2026-11-21T14:03:00.000Z');
  });

  const asked: [string, string | undefined][] = [
    ['positive-delivery, display', 'display'],
    ['display', 'display'],
    ['Display;a=b ,negative-delivery', 'Display;a=b'],
    ['positive-delivery,negative-delivery,processing', undefined],
    ['', undefined],
  ];
  for (const [request, passed] of asked) {
    it(`asks the owner for ${String(passed)} when its sender asked for ${JSON.stringify(request)}`, () => {
      const read = present({
        wrapper: wrapper('imdn.Message-ID: m1', `${ASK}: ${request}`, `Require: ${ASK}`),
      });
      expect(imdnHeaders(read).messageId).to.equal('m1');
      expect(read.headers.find(({ name }) => name === ASK)?.value).to.equal(passed);
      expect(read.require).to.deep.equal(passed === undefined ? [] : [ASK]);
      // The sender left NS out; ours is by the letter.
      expect([...read.namespaces]).to.deep.equal([['imdn', 'urn:ietf:params:imdn']]);
    });
  }

  it('asks the owner for nothing whose answer would go nowhere (RECEIPTS=off, an author nobody vouches for)', () => {
    const lines = ['imdn.Message-ID: m1', `${ASK}: display`, `Require: ${ASK}`];
    for (const unheard of [null, { ...receipts, dispositions: ['processing'] as const }]) {
      const read = present({ wrapper: wrapper(...lines), receipts: unheard });
      expect(imdnHeaders(read)).to.deep.equal({ messageId: 'm1', dispositions: [] });
      expect(read.require).to.deep.equal([]);
    }
  });

  it('asks so under any prefix, the default namespace too', () => {
    for (const [ns, prefix] of [
      ['d <urn:ietf:params:imdn>', 'd.'],
      ['<urn:ietf:params:imdn>', ''],
    ] as const) {
      const lines = [
        `NS: ${ns}`,
        `${prefix}Message-ID: m1`,
        `${prefix}Disposition-Notification: positive-delivery, display`,
      ];
      expect(imdnHeaders(present({ wrapper: wrapper(...lines) }))).to.deep.equal({
        messageId: 'm1',
        dispositions: ['display'],
      });
    }
  });

  it('keeps MIME headers that still speak of it', () => {
    const headers = (kind: Partial<StoredMessage>, peer = everything): string[] => {
      const mime = ['Content-ID: <c>', 'Content-Disposition: render', 'Content-MD5: x', 'Content-Length: 5'];
      const bytes = Buffer.from(
        [
          'From: <sip:b@e.test>',
          '',
          'Content-Type: text/plain',
          ...mime,
          'Content-Transfer-Encoding: base64',
          '',
          '',
        ].join('\r\n'),
      );
      return present({ ...kind, wrapper: bytes }, peer).mimeHeaders.map(({ name }) => name);
    };
    expect(headers({})).to.deep.equal(['Content-ID', 'Content-Disposition', 'Content-MD5']);
    const latin1 = { contentType: 'text/plain; charset=latin1', content: Buffer.from([0xe9]) };
    expect(headers(latin1)).to.deep.equal(['Content-ID', 'Content-Disposition']);
    const html = { contentType: 'text/html', content: Buffer.from('<p>x') };
    expect(headers(html, { acceptTypes: ['*'], acceptWrappedTypes: ['text/plain'] })).to.deep.equal([]);
  });

  it('lets no name in it turn the direction of writing (spoofing)', () => {
    const read = present({
      wrapper: wrapper('cc: "Bob\\r\\n\u202eevE" <sip:c@e.test>'),
      authorName: 'B\u202eob',
    });
    expect([read.from?.displayName, read.cc[0]?.displayName]).to.deep.equal(['B ob', 'Bob evE']);
  });

  it('is presented without its headers when they cannot be read back', () => {
    expect(present({ wrapper: Buffer.from('nonsense') }).content.toString()).to.equal('hello');
  });
});

describe('a kept text, presented in plain text', () => {
  it('has its subject in one line, whatever that holds', () => {
    const { content } = presentMessage({ ...kept, subject: 'a\r\nEve <sip:eve@e.test>: b' }, plainOnly);
    expect(content.toString()).to.match(/ UTC \[a Eve <sip:eve@e.test>: b\]: hello$/);
  });

  it('has its words to the byte in a chat, and without control characters in a MESSAGE', () => {
    const message = { ...kept, content: Buffer.from('a\u0000\u001bb\r\n ') };
    expect(presentMessage(message, plainOnly).content.toString()).to.match(/: a\u0000\u001bb\r\n $/);
    expect(presentAsLines(message, 1000)[0]).to.match(/: ab\n $/);
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
