import { setTimeout as pause } from 'node:timers/promises';

import { expect } from 'chai';

import { AnsweringPhone } from '../doubles/answering-phone.ts';
import type { DatagramRelay } from '../doubles/datagram-relay.ts';
import { startDatagramRelay } from '../doubles/datagram-relay.ts';
import type { ChatMessage } from '../doubles/msrp-chat.ts';
import { chatOffer, pathOf } from '../doubles/msrp-chat.ts';
import { answerMsrp } from '../doubles/msrp-answerer.ts';
import { isRequest } from '../doubles/raw-sip-client.ts';
import { SipPhone } from '../doubles/sip-phone.ts';
import type { Baresip, BaresipOptions } from './baresip.ts';
import { startBaresip } from './baresip.ts';
import type { LampSiteOptions } from './lamp-site.ts';
import { LampSite, MAILBOX, addressOf, textsSummary } from './lamp-site.ts';
import { newTextsIn } from './mailbox-database.ts';
import { requirePeer } from './require-peer.ts';
import { runSipp } from './sipp.ts';
import { until } from './until.ts';

const BOB = addressOf('bob');

/** A text as the account brings it to a phone that has no chats: author and time, then the words. */
const BYLINE = /^(.+), (\d{4}-\d\d-\d\d \d\d:\d\d UTC): ([^]*)$/;

describe('texts brought to users who come online, through a real Kamailio', function () {
  this.timeout(60_000);
  requirePeer('kamailio', 'baresip', 'sipp');

  let site: LampSite;
  const stops: (() => Promise<unknown>)[] = [];

  async function open(options: LampSiteOptions = {}): Promise<void> {
    site = await LampSite.start({
      transport: 'udp',
      forwardRegister: true,
      sanity: true,
      ...options,
      environment: { DELIVERY: 'both', ...options.environment },
    });
    stops.push(async () => {
      await site.stop();
      expect(site.kamailio.log()).not.to.include('SANITY');
    });
  }

  /** The mailbox's own requests to phones, and the answers to them, take the wire that is returned. */
  async function openOverWire(): Promise<DatagramRelay> {
    const wire = await startDatagramRelay();
    stops.push(() => wire.close());
    await open({ environment: { OUTBOUND_PROXY: `sip:127.0.0.1:${wire.port};transport=udp` } });
    wire.server = site.kamailio.port;
    return wire;
  }

  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  async function bobsPhone(options: Partial<BaresipOptions> = {}): Promise<Baresip> {
    const phone = await startBaresip({ proxyPort: site.kamailio.port, user: 'bob', ...options });
    stops.push(() => phone.stop());
    return phone;
  }

  /** SIPp leaves one text for bob through Kamailio. */
  async function leaveBySipp(words: string, header = 'User-Agent: SIPp'): Promise<void> {
    const keys = { user: 'bob', domain: 'example.test', words, header };
    const run = { scenario: 'text.xml', port: site.kamailio.port, calls: 1, ratePerSecond: 10, keys };
    const { successful, errors } = await runSipp(run);
    expect(successful, errors).to.equal(1);
  }

  /** `user` leaves texts for bob through Kamailio, one after the other. */
  async function leave(user: string, ...texts: string[]): Promise<void> {
    const name = `${user.slice(0, 1).toUpperCase()}${user.slice(1)}`;
    const sender = await SipPhone.open({ address: addressOf(user), name, server: site.kamailio.port });
    try {
      for (const words of texts) expect((await sender.message(BOB, words)).startLine).to.include(' 200 ');
    } finally {
      await sender.close();
    }
  }

  function wordsOf(phone: Baresip): string[] {
    return phone.messages().map(({ text }) => BYLINE.exec(text)?.[3] ?? text);
  }

  async function shown(phone: Baresip, count: number, limit = 5_000): Promise<void> {
    const enough = (): boolean => phone.messages().length >= count;
    await until(`${count} texts on the phone`, limit, enough, () => phone.transcript());
  }

  /** Nothing is left to bring and nothing under way: the lamp is off, and the mailbox has looked once more. */
  async function allBrought(count: number, limit = 10_000): Promise<void> {
    const watcher = await site.watch('bob');
    await watcher.until(textsSummary(0, count), limit);
  }

  for (const transport of ['udp', 'tcp'] as const) {
    it(`show on a real baresip over ${transport} once each, in order, with author and time; the lamp goes off`, async () => {
      await open({ transport });
      const watcher = await site.watch('bob');
      for (const words of ['one', 'two', 'three']) await leaveBySipp(words);
      await watcher.until(textsSummary(3, 0));
      const phone = await bobsPhone({ transport });
      await watcher.until(textsSummary(0, 3), 10_000);
      await shown(phone, 3);
      await phone.nextMwi((body) => body === textsSummary(0, 3));
      expect(wordsOf(phone)).to.deep.equal(['one', 'two', 'three']);
      for (const { peer, text } of phone.messages()) {
        expect(peer).to.equal(MAILBOX);
        expect(BYLINE.exec(text)?.[1]).to.equal('SIPp <sip:sipp@example.test>');
      }
      const { mailbox } = site;
      expect(newTextsIn(mailbox.folder, BOB)).to.deep.equal([]);
    });
  }

  it('come from their authors where the operator wants that', async () => {
    await open({ environment: { PUSH_FROM: 'author' } });
    await leave('carol', 'from Carol');
    await leave('dave', 'from Dave');
    const phone = await bobsPhone();
    await allBrought(2);
    expect(phone.messages()).to.deep.equal([
      { peer: 'sip:carol@example.test', text: 'from Carol' },
      { peer: 'sip:dave@example.test', text: 'from Dave' },
    ]);
  });

  it('show once in all on two phones of one user that come online at the same time', async () => {
    await open();
    const texts = ['one', 'two', 'three'];
    await leave('carol', ...texts);
    const phones = await Promise.all([bobsPhone(), bobsPhone()]);
    await allBrought(3);
    expect(phones.flatMap(wordsOf).sort()).to.deep.equal([...texts].sort());
  });

  it('show once in all when a second phone comes online while the first is being brought them', async () => {
    const wire = await openOverWire();
    const texts = numbered(20);
    await leave('carol', ...texts);
    // A line as slow as this gives the second phone time to come.
    wire.letBack = async (datagram) => {
      if (isAnswerToMessage(datagram)) await pause(100);
      return true;
    };
    const first = await bobsPhone();
    await shown(first, 1);
    const second = await bobsPhone();
    await allBrought(20);
    expect(newTextsIn(site.mailbox.folder, BOB)).to.deep.equal([]);
    expect([first, second].flatMap(wordsOf).sort()).to.deep.equal(texts);
    // Those a phone gets come in order.
    for (const phone of [first, second]) {
      expect(wordsOf(phone)).to.deep.equal([...wordsOf(phone)].sort());
      expect(phone.messages()).to.have.length.greaterThan(0);
    }
  });

  describe('when the mailbox is killed with -9 meanwhile', () => {
    it('go on without a new REGISTER: only the text whose 200 it had not got comes a second time', async () => {
      const wire = await openOverWire();
      const watcher = await site.watch('bob');
      await leave('carol', 'one', 'two', 'three', 'four');
      // The phone's answers to all but the first text are lost until the power is back.
      const messages = new Set<string>();
      let isCut = false;
      wire.letBack = (datagram) => {
        if (!isAnswerToMessage(datagram)) return true;
        messages.add(callIdOf(datagram));
        return messages.size === 1 && !isCut;
      };
      const phone = await bobsPhone();
      await shown(phone, 2);
      isCut = true;
      await until('one text is written down as read', 5_000, () => newTexts().length === 3);
      await site.mailbox.kill();
      expect(newTexts()).to.deep.equal(['two', 'three', 'four']);
      expect(wordsOf(phone)).to.deep.equal(['one', 'two']);

      wire.letBack = () => true;
      await site.mailbox.restart();
      await watcher.until(textsSummary(0, 4), 15_000);
      await shown(phone, 5);
      expect(wordsOf(phone)).to.deep.equal(['one', 'two', 'two', 'three', 'four']);
      expect(newTexts()).to.deep.equal([]);
    });

    it('in the middle of thirty, come again from the first that it had not written down as read', async () => {
      const wire = await openOverWire();
      const watcher = await site.watch('bob');
      const texts = numbered(30);
      await leave('carol', ...texts);
      wire.letBack = async (datagram) => {
        if (isAnswerToMessage(datagram)) await pause(30);
        return true;
      };
      const phone = await bobsPhone();
      await shown(phone, 10);
      await site.mailbox.kill();
      const left = newTexts();
      const before = wordsOf(phone);
      expect(left).to.have.length.within(1, 29);

      await site.mailbox.restart();
      await watcher.until(textsSummary(0, 30), 15_000);
      await shown(phone, before.length + left.length);
      expect(wordsOf(phone)).to.deep.equal([...before, ...left]);
      expect([...new Set(wordsOf(phone))], 'all are there, in order').to.deep.equal(texts);
      // One was on its way to the phone, and the answer to another may have been on its way to the disk.
      expect(before.filter((words) => left.includes(words))).to.have.length.at.most(2);
    });

    const newTexts = (): string[] => newTextsIn(site.mailbox.folder, BOB);
  });

  it('reach an MSRP user agent in a session, their authors in From, and BYE follows the last 200', async () => {
    await open();
    const watcher = await site.watch('bob');
    await leave('carol', 'one');
    await leave('dave', 'two');
    await leave('carol', 'three');
    await watcher.until(textsSummary(3, 0));
    const phone = await AnsweringPhone.open(site.kamailio.port);
    stops.push(() => phone.close());
    await phone.register(BOB);
    const call = await phone.rings(5_000);
    expect(call.invite.header('From')).to.include(`<${MAILBOX}>`);
    const byes = (): number => phone.client.received.filter(isRequest('BYE')).length;
    let last = '';
    const answerer = await answerMsrp(pathOf(call.offer), {
      // The last one waits for its answer.
      answerTo: ({ body }) => (body.endsWith('three') ? '' : '200 OK'),
      trace: (direction, text) => {
        if (direction === 'in' && text.includes('three')) last = text;
      },
    });
    stops.push(() => answerer.close());
    await call.answer(chatOffer(answerer.path, { setup: 'passive' }));
    const chat = await answerer.chat;
    const messages = await chat.waitForMessages(3);
    expect(messages.map(cpimOf)).to.deep.equal([
      { from: 'sip:carol@example.test', name: 'Carol', words: 'one' },
      { from: 'sip:dave@example.test', name: 'Dave', words: 'two' },
      { from: 'sip:carol@example.test', name: 'Carol', words: 'three' },
    ]);
    await watcher.until(textsSummary(1, 2));
    expect(byes(), 'a call that ends before the last text is acknowledged').to.equal(0);
    chat.raw(okTo(last, answerer.path));
    await call.bye(5_000);
    await watcher.until(textsSummary(0, 3));
    expect(chat.messages()).to.have.length(3);
    expect(phone.calls).to.equal(1);
  });

  it('that are due at a time reach a phone that is online then, once, and not before', async () => {
    await open({ environment: { RETRIEVAL_MODE: 'menu' } });
    const watcher = await site.watch('bob');
    const due = Math.ceil(Date.now() / 1000) * 1000 + 5_000;
    const wish = new Date(due).toISOString().replace('.000Z', 'Z');
    await leaveBySipp('scheduled', `X-Deliver-At: ${wish}`);
    await leaveBySipp('now');
    await watcher.until(textsSummary(1, 0));
    const phone = await bobsPhone();
    await watcher.until(textsSummary(0, 1));
    expect(wordsOf(phone)).to.deep.equal(['now']);
    expect(Date.now(), 'the phone is online before the text is due').to.be.below(due);
    await shown(phone, 2, 10_000);
    expect(Date.now()).to.be.at.least(due);
    await watcher.until(textsSummary(0, 2));
    expect(wordsOf(phone)).to.deep.equal(['now', 'scheduled']);
  });

  it('of which she wished to be reminded reach her phone at that time, once', async () => {
    await open({ environment: { RETRIEVAL_MODE: 'menu' } });
    const watcher = await site.watch('bob');
    await leave('carol', 'the first');
    const phone = await bobsPhone();
    await watcher.until(textsSummary(0, 1), 10_000);
    const asked = Date.now();
    await phone.sendMessage(MAILBOX, 'remind in 5 seconds call the dentist');
    await shown(phone, 2);
    expect(wordsOf(phone)[1]).to.match(/^I will remind you .*: call the dentist$/);
    await shown(phone, 3, 10_000);
    expect(Date.now() - asked).to.be.at.least(5_000);
    await watcher.until(textsSummary(0, 2));
    expect(wordsOf(phone).slice(2)).to.deep.equal(['call the dentist']);
  });
});

/** `text 00`, `text 01`, … */
function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `text ${String(index).padStart(2, '0')}`);
}

function isAnswerToMessage(datagram: string): boolean {
  return /^SIP\/2\.0 2/.test(datagram) && /^CSeq: *\d+ MESSAGE\r$/im.test(datagram);
}

function callIdOf(datagram: string): string {
  return /^Call-ID: *(.*?)\r$/im.exec(datagram)?.[1] ?? '';
}

/** Who wrote it, and what, as message/cpim says. */
function cpimOf({ contentType, body }: ChatMessage): { from: string; name: string; words: string } {
  expect(contentType).to.equal('message/cpim');
  const [, name = '', from = ''] = /^From: *"?([^"<]*?)"? *<([^>]*)>\r$/m.exec(body) ?? [];
  return { from, name, words: body.slice(body.lastIndexOf('\r\n\r\n') + 4) };
}

/** The response to a SEND (RFC 4975 §7.2). */
function okTo(send: string, path: string): string {
  const transactId = /^MSRP (\S+) SEND/.exec(send)?.[1] ?? '';
  const from = /^From-Path: (\S+)/m.exec(send)?.[1] ?? '';
  return [
    `MSRP ${transactId} 200 OK`,
    `To-Path: ${from}`,
    `From-Path: ${path}`,
    `-------${transactId}$`,
    '',
  ].join('\r\n');
}
