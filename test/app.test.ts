import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'chai';
import { MsrpChat, chatOffer, pathOf } from './doubles/msrp-chat.ts';
import type { RunningApp } from './doubles/running-app.ts';
import { runApp } from './doubles/running-app.ts';
import type { PhoneDialog } from './doubles/sip-phone.ts';
import { SipPhone } from './doubles/sip-phone.ts';

const ALICE = 'sip:alice@example.test';
const BOB = 'sip:bob@example.test';
const MAILBOX = 'sip:mailbox@example.test';
const SDP = { 'Content-Type': 'application/sdp' };

let app: RunningApp;
const phones: SipPhone[] = [];
const chats: MsrpChat[] = [];

async function phone(address: string, name?: string): Promise<SipPhone> {
  const opened = await SipPhone.open({ address, server: app.udp, ...(name === undefined ? {} : { name }) });
  phones.push(opened);
  return opened;
}

async function call(
  from: SipPhone,
  to: string,
  options: { acceptTypes?: string; setup?: string; secure?: boolean } = {},
): Promise<{ dialog: PhoneDialog; chat: MsrpChat }> {
  const path = MsrpChat.localPath(options.secure === true ? 'msrps' : 'msrp');
  const dialog = await from.dialog('INVITE', to, SDP, chatOffer(path, options));
  const chat = await MsrpChat.open(path, pathOf(dialog.answer.body));
  chats.push(chat);
  return { dialog, chat };
}

/** The lamp of `owner` until it shows `count`, e.g. `2/0`. */
async function lamp(owner: SipPhone, address: string): Promise<(count: string) => Promise<string>> {
  const dialog = await owner.dialog('SUBSCRIBE', address, {
    Event: 'message-summary',
    Accept: 'application/simple-message-summary',
    Expires: '600',
  });
  return async (count) => {
    for (;;) {
      const { body } = await dialog.next('NOTIFY');
      if (body.includes(`Text-Message: ${count} `)) return body;
    }
  };
}

/** Fetches by MSRP and returns the bodies. */
async function fetchTexts(owner: SipPhone, count: number, acceptTypes?: string): Promise<string[]> {
  const { dialog, chat } = await call(owner, MAILBOX, acceptTypes === undefined ? {} : { acceptTypes });
  const texts = await chat.waitForMessages(count);
  await dialog.next('BYE');
  expect(chat.messages()).to.have.length(count);
  return texts.map(({ body }) => body);
}

describe('the mailbox, from the phone’s side', () => {
  beforeEach(async () => {
    app = await runApp();
  });

  afterEach(async () => {
    for (const chat of chats.splice(0)) chat.close();
    for (const opened of phones.splice(0)) await opened.close();
    await app.stop();
  });

  describe('a MESSAGE for an offline user', () => {
    it('is answered 200, lights the lamp, and is delivered once with author and time', async () => {
      const [bob, alice] = [await phone(BOB, 'Bob'), await phone(ALICE)];
      const shows = await lamp(alice, ALICE);
      const answer = await bob.message(ALICE, 'Grüße 🌍');
      expect(answer.startLine).to.equal('SIP/2.0 200 OK');
      expect(await shows('1/0')).to.equal(
        `Messages-Waiting: yes\r\nMessage-Account: ${MAILBOX}\r\nText-Message: 1/0 (0/0)\r\n`,
      );
      const [text = ''] = await fetchTexts(alice, 1);
      expect(text)
        .to.include(`<${BOB}>`)
        .and.to.include('Grüße 🌍')
        .and.to.match(/^DateTime: /m);
      expect(await shows('0/1')).to.equal(
        `Messages-Waiting: no\r\nMessage-Account: ${MAILBOX}\r\nText-Message: 0/1 (0/0)\r\n`,
      );
      const [empty = ''] = await fetchTexts(alice, 1);
      expect(empty).to.include('You have no new texts.');
    });

    it('counts as urgent when its Priority says so', async () => {
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      const shows = await lamp(alice, ALICE);
      await bob.message(ALICE, 'fire', { Priority: 'urgent' });
      expect(await shows('1/0')).to.include('Text-Message: 1/0 (1/0)\r\n');
    });

    it('that is sent twice is kept once and answered 200 twice', async () => {
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      const headers = { 'Call-ID': 'same-call', CSeq: '7 MESSAGE' };
      expect((await bob.message(ALICE, 'once', headers)).startLine).to.include('200');
      expect((await bob.message(ALICE, 'once', headers)).startLine).to.include('200');
      expect(await fetchTexts(alice, 1)).to.have.length(1);
    });

    it('in a coding that phones use is decoded; another gets 415 with Accept-Encoding', async () => {
      const alice = await phone(ALICE);
      const text = 'compressed and säfe';
      const codings = { deflate: deflateSync(text), gzip: gzipSync(text), raw: deflateRawSync(text) };
      for (const [name, body] of Object.entries(codings)) {
        const coding = name === 'gzip' ? 'gzip' : 'deflate';
        expect(await sendBytes(body, { 'Content-Encoding': coding }), name).to.match(/^SIP\/2\.0 200 /);
      }
      const texts = await fetchTexts(alice, 3);
      for (const body of texts) expect(body).to.include(text);
      const refused = await sendBytes(Buffer.from('x'), { 'Content-Encoding': 'br' });
      expect(refused)
        .to.match(/^SIP\/2\.0 415 /)
        .and.to.match(/^Accept-Encoding: .*deflate/m);
    });

    it('of a type that is no text gets 415 with Accept', async () => {
      const bob = await phone(BOB);
      const answer = await bob.message(ALICE, 'x', { 'Content-Type': 'application/octet-stream' });
      expect(answer.startLine).to.include('415');
      expect(answer.header('Accept')).to.include('text/plain').and.to.include('message/cpim');
    });

    it('that is a receipt or a typing mark is accepted and not kept', async () => {
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      const composing =
        '<?xml version="1.0"?><isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state></isComposing>';
      const types = { 'Content-Type': 'application/im-iscomposing+xml' };
      expect((await bob.message(ALICE, composing, types)).startLine).to.include('200');
      expect((await fetchTexts(alice, 1))[0]).to.include('You have no new texts.');
    });

    it('over the limit gets 413, compressed beyond it too', async () => {
      const bob = await phone(BOB);
      const bomb = gzipSync(Buffer.alloc(1_000_000, 97));
      expect(await sendBytes(bomb, { 'Content-Encoding': 'gzip' })).to.match(/^SIP\/2\.0 413 /);
      expect((await bob.message(ALICE, 'fine')).startLine).to.include('200');
    });

    it('of a domain not served here gets 404', async () => {
      const bob = await phone(BOB);
      expect((await bob.message('sip:alice@elsewhere.test', 'hi')).startLine).to.include('404');
    });

    it('of our own that the proxy sent back gets 480 and is never kept', async () => {
      const alice = await phone(ALICE);
      const back = await alice.message(ALICE, 'loop', { 'X-Text-Mailbox-Delivery': 'yes' });
      expect(back.startLine).to.include('480');
      expect((await fetchTexts(alice, 1))[0]).to.include('You have no new texts.');
    });
  });

  describe('a chat session with an offline user', () => {
    it('greets, acknowledges each line once it is kept, and reports success where asked', async () => {
      const [bob, alice] = [await phone(BOB, 'Bob'), await phone(ALICE)];
      const { dialog, chat } = await call(bob, ALICE);
      const [greeting] = await chat.waitForMessages(1);
      expect(greeting?.body).to.include('I am offline but you can type a message');
      expect((await chat.send('text/plain', 'one', ['Success-Report: yes'])).status).to.equal(200);
      expect((await chat.send('text/plain', 'two')).status).to.equal(200);
      expect((await dialog.request('BYE')).startLine).to.include('200');
      expect(chat.reports()).to.have.length(1);
      expect(chat.reports()[0]).to.include('Status: 000 200 OK').and.to.include('Byte-Range: 1-3/3');
      const texts = await fetchTexts(alice, 2);
      expect(texts[0]).to.include('one');
      expect(texts[1]).to.include('two');
    });

    it('works over TLS with TCP/TLS/MSRP and msrps', async () => {
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      const { dialog, chat } = await call(bob, ALICE, { secure: true });
      expect(dialog.answer.body).to.include('TCP/TLS/MSRP').and.to.include('a=path:msrps://');
      expect((await chat.send('text/plain', 'secret')).status).to.equal(200);
      expect((await fetchTexts(alice, 1))[0]).to.include('secret');
    });

    it('unwraps CPIM and keeps the author the proxy vouched for', async () => {
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      const { chat } = await call(bob, ALICE);
      const cpim =
        'From: <sip:mallory@evil.test>\r\nTo: <sip:alice@example.test>\r\nDateTime: 2026-01-02T03:04:05Z\r\n\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nwrapped';
      expect((await chat.send('message/cpim', cpim)).status).to.equal(200);
      const [text = ''] = await fetchTexts(alice, 1);
      expect(text).to.include(BOB).and.to.include('wrapped').and.not.to.include('mallory');
    });

    it('refuses a type it cannot keep with 415 and the session goes on', async () => {
      const bob = await phone(BOB);
      const { chat } = await call(bob, ALICE);
      expect((await chat.send('application/octet-stream', 'x')).status).to.equal(415);
      expect((await chat.send('text/plain', 'x'.repeat(70_000))).status).to.equal(413);
      expect((await chat.send('text/plain', 'still here')).status).to.equal(200);
    });

    it('takes no MESSAGE inside its call: 405, where a 200 would lose it', async () => {
      const bob = await phone(BOB);
      const { dialog } = await call(bob, ALICE);
      const answer = await dialog.request('MESSAGE', { 'Content-Type': 'text/plain' }, 'lost?');
      expect(answer.startLine).to.include('405');
      expect((await dialog.request('BYE')).startLine).to.include('200');
    });

    it('without MSRP in its offer gets 488 with a Warning', async () => {
      const bob = await phone(BOB);
      const audio =
        'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';
      const headers = { ...SDP, Contact: bob.contact };
      const answer = await bob.request('INVITE', ALICE, headers, audio);
      expect(answer.startLine).to.include('488');
      expect(answer.header('Warning')).to.match(/^304 .*MSRP/);
    });
  });

  describe('a retrieval', () => {
    it('sends plain lines that name author and time to a client without CPIM', async () => {
      const [bob, alice] = [await phone(BOB, 'Bob'), await phone(ALICE)];
      await bob.message(ALICE, 'plain words');
      const [text = ''] = await fetchTexts(alice, 1, 'text/plain');
      expect(text)
        .to.include('plain words')
        .and.to.include(BOB)
        .and.to.match(/\d{4}-\d{2}-\d{2}/);
      expect(text).not.to.include('Content-Type');
    });

    it('leaves a text new when the client did not acknowledge it', async () => {
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      for (const words of ['first', 'second']) await bob.message(ALICE, words);
      const path = MsrpChat.localPath();
      const dialog = await alice.dialog('INVITE', MAILBOX, SDP, chatOffer(path));
      const chat = await MsrpChat.open(path, pathOf(dialog.answer.body), {
        answerTo: ({ body }) => (body.includes('second') ? '413 no' : '200 OK'),
      });
      chats.push(chat);
      await dialog.next('BYE');
      const again = await fetchTexts(alice, 1);
      expect(again[0]).to.include('second');
    });

    it('by two devices at once delivers each text once', async () => {
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      const words = Array.from({ length: 40 }, (_, i) => `text number ${String(i).padStart(2, '0')}`);
      for (const each of words) await bob.message(ALICE, each);
      const both = await Promise.all([call(alice, MAILBOX), call(alice, MAILBOX)]);
      await Promise.all(both.map(({ dialog }) => dialog.next('BYE')));
      const seen = both.flatMap(({ chat }) =>
        chat.messages().flatMap(({ body }) => /text number \d\d/.exec(body)?.[0] ?? []),
      );
      expect([...seen].sort()).to.deep.equal(words);
    });

    it('by MESSAGE brings the texts back as MESSAGEs that name author and time', async () => {
      const [bob, alice] = [await phone(BOB, 'Bob'), await phone(ALICE)];
      const shows = await lamp(alice, ALICE);
      await bob.message(ALICE, 'one for the pager');
      await shows('1/0');
      expect((await alice.message(MAILBOX, 'fetch')).startLine).to.include('200');
      const text = await alice.waitFor('the text', (m) => m.startLine.startsWith('MESSAGE '));
      expect(text.header('Content-Type')).to.match(/^text\/plain/);
      expect(text.header('From')).to.include(MAILBOX);
      expect(text.body).to.include('one for the pager').and.to.include(BOB);
      await shows('0/1');
    });

    it('by MESSAGE leaves the text new when the phone refuses it', async () => {
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      await bob.message(ALICE, 'stays');
      alice.answerTo = (request) => (request.startLine.startsWith('MESSAGE ') ? '480 Gone' : '200 OK');
      await alice.message(MAILBOX, 'fetch');
      await alice.waitFor('the text', (m) => m.startLine.startsWith('MESSAGE '));
      alice.answerTo = () => '200 OK';
      expect((await fetchTexts(alice, 1))[0]).to.include('stays');
    });

    it('is not started by a receipt', async () => {
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      await bob.message(ALICE, 'quiet');
      const imdn =
        '<?xml version="1.0"?><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>1</message-id></imdn>';
      const answer = await alice.message(MAILBOX, imdn, { 'Content-Type': 'message/imdn+xml' });
      expect(answer.startLine).to.include('200');
      expect((await fetchTexts(alice, 1))[0]).to.include('quiet');
      expect(alice.received.filter(({ startLine }) => startLine.startsWith('MESSAGE '))).to.have.length(0);
    });
  });

  describe('the lamp', () => {
    it('is shown to its owner only', async () => {
      const bob = await phone(BOB);
      const headers = { Event: 'message-summary', Contact: bob.contact, Expires: '600' };
      expect((await bob.request('SUBSCRIBE', ALICE, headers)).startLine).to.include('403');
    });

    it('outlives a NOTIFY inside its own subscription, whatever that names', async () => {
      const alice = await phone(ALICE);
      const dialog = await alice.dialog('SUBSCRIBE', ALICE, { Event: 'message-summary', Expires: '600' });
      const hostile = {
        Event: 'message-summary',
        'Subscription-State': 'terminated',
        To: (dialog.answer.header('To') ?? '').replace(/<[^>]*>/, '<urn:x>'),
      };
      expect((await dialog.request('NOTIFY', hostile)).startLine).to.match(/ 4\d\d /);
      expect((await alice.request('OPTIONS', MAILBOX)).startLine).to.include('200');
    });

    it('says the last count after a burst, in a handful of NOTIFYs', async () => {
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      const shows = await lamp(alice, ALICE);
      await Promise.all(Array.from({ length: 200 }, (_, i) => bob.message(ALICE, `line ${i}`)));
      await shows('200/0');
      expect(alice.received.filter(({ startLine }) => startLine.startsWith('NOTIFY ')).length).to.be.below(
        20,
      );
    });
  });

  it('answers OPTIONS with what it takes', async () => {
    const bob = await phone(BOB);
    const answer = await bob.request('OPTIONS', MAILBOX);
    expect(answer.startLine).to.include('200');
    expect(answer.header('Allow')).to.include('MESSAGE').and.to.include('SUBSCRIBE');
  });

  it('lives on after malformed SIP and MSRP', async () => {
    const bob = await phone(BOB);
    await sendRaw(Buffer.from('INVITE sip:x SIP/2.0\r\nVia: nonsense\r\n\r\n'));
    await sendRaw(Buffer.from([0, 255, 13, 10, 13, 10]));
    const { chat } = await call(bob, ALICE);
    const other = await MsrpChat.open(MsrpChat.localPath(), chat.path).catch((error: unknown) => error);
    expect(other).to.be.instanceOf(Error);
    chat.raw('MSRP !!!! nonsense\r\n\r\n');
    expect((await bob.message(ALICE, 'alive')).startLine).to.include('200');
  });
});

describe('a mailbox whose proxies are elsewhere', () => {
  beforeEach(async () => {
    app = await runApp({ TRUSTED_PROXIES: '192.0.2.0/24' });
  });

  afterEach(async () => {
    for (const opened of phones.splice(0)) await opened.close();
    await app.stop();
  });

  it('gives a stranger 403 for a deposit, a retrieval by INVITE or MESSAGE, a SUBSCRIBE and a PUBLISH', async () => {
    const eve = await phone(ALICE);
    const asserted = { 'P-Asserted-Identity': `<${ALICE}>`, Contact: eve.contact };
    const offer = chatOffer(MsrpChat.localPath());
    const answers = [
      await eve.message(ALICE, 'hi', asserted),
      await eve.message(MAILBOX, 'fetch', asserted),
      await eve.request('INVITE', MAILBOX, { ...SDP, ...asserted }, offer),
      await eve.request('SUBSCRIBE', ALICE, { ...asserted, Event: 'message-summary' }),
    ];
    expect(answers.map(({ startLine }) => startLine.split(' ')[1])).to.deep.equal([
      '403',
      '403',
      '403',
      '403',
    ]);
  });
});

/** Sends a MESSAGE with a body of bytes; resolves with the answer's text. */
async function sendBytes(body: Buffer, headers: Record<string, string>): Promise<string> {
  const token = Math.random().toString(36).slice(2);
  const lines = Object.entries({
    'Max-Forwards': '70',
    From: `<${BOB}>;tag=1`,
    To: `<${ALICE}>`,
    'Call-ID': token,
    CSeq: '1 MESSAGE',
    'Content-Type': 'text/plain',
    ...headers,
    'Content-Length': String(body.length),
  }).map(([name, value]) => `${name}: ${value}`);
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  try {
    const via = `Via: SIP/2.0/UDP 127.0.0.1:${socket.address().port};branch=z9hG4bK${token};rport`;
    const head = [`MESSAGE ${ALICE} SIP/2.0`, via, ...lines, '', ''].join('\r\n');
    socket.send(Buffer.concat([Buffer.from(head), body]), app.udp, '127.0.0.1');
    const [datagram] = (await once(socket, 'message', { signal: AbortSignal.timeout(5_000) })) as [Buffer];
    return datagram.toString('utf8');
  } finally {
    socket.close();
  }
}

async function sendRaw(bytes: Buffer): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => {
    socket.send(bytes, app.udp, '127.0.0.1', () => resolve());
  });
  socket.close();
}
