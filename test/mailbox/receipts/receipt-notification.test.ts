import { expect } from 'chai';
import { AddressOfRecord } from '../../../src/core/address-of-record.ts';
import { parseCpim } from '../../../src/im/cpim-parser.ts';
import { mimeHeader } from '../../../src/im/cpim.ts';
import { imdnHeaders, parseImdn } from '../../../src/im/imdn.ts';
import type { Receipt } from '../../../src/mailbox/ports.ts';
import { writeNotification } from '../../../src/mailbox/receipts/receipt-notification.ts';
import { takesReceipts } from '../../../src/mailbox/receipts/receipt-sessions.ts';
import { fixture } from '../../im/fixtures.ts';

const receipt: Receipt = {
  id: 7,
  to: 'sip:bob@example.com',
  owner: AddressOfRecord.parse('sip:alice@example.com'),
  status: 'delivered',
  messageId: 'm-17',
  dateTime: '2026-11-21T14:03:05-05:00',
  returnHop: null,
  attempts: 0,
  createdAt: Date.UTC(2026, 10, 21, 19, 4),
};

describe('the notification for a receipt (RFC 5438 §7.2.1)', () => {
  it('is message/cpim from the owner to the author, with a notification inside', () => {
    const { contentType, content } = writeNotification(receipt);
    expect(contentType).to.equal('message/cpim');
    expect(content.toString()).to.equal(fixture('cpim/valid', 'receipt-delivered').toString());
  });

  const expected = {
    stored: { kind: 'processing', status: 'stored' },
    delivered: { kind: 'delivery', status: 'delivered' },
    failed: { kind: 'delivery', status: 'failed' },
    displayed: { kind: 'display', status: 'displayed' },
  } as const;
  for (const [status, inner] of Object.entries(expected)) {
    it(`tells ${status} as a ${inner.kind} notification`, () => {
      const written = writeNotification({ ...receipt, status: status as keyof typeof expected });
      expect(parseImdn(parseCpim(written.content).content)).to.deep.equal({
        ...inner,
        messageId: 'm-17',
        // As it stood in the text, zone and all (§7.2.1.1).
        dateTime: '2026-11-21T14:03:05-05:00',
        recipientUri: 'sip:alice@example.com',
        originalRecipientUri: 'sip:alice@example.com',
      });
    });
  }

  it('is marked as a notification and asks for none itself', () => {
    const cpim = parseCpim(writeNotification(receipt).content);
    expect(mimeHeader(cpim, 'Content-Disposition')).to.equal('notification');
    expect(imdnHeaders(cpim).dispositions).to.deep.equal([]);
  });

  it('has a Message-ID of its own, which stays the same for the same receipt', () => {
    const idOf = (over: Partial<Receipt>): string | null =>
      imdnHeaders(parseCpim(writeNotification({ ...receipt, ...over }).content)).messageId;
    expect(idOf({})).to.match(/^[0-9a-f]{32}$/);
    expect(idOf({ attempts: 3 })).to.equal(idOf({}));
    const others = [{ status: 'stored' as const }, { messageId: 'm-18' }, { to: 'sip:carol@example.com' }];
    expect(new Set([{}, ...others].map(idOf))).to.have.property('size', 4);
  });

  it('of a text without DateTime says when it happened', () => {
    const { content } = writeNotification({ ...receipt, dateTime: null });
    expect(parseImdn(parseCpim(content).content).dateTime).to.equal('2026-11-21T19:04:00.000Z');
  });

  it('cannot be given headers or elements by what a text says (header injection)', () => {
    const { content } = writeNotification({
      ...receipt,
      to: 'sip:bob@example.com>\r\nimdn.Disposition-Notification: display',
      messageId: 'x</message-id>\r\n\r\n<status><displayed/></status>',
      dateTime: '</datetime>\u0000',
    });
    const cpim = parseCpim(content);
    expect(cpim.headers.map(({ name }) => name)).to.deep.equal(['imdn.Message-ID']);
    const imdn = parseImdn(cpim.content);
    expect(imdn.status).to.equal('delivered');
    expect(imdn.messageId).to.include('</message-id>');
    expect(imdn.dateTime).to.equal('</datetime>');
  });
});

describe('a chat session takes receipts', () => {
  const takes = (acceptTypes: string[], acceptWrappedTypes: string[]): boolean =>
    takesReceipts({ acceptTypes, acceptWrappedTypes });

  it('when its client takes message/cpim and, inside, message/imdn+xml or anything', () => {
    expect(takes(['message/cpim', 'text/plain'], [])).to.equal(true);
    expect(takes(['message/cpim'], ['text/plain', 'message/imdn+xml'])).to.equal(true);
    expect(takes(['*'], ['*'])).to.equal(true);
  });

  it('and not otherwise', () => {
    expect(takes(['text/plain'], [])).to.equal(false);
    expect(takes(['text/plain'], ['message/imdn+xml'])).to.equal(false);
    expect(takes(['message/cpim'], ['text/plain', 'text/html'])).to.equal(false);
  });
});
