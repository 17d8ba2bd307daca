import { expect } from 'chai';
import fc from 'fast-check';
import { AddressOfRecord } from '../../src/core/address-of-record.ts';
import { systemClock } from '../../src/core/clock.ts';
import { MailboxError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { parseCpim } from '../../src/im/cpim-parser.ts';
import { Deposits } from '../../src/mailbox/deposit.ts';
import type { NewMessage, StoredMessage } from '../../src/mailbox/ports.ts';
import type { PeerFormats } from '../../src/mailbox/presentation.ts';
import { presentAsLines, presentMessage } from '../../src/mailbox/presentation.ts';
import { writeNotification } from '../../src/mailbox/receipts/receipt-notification.ts';

const ALICE = AddressOfRecord.parse('sip:alice@example.test');
const BOB = 'sip:bob@example.test';
const PEERS: readonly PeerFormats[] = [
  { acceptTypes: ['message/cpim', 'text/plain'], acceptWrappedTypes: [] },
  { acceptTypes: ['message/cpim'], acceptWrappedTypes: ['text/plain'] },
  { acceptTypes: ['text/plain'], acceptWrappedTypes: [] },
  { acceptTypes: ['image/png'], acceptWrappedTypes: ['image/png'] },
];

/** What breaks lines, quotes, escapes and markup, between ordinary words. */
const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom('\r', '\\', '\\u000d\\u000a', '\\n', '"', '<', '>', ';', ',', ':', '=', '?', '%0d%0a'),
      fc.constantFrom('\u2028', '\u0085', '\u202e', '\ufeff', '\ufffe', '\0', 'İ', '-------abc$', '&#xD800;'),
      fc.constantFrom(
        'From: <sip:evil@e.test>',
        'sip:x@e.test',
        'urn:ietf:params:imdn',
        '0000-01-01T00:00:00Z',
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join('').replaceAll('\n', ''));
const headerName = fc.constantFrom(
  ...['From', 'To', 'cc', 'DateTime', 'Subject', 'NS', 'Require', 'Priority', 'X-y', 'imdn.Message-ID'],
  ...[
    'imdn.Disposition-Notification',
    'Content-ID',
    'Content-Disposition',
    'a.b',
    '',
    'From\u2028',
    'Subject;lang=x',
  ],
);
const header = fc
  .tuple(
    headerName,
    fc.oneof(nasty, fc.constantFrom('imdn <urn:ietf:params:imdn>', 'positive-delivery, display')),
  )
  .map(([name, value]) => `${name}: ${value}`);
const charset = fc.constantFrom(
  ...['', '; charset=utf-8', '; charset="utf8"', '; charset=utf-16', '; charset=UTF-16BE', '; charset=utf-7'],
  ...[
    '; charset=iso-2022-jp',
    '; charset=iso-2022-kr',
    '; charset=x-user-defined',
    '; charset=gb18030',
    ';charset=?',
  ],
);
const contentType = fc
  .tuple(fc.constantFrom('text/plain', 'text/html', 'TEXT/Plain', 'text/plain;x="\\', ''), charset)
  .map((parts) => parts.join(''));
const words = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  nasty.map((text) => Buffer.from(`<b>${text}</b>\r\n`)),
);
const lineEnd = fc.constantFrom('\r\n', '\n');

function wrap(headers: readonly string[], mime: readonly string[], end: string, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([...headers, '', ...mime, '', ''].join(end)), content]);
}

const headers = fc.array(header, { minLength: 1, maxLength: 8 });
const wrapped = fc
  .tuple(headers, contentType, lineEnd, words, fc.constantFrom('', 'base64', 'quoted-printable'))
  .map(([lines, type, end, content, encoding]) =>
    wrap(lines, [`Content-Type: ${type}`, `Content-Transfer-Encoding: ${encoding}`], end, content),
  );
const body = fc.oneof(
  fc.tuple(contentType, words).map(([type, content]) => ({ type, content })),
  wrapped.map((content) => ({ type: 'message/cpim', content })),
  fc.tuple(headers, lineEnd, wrapped).map(([lines, end, content]) => ({
    type: 'Message/CPIM',
    content: wrap(lines, ['Content-Type: message/cpim'], end, content),
  })),
);

/** What is kept of a text; undefined when it is refused, or none. */
async function deposited(parts: {
  type: string;
  content: Buffer;
  name: string;
  subject: string;
}): Promise<StoredMessage | undefined> {
  const kept: NewMessage[] = [];
  const deposits = new Deposits({
    store: { deposit: (message) => Promise.resolve(void kept.push(message)).then(() => 'stored' as const) },
    maxBytes: 65_536,
    clock: systemClock,
    logger: silentLogger,
    metrics: noMetrics,
  });
  const { type, content, name, subject } = parts;
  const text = {
    owner: ALICE,
    author: BOB,
    authorName: name,
    contentType: type,
    content,
    subject,
    urgent: false,
  };
  try {
    await deposits.accept({ ...text, transportId: 't', returnHop: 'sip:proxy.test' });
  } catch (error) {
    if (!(error instanceof MailboxError)) throw error;
  }
  return kept[0] === undefined ? undefined : { ...kept[0], id: 1 };
}

describe('whatever hostile text is taken', () => {
  it('can be presented to any client, from whom it is, without a header of its own making; so can its receipts', async () => {
    let taken = 0;
    const texts = fc.record({ body, name: nasty, subject: nasty });
    await fc.assert(
      fc.asyncProperty(texts, async ({ body: { type, content }, name, subject }) => {
        const text = await deposited({ type, content, name, subject });
        if (text === undefined) return;
        taken += 1;
        for (const peer of PEERS) checkPresented(text, peer);
        for (const line of presentAsLines(text, 200)) expect(Buffer.byteLength(line)).to.be.at.most(200);
        checkReceipt(text);
      }),
      { numRuns: 3_000 },
    );
    expect(taken, 'most of them are refused').to.be.above(500);
  });
});

function checkPresented(text: StoredMessage, peer: PeerFormats): void {
  const { contentType, content } = presentMessage(text, peer);
  if (contentType !== 'message/cpim') {
    expect(contentType).to.equal('text/plain; charset=utf-8');
    expect(content.toString('utf8').split('\n')[0]).to.include(BOB);
    return;
  }
  const read = parseCpim(content);
  expect(read.from?.uri).to.equal(BOB);
  expect(read.to[0]?.uri).to.equal(ALICE.toString());
  const head = content.toString('utf8').split('\r\n\r\n')[0] ?? '';
  expect(head.match(/(?:^|[\r\n\u2028\u2029\u0085])From/g)).to.have.length(1);
  expect(head).not.to.match(/[\r\n](?![\n]|[!-~]+:)/);
  if (/^text\/plain; ?charset=utf-8$/i.test(text.contentType) && read.contentType === text.contentType) {
    expect(read.content.toString('utf8')).to.equal(text.content.toString('utf8'));
  }
}

function checkReceipt({ owner, author, receipts, receivedAt }: StoredMessage): void {
  if (receipts === null) return;
  const about = { messageId: receipts.messageId, dateTime: receipts.dateTime, returnHop: receipts.returnHop };
  const claim = {
    id: 1,
    to: author,
    owner,
    status: 'stored',
    attempts: 0,
    createdAt: receivedAt,
    ...about,
  } as const;
  const read = parseCpim(writeNotification(claim).content);
  expect(read.to.map(({ uri }) => uri)).to.deep.equal([BOB]);
  expect(read.headers.map(({ name }) => name)).to.deep.equal(['imdn.Message-ID']);
}
