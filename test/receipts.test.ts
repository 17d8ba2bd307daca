import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import { AddressOfRecord } from '../src/core/address-of-record.ts';
import type { Clock } from '../src/core/clock.ts';
import { systemClock } from '../src/core/clock.ts';
import { silentLogger } from '../src/core/logger.ts';
import { noMetrics } from '../src/core/metrics.ts';
import { systemRandom } from '../src/core/random.ts';
import { openStore } from '../src/store/store.ts';
import { JumpingClock } from './doubles/jumping-clock.ts';
import type { ChatOptions } from './doubles/msrp-chat.ts';
import { MsrpChat, chatOffer, pathOf } from './doubles/msrp-chat.ts';
import { quiet } from './doubles/quiet.ts';
import type { RunningApp } from './doubles/running-app.ts';
import { runApp } from './doubles/running-app.ts';
import type { PhoneDialog, PhoneMessage } from './doubles/sip-phone.ts';
import { SipPhone } from './doubles/sip-phone.ts';
import { text } from './store/store-contract.ts';

const ALICE = 'sip:alice@example.test';
const BOB = 'sip:bob@example.test';
const MAILBOX = 'sip:mailbox@example.test';
const CPIM = { 'Content-Type': 'message/cpim' };
const WRITTEN_AT = '2026-11-21T14:03:05-05:00';

/** A text that asks for `dispositions`, by hand. */
function asking(messageId: string, dispositions: string): string {
  return [
    `From: <${BOB}>`,
    `To: <${ALICE}>`,
    `DateTime: ${WRITTEN_AT}`,
    'NS: imdn <urn:ietf:params:imdn>',
    `imdn.Message-ID: ${messageId}`,
    `imdn.Disposition-Notification: ${dispositions}`,
    '',
    'Content-Type: text/plain; charset=utf-8',
    '',
    `call me, ${messageId}`,
  ].join('\r\n');
}

/** What a client tells of a text, by hand. */
function telling(
  messageId: string,
  inner = '<display-notification><status><displayed/></status></display-notification>',
): string {
  return [
    `From: <${ALICE}>`,
    `To: <${BOB}>`,
    'NS: imdn <urn:ietf:params:imdn>',
    'imdn.Message-ID: told-1',
    '',
    'Content-Type: message/imdn+xml',
    'Content-Disposition: notification',
    '',
    `<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>${messageId}</message-id><datetime>${WRITTEN_AT}</datetime>${inner}</imdn>`,
  ].join('\r\n');
}

const tells = (status: string, messageId: string) => (body: string) =>
  body.includes(`<${status}/>`) && body.includes(`<message-id>${messageId}</message-id>`);

describe('receipts, from the phone’s side', function () {
  this.timeout(30_000);

  const apps: RunningApp[] = [];
  const phones: SipPhone[] = [];
  const chats: MsrpChat[] = [];
  let app: RunningApp;

  afterEach(async () => {
    for (const chat of chats.splice(0)) chat.close();
    for (const opened of phones.splice(0)) await opened.close();
    for (const running of apps.splice(0).reverse()) await running.stop();
  });

  async function run(
    environment: Readonly<Record<string, string>> = {},
    clock: Clock = systemClock,
  ): Promise<void> {
    app = await runApp(environment, clock);
    apps.push(app);
  }

  async function phone(address: string, server = app.udp): Promise<SipPhone> {
    const opened = await SipPhone.open({ address, server });
    phones.push(opened);
    return opened;
  }

  async function call(
    from: SipPhone,
    to: string,
    wrappedTypes: string,
    options: ChatOptions = {},
  ): Promise<{ dialog: PhoneDialog; chat: MsrpChat }> {
    const path = MsrpChat.localPath();
    const offer = chatOffer(path).replace(/(a=accept-wrapped-types:).*/, `$1${wrappedTypes}`);
    const dialog = await from.dialog('INVITE', to, { 'Content-Type': 'application/sdp' }, offer);
    const chat = await MsrpChat.open(path, pathOf(dialog.answer.body), options);
    chats.push(chat);
    return { dialog, chat };
  }

  /** Fetches by MSRP until the mailbox hangs up; resolves with what came. */
  async function fetchTexts(owner: SipPhone): Promise<string[]> {
    const { dialog, chat } = await call(owner, MAILBOX, '*');
    await dialog.next('BYE');
    return chat.messages().map(({ body }) => body);
  }

  const messages = (of: SipPhone): readonly PhoneMessage[] =>
    of.received.filter(({ startLine }) => startLine.startsWith('MESSAGE '));

  async function receipt(at: SipPhone, status: string, messageId: string): Promise<PhoneMessage> {
    const wanted = tells(status, messageId);
    return await at.waitFor(
      `${status} of ${messageId}`,
      (message) => message.startLine.startsWith('MESSAGE ') && wanted(message.body),
    );
  }

  describe('of a text by MESSAGE', () => {
    it('tell that it is stored, delivered and displayed, in the owner’s name', async () => {
      await run();
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      const asked = asking('m-1', 'processing, positive-delivery, negative-delivery, display');
      expect((await bob.message(ALICE, asked, CPIM)).startLine).to.include('200');
      const stored = await receipt(bob, 'stored', 'm-1');
      expect(stored.startLine).to.equal(`MESSAGE ${BOB} SIP/2.0`);
      expect(stored.header('Content-Type')).to.equal('message/cpim');
      expect(stored.header('From')).to.match(/^<sip:alice@example\.test>;tag=/);
      expect(stored.header('To')).to.equal(`<${BOB}>`);
      const [outer = '', mime = '', xml = ''] = stored.body.split('\r\n\r\n');
      expect(outer.split('\r\n')).to.include.members([`From: <${ALICE}>`, `To: <${BOB}>`]);
      expect(outer).to.not.match(/Disposition-Notification/i);
      expect(mime).to.include('Content-Disposition: notification');
      expect(xml)
        .to.include('<processing-notification>')
        .and.to.include(`<datetime>${WRITTEN_AT}</datetime>`)
        .and.to.include(`<recipient-uri>${ALICE}</recipient-uri>`);

      const [fetched] = await fetchTexts(alice);
      expect(fetched).to.include('call me, m-1');
      expect((await receipt(bob, 'delivered', 'm-1')).body).to.include('<delivery-notification>');

      expect((await alice.message(MAILBOX, telling('m-1'), CPIM)).startLine).to.include('200');
      expect((await receipt(bob, 'displayed', 'm-1')).body).to.include('<display-notification>');
      expect(messages(bob)).to.have.length(3);
      expect(messages(alice), 'a receipt is no wish to fetch').to.have.length(0);
    });

    it('tell what was asked for and nothing else', async () => {
      await run();
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      await bob.message(ALICE, asking('m-1', 'display'), CPIM);
      await bob.message(ALICE, asking('m-2', 'positive-delivery'), CPIM);
      await bob.message(ALICE, 'nothing asked');
      expect(await fetchTexts(alice)).to.have.length(3);
      await receipt(bob, 'delivered', 'm-2');
      await alice.message(MAILBOX, telling('m-2'), CPIM);
      await alice.message(MAILBOX, telling('m-1'), CPIM);
      await receipt(bob, 'displayed', 'm-1');
      expect(messages(bob)).to.have.length(2);
    });

    it('are sent once, also when the text or the word that it was displayed comes twice', async () => {
      await run();
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      const asked = asking('m-1', 'processing, display');
      await bob.message(ALICE, asked, CPIM);
      await bob.message(ALICE, asked, CPIM);
      await fetchTexts(alice);
      await alice.message(MAILBOX, telling('m-1'), CPIM);
      await alice.message(MAILBOX, telling('m-1'), CPIM);
      await receipt(bob, 'displayed', 'm-1');
      await bob.message(ALICE, asking('m-2', 'processing'), CPIM);
      await receipt(bob, 'stored', 'm-2');
      expect(messages(bob)).to.have.length(3);
    });

    it('take the word that it was displayed deflated, as Linphone sends it, and nobody else’s', async () => {
      await run();
      const [bob, alice, carol] = [
        await phone(BOB),
        await phone(ALICE),
        await phone('sip:carol@example.test'),
      ];
      await bob.message(ALICE, asking('m-1', 'display'), CPIM);
      await bob.message(ALICE, asking('m-2', 'display'), CPIM);
      await fetchTexts(alice);
      expect((await carol.message(MAILBOX, telling('m-1'), CPIM)).startLine).to.include('200');
      expect(await sendDeflated(telling('m-2'))).to.match(/^SIP\/2\.0 200 /);
      await receipt(bob, 'displayed', 'm-2');
      expect(messages(bob)).to.have.length(1);
    });

    /** From alice to the Message-Account, in bytes. */
    async function sendDeflated(body: string): Promise<string> {
      const socket = createSocket('udp4');
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      try {
        const content = deflateSync(body);
        const head = [
          `MESSAGE ${MAILBOX} SIP/2.0`,
          `Via: SIP/2.0/UDP 127.0.0.1:${socket.address().port};branch=z9hG4bKdeflated;rport`,
          'Max-Forwards: 70',
          `From: <${ALICE}>;tag=1`,
          `To: <${MAILBOX}>`,
          'Call-ID: deflated',
          'CSeq: 1 MESSAGE',
          'Content-Type: message/cpim',
          'Content-Encoding: deflate',
          'Priority: non-urgent',
          `Content-Length: ${content.length}`,
          '',
          '',
        ].join('\r\n');
        socket.send(Buffer.concat([Buffer.from(head), content]), app.udp, '127.0.0.1');
        const [answer] = (await once(socket, 'message')) as [Buffer];
        return answer.toString();
      } finally {
        socket.close();
      }
    }

    it('drop what a phone says unasked or in a way nobody can read, and answer 200', async () => {
      await run();
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      await bob.message(ALICE, asking('m-1', 'positive-delivery, display'), CPIM);
      const delivered = '<delivery-notification><status><delivered/></status></delivery-notification>';
      for (const inner of [delivered, '', '<!DOCTYPE x>', '<display-notification>']) {
        expect((await alice.message(MAILBOX, telling('m-1', inner), CPIM)).startLine, inner).to.include(
          '200',
        );
      }
      // None of them was taken for a wish to fetch.
      expect(await fetchTexts(alice)).to.have.length(1);
      await receipt(bob, 'delivered', 'm-1');
      expect(messages(bob)).to.have.length(1);
    });
  });

  describe('of a text in a chat session', () => {
    it('come in the session while its author is there, else by MESSAGE', async () => {
      await run();
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      const { dialog, chat } = await call(bob, ALICE, 'text/plain message/imdn+xml');
      const asked = asking('m-1', 'processing, positive-delivery');
      expect(await chat.send('message/cpim', asked)).to.include({ status: 200 });
      const [, stored] = await chat.waitForMessages(2);
      expect(stored?.contentType).to.equal('message/cpim');
      expect(tells('stored', 'm-1')(stored?.body ?? '')).to.equal(true);
      expect(messages(bob)).to.have.length(0);
      await dialog.request('BYE');
      await fetchTexts(alice);
      await receipt(bob, 'delivered', 'm-1');
    });

    it('come by MESSAGE when its client takes none in the session', async () => {
      await run();
      const bob = await phone(BOB);
      const { chat } = await call(bob, ALICE, 'text/plain');
      await chat.send('message/cpim', asking('m-1', 'processing'));
      await receipt(bob, 'stored', 'm-1');
      expect(chat.messages(), 'the greeting alone').to.have.length(1);
    });

    it('come by MESSAGE when its client refuses them in the session', async () => {
      await run();
      const bob = await phone(BOB);
      const { chat } = await call(bob, ALICE, '*', {
        answerTo: ({ body }) => (body.includes('<imdn') ? '415 Unsupported' : '200 OK'),
      });
      await chat.send('message/cpim', asking('m-1', 'processing'));
      await receipt(bob, 'stored', 'm-1');
    });

    it('take the word of the owner’s client that it was displayed in her session', async () => {
      await run();
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      await bob.message(ALICE, asking('m-1', 'display'), CPIM);
      // The session lasts until the text is acknowledged: she reads it before.
      const frames: string[] = [];
      const { chat, dialog } = await call(alice, MAILBOX, '*', {
        answerTo: () => '',
        trace: (direction, frame) => {
          if (direction === 'in') frames.push(frame);
        },
      });
      await chat.waitForMessages(1);
      expect(await chat.send('message/cpim', telling('m-1'))).to.deep.equal({ status: 200 });
      await receipt(bob, 'displayed', 'm-1');
      expect((await chat.send('text/plain', 'hello')).status, 'words are none').to.equal(403);
      const [, transactId = '', theirs = ''] =
        /^MSRP (\S+) SEND\r\n(?:.*\r\n)*?From-Path: (\S+)\r\n/.exec(
          frames.find((frame) => frame.includes('m-1')) ?? '',
        ) ?? [];
      chat.raw(
        `MSRP ${transactId} 200 OK\r\nTo-Path: ${theirs}\r\nFrom-Path: ${chat.path}\r\n-------${transactId}$\r\n`,
      );
      await dialog.next('BYE');
    });
  });

  it('that were due when the program died go out when it runs again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'text-mailbox-receipts-'));
    try {
      const url = `sqlite:${folder}/mailbox.db`;
      // A phone needs a port to send to; nothing of this test goes there.
      const bob = await phone(BOB, 9);
      const store = await openStore({
        url,
        limits: { maxTexts: 10, maxBytes: 100_000_000, maxMessageBytes: 1_000, dropRead: false },
        keepsRead: true,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        metrics: noMetrics,
        onSummaryDirty: () => undefined,
      });
      await store.deposit(
        text({
          author: BOB,
          receipts: {
            dispositions: ['processing'],
            messageId: 'm-1',
            dateTime: WRITTEN_AT,
            returnHop: `sip:127.0.0.1:${bob.port};transport=udp`,
          },
        }),
      );
      await store.close();
      await run({ DATABASE_URL: url });
      await receipt(bob, 'stored', 'm-1');
    } finally {
      for (const running of apps.splice(0)) await running.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('for an author who is offline as well are not taken when the proxy sends them back, and nothing follows', async () => {
    const proxy = await phone('sip:proxy@example.test', 9);
    proxy.answerTo = () => '480 Temporarily Unavailable';
    await run({ OUTBOUND_PROXY: `sip:127.0.0.1:${proxy.port};transport=udp` });
    const [bob, alice] = [await phone(BOB), await phone(ALICE)];
    await bob.message(ALICE, asking('m-1', 'processing'), CPIM);
    const sent = await receipt(proxy, 'stored', 'm-1');
    const kept = ['Content-Type', 'X-Text-Mailbox-Delivery', 'Priority'];
    const copied = Object.fromEntries(kept.map((name) => [name, sent.header(name) ?? '']));
    // The failure route: same request, new target.
    expect((await alice.message(BOB, sent.body, copied)).startLine).to.include(' 480 ');
    // Without its mark it is a notice, as phones send them.
    expect((await alice.message(BOB, sent.body, CPIM)).startLine).to.include(' 200 ');
    expect((await fetchTexts(bob))[0]).to.equal('You have no new texts.');
    expect(messages(proxy)).to.have.length(1);
    expect(messages(bob)).to.have.length(0);
  });

  it('speak as the alias that the text was sent to, in a session and by MESSAGE', async () => {
    await run();
    const DESK = 'sip:1001@example.test';
    const book = await openStore({
      url: `sqlite:${app.folder}/mailbox.db`,
      limits: { maxTexts: 10, maxBytes: 100_000_000, maxMessageBytes: 1_000, dropRead: false },
      keepsRead: true,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      metrics: noMetrics,
      onSummaryDirty: () => undefined,
    });
    await book.addAlias(AddressOfRecord.parse(ALICE), AddressOfRecord.parse(DESK));
    await book.close();
    const [bob, alice] = [await phone(BOB), await phone(ALICE)];
    const { dialog, chat } = await call(bob, DESK, '*');
    await chat.send('message/cpim', asking('m-1', 'processing, positive-delivery, display'));
    const [, stored] = await chat.waitForMessages(2);
    expect(tells('stored', 'm-1')(stored?.body ?? '')).to.equal(true);
    await dialog.request('BYE');
    await fetchTexts(alice);
    await receipt(bob, 'delivered', 'm-1');
    await alice.message(MAILBOX, telling('m-1'), CPIM);
    await receipt(bob, 'displayed', 'm-1');
    for (const { text: said } of messages(bob)) expect(said).to.include(`From: <${DESK}>`);
    const all = [stored?.body ?? '', ...messages(bob).map(({ text: said }) => said)];
    expect(all.map((said) => said.includes('alice'))).to.deep.equal([false, false, false]);
  });

  it('are not sent to somebody whom no trusted proxy vouches for (reflection)', async () => {
    await run({ TRUSTED_PROXIES: '192.0.2.0/24', DEPOSIT_FROM: 'anyone' });
    const [bob, carol] = [await phone(BOB), await phone('sip:carol@example.test')];
    const forged = asking('m-1', 'processing');
    expect((await carol.message(ALICE, forged, { ...CPIM, From: `<${BOB}>;tag=x` })).startLine).to.include(
      '200',
    );
    await app.stop();
    expect([...messages(bob), ...messages(carol)]).to.deep.equal([]);
  });

  it('are not sent with RECEIPTS=off', async () => {
    await run({ RECEIPTS: 'off' });
    const [bob, alice] = [await phone(BOB), await phone(ALICE)];
    await bob.message(ALICE, asking('m-1', 'processing, positive-delivery, display'), CPIM);
    const [fetched] = await fetchTexts(alice);
    expect(fetched).to.include('call me, m-1').and.to.not.include('Disposition-Notification');
    expect((await alice.message(MAILBOX, telling('m-1'), CPIM)).startLine).to.include('200');
    await app.stop();
    expect(messages(bob)).to.deep.equal([]);
  });

  describe('of a text that is too old', () => {
    /** The lamp of alice until it shows `count`. */
    async function lamp(alice: SipPhone): Promise<(count: string) => Promise<void>> {
      const dialog = await alice.dialog('SUBSCRIBE', ALICE, {
        Event: 'message-summary',
        Accept: 'application/simple-message-summary',
        Expires: '3600',
      });
      return async (count) => {
        for (;;) if ((await dialog.next('NOTIFY')).body.includes(`Text-Message: ${count} `)) return;
      };
    }

    for (const [who, environment, headers] of [
      ['its sender (Expires)', {}, { Expires: '600' }],
      ['the operator (MESSAGE_TTL)', { MESSAGE_TTL: '600' }, {}],
    ] as const) {
      it(`tell that it failed, and the lamp goes out, when ${who} lets it live so long`, async () => {
        const clock = new JumpingClock();
        await run(environment, clock);
        const [bob, alice] = [await phone(BOB), await phone(ALICE)];
        const shows = await lamp(alice);
        await bob.message(ALICE, asking('m-1', 'negative-delivery, positive-delivery'), {
          ...CPIM,
          ...headers,
        });
        await shows('1/0');
        await quiet(app, [alice]);
        clock.jump(601_000);
        await shows('0/0');
        expect((await receipt(bob, 'failed', 'm-1')).body).to.include('<delivery-notification>');
        expect((await fetchTexts(alice))[0]).to.equal('You have no new texts.');
        expect(messages(bob)).to.have.length(1);
      });
    }

    it('at once (Expires: 0) are not needed: 480 says that nobody is there', async () => {
      await run();
      const [bob, alice] = [await phone(BOB), await phone(ALICE)];
      expect((await bob.message(ALICE, 'now or never', { Expires: '0' })).startLine).to.include('480');
      const mark =
        '<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state></isComposing>';
      const typing = { 'Content-Type': 'application/im-iscomposing+xml', Expires: '0' };
      expect((await bob.message(ALICE, mark, typing)).startLine).to.include('200');
      expect((await fetchTexts(alice))[0]).to.equal('You have no new texts.');
    });
  });
});
