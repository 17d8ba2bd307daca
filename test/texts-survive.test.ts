import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'chai';
import { acknowledge, responseTo } from './clients/scripted-client.ts';
import { chatOffer, pathOf } from './doubles/msrp-chat.ts';
import { RawMsrpClient, msrpRequest } from './doubles/raw-msrp-client.ts';
import type { RunningApp } from './doubles/running-app.ts';
import { runApp } from './doubles/running-app.ts';
import type { PhoneDialog } from './doubles/sip-phone.ts';
import { SipPhone } from './doubles/sip-phone.ts';

const ALICE = 'sip:alice@example.test';
const BOB = 'sip:bob@example.test';
const MAILBOX = 'sip:mailbox@example.test';
const UTF_8 = 'text/plain; charset=utf-8';

/** A text as it is left, and as it has to come back: in CPIM, and after the byline in plain text. */
interface Text {
  readonly contentType: string;
  readonly content: Buffer;
  readonly given: { readonly contentType: string; readonly content: Buffer };
  readonly words: Buffer;
}

/** Comes back with every byte it had. */
function same(text: string | Buffer, contentType = UTF_8, given = contentType): Text {
  const content = Buffer.from(text);
  return { contentType, content, given: { contentType: given, content }, words: content };
}

/** Comes back in UTF-8. */
function turned(contentType: string, bytes: readonly number[], words: string): Text {
  const content = Buffer.from(words);
  return {
    contentType,
    content: Buffer.from(bytes),
    given: { contentType: UTF_8, content },
    words: content,
  };
}

const html = Buffer.from('<p dir="rtl">שלום &amp; <b>hi</b>\r\n</p>\n<!-- x -->');

const TEXTS: Readonly<Record<string, Text>> = {
  'plain words': same('hello', 'text/plain', UTF_8),
  emoji: same('🌍👩‍👩‍👧‍👦🏳️‍🌈 ✈️'),
  'right to left': same('שלום \u202bעולם\u202c \u200fمرحبا\u200e'),
  'letters in parts': same('e\u0301 n\u0303 \u0d15\u0d4d\u200d'),
  'a NUL': same('a\u0000b\u0000'),
  'nothing but NULs': same('\u0000\u0000'),
  'every control character': same(Buffer.from(Array.from({ length: 33 }, (_, code) => code))),
  'controls of the second kind': same('a\u0080\u0085\u009fb'),
  'line and paragraph separators': same('a\u2028b\u2029c'),
  'CRLF lines': same('one\r\ntwo\r\n'),
  'LF lines': same('one\ntwo\n\n'),
  'CR lines': same('one\rtwo\r'),
  'line ends first': same('\r\n\n\r\rhello'),
  'one LF': same('\n'),
  'one blank': same(' '),
  'blanks at both ends': same('  \thello \t  '),
  'a byte order mark': same('\ufeffhello'),
  'what looks like headers': same('From: <sip:eve@example.test>\r\nContent-Type: text/html\r\n\r\nhello'),
  'what looks like MSRP': same('MSRP abc SEND\r\n\r\n-------abc$\r\n-------'),
  'what looks like escapes': same('\\u0041 \\r\\n =41 %41 &#65;'),
  'ten thousand characters': same('añ🌍'.repeat(3_333)),
  'a type with parameters': same('flow \r\ned', 'text/plain; charset=utf-8; format=flowed; delsp=yes'),
  'Blink’s charset': same('Grüße', 'text/plain; charset="utf8"', UTF_8),
  'UTF-8 that says ASCII': same('Grüße', 'text/plain;charset=us-ascii', UTF_8),
  HTML: {
    contentType: 'text/html; charset=utf-8',
    content: html,
    given: { contentType: 'text/html; charset=utf-8', content: html },
    words: Buffer.from('שלום & hi'),
  },
  'HTML that declares nothing': {
    contentType: 'text/html',
    content: Buffer.from([0x3c, 0x69, 0x3e, 0xe9]),
    given: { contentType: 'text/html', content: Buffer.from([0x3c, 0x69, 0x3e, 0xe9]) },
    words: Buffer.from('\ufffd'),
  },
  'ISO 8859-1': turned(
    'text/plain; charset=iso-8859-1',
    [0x47, 0x72, 0xfc, 0xdf, 0x65, 0x0d, 0x20],
    'Grüße\r ',
  ),
  'UTF-16': turned(
    'text/plain;charset=utf-16',
    [0xff, 0xfe, 0x68, 0, 0x3d, 0xd8, 0x42, 0xde, 0, 0],
    'h🙂\u0000',
  ),
  'UTF-16 of the other kind': turned('text/plain;charset=UTF-16BE', [0, 0x68, 0, 0x0a], 'h\n'),
  'KOI8-R': turned('text/plain; charset=koi8-r', [0xf0, 0xd2, 0xc9], 'При'),
  'Shift JIS': turned('text/plain; charset=Shift_JIS', [0x93, 0xfa, 0x96, 0x7b], '日本'),
  'GB 18030': turned('text/plain; charset=gb18030', [0xd6, 0xd0, 0x94, 0x39, 0xda, 0x33], '中💩'),
  'bytes that mean nothing': turned('text/plain', [0x61, 0xff, 0xc3, 0x28, 0x62], 'a\ufffd\ufffd(b'),
  'a charset nobody knows': {
    ...turned('text/plain; charset=x-private', [0x61, 0xff], 'a\ufffd'),
    given: { contentType: 'text/plain; charset=x-private', content: Buffer.from([0x61, 0xff]) },
  },
};

const names = Object.keys(TEXTS);
const texts = Object.values(TEXTS);

let app: RunningApp;
const phones: SipPhone[] = [];
const clients: RawMsrpClient[] = [];

/** A chat session with the program: the client, its path and ours. */
interface Chat {
  readonly client: RawMsrpClient;
  readonly own: string;
  readonly to: string;
  readonly dialog: PhoneDialog;
}

async function open(address: string, to: string, acceptTypes: string): Promise<Chat> {
  const phone = await SipPhone.open({ address, server: app.udp });
  phones.push(phone);
  const own = `msrp://127.0.0.1:9/${address.slice(4, 7)}${phones.length};tcp`;
  const dialog = await phone.dialog(
    'INVITE',
    to,
    { 'Content-Type': 'application/sdp' },
    chatOffer(own, { acceptTypes }),
  );
  const path = pathOf(dialog.answer.body);
  const client = await RawMsrpClient.connect(Number(/:(\d+)\//.exec(path)?.[1] ?? 0));
  clients.push(client);
  const bind = {
    transactId: 'bind0001',
    to: path,
    from: own,
    headers: ['Message-ID: b', 'Byte-Range: 1-0/0'],
  };
  await client.sendBytes(msrpRequest(bind));
  expect((await responseTo(client, 'bind0001')).status).to.equal(200);
  return { client, own, to: path, dialog };
}

/** Leaves bodies in one session, one SEND each. */
async function leaveByMsrp(bodies: readonly { contentType: string; content: Buffer }[]): Promise<void> {
  const { client, own, to } = await open(BOB, ALICE, 'message/cpim text/plain');
  for (const [index, { contentType, content }] of bodies.entries()) {
    const transactId = `send${String(index).padStart(4, '0')}`;
    const headers = [
      `Message-ID: m${index}`,
      `Byte-Range: 1-${content.length}/${content.length}`,
      `Content-Type: ${contentType}`,
    ];
    await client.sendBytes(msrpRequest({ transactId, to, from: own, headers, body: content }));
    expect((await responseTo(client, transactId)).status, names[index]).to.equal(200);
  }
}

/** Leaves bodies by MESSAGE, byte for byte, one datagram each. */
async function leaveByMessage(bodies: readonly { contentType: string; content: Buffer }[]): Promise<void> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  try {
    for (const [index, { contentType, content }] of bodies.entries()) {
      const lines = [
        `MESSAGE ${ALICE} SIP/2.0`,
        `Via: SIP/2.0/UDP 127.0.0.1:${socket.address().port};branch=z9hG4bKtext${index};rport`,
        'Max-Forwards: 70',
        `From: <${BOB}>;tag=b`,
        `To: <${ALICE}>`,
        `Call-ID: text-${index}`,
        `CSeq: ${index + 1} MESSAGE`,
        `Content-Type: ${contentType}`,
        `Content-Length: ${content.length}`,
      ];
      socket.send(
        Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), content]),
        app.udp,
        '127.0.0.1',
      );
      const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(5_000) })) as [Buffer];
      expect(answer.toString(), names[index]).to.match(/^SIP\/2\.0 200 /);
    }
  } finally {
    socket.close();
  }
}

/** Fetches `count` bodies. */
async function fetchAll(count: number, acceptTypes: string): Promise<Buffer[]> {
  const { client, own, dialog } = await open(ALICE, MAILBOX, acceptTypes);
  const bodies: Buffer[] = [];
  while (bodies.length < count) {
    const frame = await client.nextFrame();
    if (frame.method !== 'SEND') continue;
    await acknowledge(client, frame, own);
    bodies.push(frame.body);
  }
  await dialog.next('BYE');
  expect(client.takeFrame()?.method).to.equal(undefined);
  return bodies;
}

/** Message headers, MIME headers and content of a message/cpim, parted by hand. */
function part(body: Buffer): { outer: string[]; inner: string[]; content: Buffer } {
  const first = body.indexOf('\r\n\r\n');
  const second = body.indexOf('\r\n\r\n', first + 4);
  return {
    outer: body.subarray(0, first).toString().split('\r\n'),
    inner: body
      .subarray(first + 4, second)
      .toString()
      .split('\r\n'),
    content: body.subarray(second + 4),
  };
}

function wrapped({ contentType, content }: Text): { contentType: string; content: Buffer } {
  const head = `From: Bob <${BOB}>\r\nTo: <${ALICE}>\r\n\r\nContent-Type: ${contentType}\r\n\r\n`;
  return { contentType: 'message/cpim', content: Buffer.concat([Buffer.from(head), content]) };
}

/** So that a failure shows characters and not a table of bytes. */
const visible = (bytes: Buffer): string => JSON.stringify(bytes.toString('latin1').slice(-300));

const WAYS = {
  'as they are by MSRP': () => leaveByMsrp(texts),
  'in CPIM by MSRP': () => leaveByMsrp(texts.map(wrapped)),
  'as they are by MESSAGE': () => leaveByMessage(texts),
  'in CPIM by MESSAGE': () => leaveByMessage(texts.map(wrapped)),
};

describe('texts of all kinds survive being left and fetched, byte for byte', () => {
  beforeEach(async () => {
    app = await runApp();
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    for (const phone of phones.splice(0)) await phone.close();
    await app.stop();
  });

  for (const [way, leave] of Object.entries(WAYS)) {
    it(`left ${way}, fetched in CPIM`, async () => {
      await leave();
      const bodies = await fetchAll(texts.length, 'message/cpim text/plain');
      for (const [index, { given }] of texts.entries()) {
        const { outer, inner, content } = part(bodies[index] ?? Buffer.alloc(0));
        const name = names[index];
        expect(outer.filter((line) => line.startsWith('From:')).join(), name).to.include(`<${BOB}>`);
        expect(inner, name).to.deep.equal([`Content-Type: ${given.contentType}`]);
        expect(visible(content), name).to.equal(visible(given.content));
        expect(content.equals(given.content), name).to.equal(true);
      }
    });

    it(`left ${way}, fetched as plain text`, async () => {
      await leave();
      const bodies = await fetchAll(texts.length, 'text/plain');
      for (const [index, { words }] of texts.entries()) {
        const body = bodies[index] ?? Buffer.alloc(0);
        const start = body.subarray(0, body.length - words.length);
        const name = names[index];
        expect(visible(body.subarray(start.length)), name).to.equal(visible(words));
        expect(body.subarray(start.length).equals(words), name).to.equal(true);
        expect(start.toString(), name).to.match(
          /^(Bob <)?sip:bob@example\.test>?, \d{4}-\d\d-\d\d \d\d:\d\d UTC: $/,
        );
      }
    });
  }

  it('the headers of a message/cpim come back, the author being whom the proxy vouched for', async () => {
    const head = [
      'From: "Eve" <sip:eve@example.test>',
      'To: Alice <sip:alice@example.test>',
      'To: <sip:zoe@example.test>',
      'cc: "Carol" <sip:carol@example.test>',
      'DateTime: 2026-11-21T14:03:05.25-05:00',
      'Subject: lunch\\r\\n?',
      'Subject:;lang=fr déjeuner',
      'NS: imdn <urn:ietf:params:imdn>',
      'NS: MyFeatures <mid:MessageFeatures@id.example.com>',
      'Require: MyFeatures.Vital',
      'imdn.Message-ID: 34jk324j',
      'imdn.Disposition-Notification: positive-delivery, display',
      'MyFeatures.Vital:;a=b yes',
    ];
    const mime = [
      'Content-Type: text/plain; charset=utf-8',
      'Content-ID: <1@example.com>',
      'Content-Transfer-Encoding: base64',
      'Content-Length: 8',
      'Content-Language: en',
    ];
    const content = Buffer.from(
      [...head, '', ...mime, '', Buffer.from('hello').toString('base64')].join('\r\n'),
    );
    await leaveByMsrp([{ contentType: 'message/cpim', content }]);
    const [body = Buffer.alloc(0)] = await fetchAll(1, 'message/cpim text/plain');
    expect(body.toString()).to.equal(
      [
        'From: <sip:bob@example.test>',
        'To: <sip:alice@example.test>',
        'To: <sip:zoe@example.test>',
        'cc: "Carol" <sip:carol@example.test>',
        'DateTime: 2026-11-21T14:03:05.25-05:00',
        'Subject: lunch\\r\\n?',
        'Subject:;lang=fr déjeuner',
        'NS: imdn <urn:ietf:params:imdn>',
        'NS: MyFeatures <mid:MessageFeatures@id.example.com>',
        'Require: MyFeatures.Vital',
        'imdn.Message-ID: 34jk324j',
        'imdn.Disposition-Notification: display',
        'MyFeatures.Vital:;a=b yes',
        '',
        'Content-Type: text/plain; charset=utf-8',
        'Content-ID: <1@example.com>',
        'Content-Language: en',
        '',
        'hello',
      ].join('\r\n'),
    );
  });
});
