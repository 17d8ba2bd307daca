import { expect } from 'chai';
import { AddressOfRecord } from '../../../src/core/address-of-record.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { ImdnKind } from '../../../src/im/imdn.ts';
import { formatImdn } from '../../../src/im/imdn.ts';
import { DisplayedTexts } from '../../../src/mailbox/receipts/displayed-texts.ts';
import { StoreUnavailable } from '../../../src/mailbox/ports.ts';
import { FakeClock } from '../../doubles/fake-clock.ts';
import { MemoryReceiptStore } from '../../doubles/memory-receipt-store.ts';
import { fixture } from '../../im/fixtures.ts';

const ALICE = AddressOfRecord.parse('sip:alice@example.test');

describe('a notification of the owner’s client', () => {
  let store: MemoryReceiptStore;
  let outcomes: string[];
  let displayed: DisplayedTexts;

  beforeEach(() => {
    store = new MemoryReceiptStore(new FakeClock());
    outcomes = [];
    displayed = new DisplayedTexts({
      store,
      logger: silentLogger,
      metrics: {
        counter: () => ({ add: (labels = {}) => void outcomes.push(labels['outcome'] ?? '') }),
        gauge: () => ({ set: () => undefined }),
      },
    });
  });

  const imdn = (kind: ImdnKind, status: string): Buffer =>
    formatImdn({
      messageId: 'm-1',
      dateTime: '2026-11-21T14:03:05Z',
      recipientUri: null,
      originalRecipientUri: null,
      kind,
      status,
    });
  const wrapped = (inner: Buffer, from = 'sip:alice@example.test'): Buffer =>
    Buffer.concat([
      Buffer.from(
        `From: <${from}>\r\nTo: <sip:bob@example.test>\r\n\r\nContent-Type: message/imdn+xml\r\n\r\n`,
      ),
      inner,
    ]);

  it('that the text was displayed is passed on, bare', async () => {
    await displayed.take(ALICE, 'message/imdn+xml', imdn('display', 'displayed'));
    expect(store.displayed).to.deep.equal(['sip:alice@example.test m-1 -']);
    expect(outcomes).to.deep.equal(['passed_on']);
  });

  it('that the text was displayed is passed on, in message/cpim', async () => {
    await displayed.take(ALICE, 'Message/CPIM', wrapped(imdn('display', 'displayed')));
    expect(store.displayed).to.deep.equal(['sip:alice@example.test m-1 sip:bob@example.test']);
  });

  it('speaks of her own texts only, whoever it says it is from (forged notification)', async () => {
    const forged = wrapped(imdn('display', 'displayed'), 'sip:carol@example.test');
    await displayed.take(ALICE, 'message/cpim', forged);
    expect(store.displayed).to.deep.equal(['sip:alice@example.test m-1 sip:bob@example.test']);
  });

  it('names the author by whatever of her addresses a client writes, or nobody', async () => {
    for (const to of [
      '<sip:bob@Example.TEST:5062;transport=tcp>',
      'Bob <sips:bob@example.test>',
      '<tel:+15550100>',
      null,
    ]) {
      const headers = ['From: <sip:alice@example.test>', ...(to === null ? [] : [`To: ${to}`])];
      const head = Buffer.from([...headers, '', 'Content-Type: message/imdn+xml', '', ''].join('\r\n'));
      await displayed.take(ALICE, 'message/cpim', Buffer.concat([head, imdn('display', 'displayed')]));
    }
    const whose = store.displayed.map((line) => line.split(' ')[2]);
    expect(whose).to.deep.equal(['sip:bob@example.test', 'sip:bob@example.test', 'tel:+15550100', '-']);
  });

  it('of a text nobody asked about is dropped', async () => {
    store.knows = () => false;
    await displayed.take(ALICE, 'message/imdn+xml', imdn('display', 'displayed'));
    expect(outcomes).to.deep.equal(['nobody_asked']);
  });

  const others: readonly (readonly [ImdnKind, string])[] = [
    ['delivery', 'delivered'],
    ['delivery', 'failed'],
    ['processing', 'processed'],
    ['display', 'forbidden'],
    ['display', 'error'],
    ['display', 'toString'],
  ];
  for (const [kind, status] of others) {
    it(`of ${kind}, ${status}, is dropped`, async () => {
      await displayed.take(ALICE, 'message/imdn+xml', imdn(kind, status));
      expect(store.displayed).to.deep.equal([]);
      expect(outcomes).to.deep.equal(['not_asked_for']);
    });
  }

  it('as Linphone sends it unasked is dropped', async () => {
    await displayed.take(ALICE, 'message/cpim', fixture('cpim/valid', 'linphone-imdn'));
    expect(outcomes).to.deep.equal(['not_asked_for']);
  });

  const unreadable: Readonly<Record<string, readonly [string, Buffer]>> = {
    'no XML': ['message/imdn+xml', Buffer.from('displayed')],
    'a document type (billion laughs)': [
      'message/imdn+xml',
      Buffer.from('<!DOCTYPE x [<!ENTITY a "b">]><imdn/>'),
    ],
    'another document': ['message/imdn+xml', Buffer.from('<presence/>')],
    'a body that is far too long': ['message/imdn+xml', Buffer.alloc(60_000, '<imdn>')],
    'broken CPIM': ['message/cpim', Buffer.from('no headers at all')],
  };
  for (const [what, [type, content]] of Object.entries(unreadable)) {
    it(`that is ${what} is taken, dropped and counted`, async () => {
      await displayed.take(ALICE, type, content);
      expect(store.displayed).to.deep.equal([]);
      expect(outcomes).to.deep.equal(['unreadable']);
    });
  }

  it('is no typing mark', async () => {
    await displayed.take(ALICE, 'application/im-iscomposing+xml', Buffer.from('<isComposing/>'));
    expect(outcomes).to.deep.equal([]);
  });

  it('is not lost while the database is down: the client is told so', async () => {
    store.down = true;
    const taken = displayed.take(ALICE, 'message/imdn+xml', imdn('display', 'displayed'));
    expect(await taken.catch((error: unknown) => error)).to.be.instanceOf(StoreUnavailable);
  });
});
