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
import type { Baresip, BaresipOptions, ShownMessage } from './baresip.ts';
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

/** What somebody says live at the end of a test: whatever was on its way to a phone before is shown by then. */
const OVER = 'that is all';

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

  async function shown(phone: Baresip, count: number, limit = 5_000): Promise<void> {
    const enough = (): boolean => phone.messages().length >= count;
    await until(`${count} texts on the phone`, limit, enough, () => phone.transcript());
  }

  /** All the texts that were brought to each phone. Nothing may be waiting any more. */
  async function broughtTo(...phones: Baresip[]): Promise<ShownMessage[][]> {
    expect(newTexts()).to.deep.equal([]);
    await leave('erin', OVER);
    for (const phone of phones) await phone.nextMessage(({ text }) => text === OVER);
    return phones.map((phone) => phone.messages().filter(({ text }) => text !== OVER));
  }

  const newTexts = (): string[] => newTextsIn(site.mailbox.folder, BOB);

  for (const transport of ['udp', 'tcp'] as const) {
    it(`show on a real baresip over ${transport} once each, in order, with author and time; the lamp goes off`, async () => {
      await open({ transport });
      const watcher = await site.watch('bob');
      for (const words of ['one', 'two', 'three']) await leaveBySipp(words);
      await watcher.until(textsSummary(3, 0));
      const phone = await bobsPhone({ transport });
      await watcher.until(textsSummary(0, 3), 10_000);
      await phone.nextMwi((body) => body === textsSummary(0, 3));
      const [brought = []] = await broughtTo(phone);
      expect(wordsOf(brought)).to.deep.equal(['one', 'two', 'three']);
      for (const { peer, text } of brought) {
        expect(peer).to.equal(MAILBOX);
        expect(BYLINE.exec(text)?.[1]).to.equal('SIPp <sip:sipp@example.test>');
      }
    });
  }

  it('that came by the failure route, of a phone that is registered and away, show once each on the next phone', async () => {
    await open();
    const watcher = await site.watch('bob');
    await leave('carol', 'one');
    await watcher.until(textsSummary(1, 0));
    const gone = await SipPhone.open({ address: BOB, server: site.kamailio.port });
    gone.answerTo = () => '480 Temporarily Unavailable';
    stops.push(() => gone.close());
    await gone.request('REGISTER', 'sip:example.test', { To: `<${BOB}>`, Contact: gone.contact });
    await gone.waitFor('a call that brings the text', ({ startLine }) => startLine.startsWith('INVITE '));
    // These two take the failure route.
    await leave('dave', 'two', 'three');
    await watcher.until(textsSummary(3, 0));
    const phone = await bobsPhone();
    await watcher.until(textsSummary(0, 3), 10_000);
    const [brought = []] = await broughtTo(phone);
    expect(wordsOf(brought)).to.deep.equal(['one', 'two', 'three']);
  });

  it('come from their authors where the operator wants that', async () => {
    await open({ environment: { PUSH_FROM: 'author' } });
    await leave('carol', 'from Carol');
    await leave('dave', 'from Dave');
    const watcher = await site.watch('bob');
    await watcher.until(textsSummary(2, 0));
    const phone = await bobsPhone();
    await watcher.until(textsSummary(0, 2), 10_000);
    expect((await broughtTo(phone))[0]).to.deep.equal([
      { peer: 'sip:carol@example.test', text: 'from Carol' },
      { peer: 'sip:dave@example.test', text: 'from Dave' },
    ]);
  });

  it('show once in all on two phones of one user that come online at the same time', async () => {
    await open();
    const watcher = await site.watch('bob');
    await leave('carol', 'one', 'two', 'three');
    await watcher.until(textsSummary(3, 0));
    const phones = await Promise.all([bobsPhone(), bobsPhone()]);
    await watcher.until(textsSummary(0, 3), 10_000);
    const brought = (await broughtTo(...phones)).map(wordsOf);
    expect(brought.flat()).to.have.members(['one', 'two', 'three']);
  });

  it('show once in all when a second phone comes online while the first is being brought them', async () => {
    const wire = await openOverWire();
    const watcher = await site.watch('bob');
    const texts = numbered(10);
    await leave('carol', ...texts);
    await watcher.until(textsSummary(10, 0));
    // The mailbox hears nothing of what became of the third text and those after it until the second phone is there.
    const second = new Gate();
    const answered = new Set<string>();
    wire.letBack = async (datagram) => {
      if (!isAnswerToMessage(datagram)) return true;
      answered.add(callIdOf(datagram));
      if (answered.size > 2) await second.opened;
      return true;
    };
    const desk = await bobsPhone();
    await shown(desk, 3);
    const mobile = await bobsPhone();
    second.open();
    await watcher.until(textsSummary(0, 10), 10_000);
    const [atDesk = [], onTheWay = []] = (await broughtTo(desk, mobile)).map(wordsOf);
    expect([...atDesk, ...onTheWay]).to.deep.equal(texts);
    // A text is for the phone that came last.
    expect(atDesk).to.deep.equal(texts.slice(0, 3));
  });

  describe('when the mailbox is killed with -9 meanwhile', () => {
    /*
     * The promise: a text whose 200 is written down is never brought again. One that the phone took, and whose 200 was lost with
     * the power or was not on the disk yet, comes a second time: to bring it not at all would lose it where the phone did not.
     */

    it('go on without a new REGISTER: only the text whose 200 it had not got comes a second time', async () => {
      const wire = await openOverWire();
      const watcher = await site.watch('bob');
      await leave('carol', 'one', 'two', 'three', 'four');
      await watcher.until(textsSummary(4, 0));
      let first: string | undefined;
      wire.letBack = (datagram) => {
        if (!isAnswerToMessage(datagram)) return true;
        first ??= callIdOf(datagram);
        return callIdOf(datagram) === first;
      };
      const phone = await bobsPhone();
      await shown(phone, 2);
      await until('the first text is written down as read', 5_000, () => newTexts().length === 3);
      await site.mailbox.kill();
      expect(newTexts()).to.deep.equal(['two', 'three', 'four']);
      expect(wordsOf(phone.messages())).to.deep.equal(['one', 'two']);

      wire.letBack = () => true;
      await site.mailbox.restart();
      await watcher.until(textsSummary(0, 4), 10_000);
      const [brought = []] = await broughtTo(phone);
      expect(wordsOf(brought)).to.deep.equal(['one', 'two', 'two', 'three', 'four']);
    });

    it('show once each on two phones that came online at the same time, when the first was written down', async () => {
      const wire = await openOverWire();
      const watcher = await site.watch('bob');
      await leave('carol', 'one', 'two', 'three');
      await watcher.until(textsSummary(3, 0));
      // The line takes the first text and no other.
      let first: string | undefined;
      wire.letOut = (datagram) => {
        if (!datagram.startsWith('MESSAGE ')) return true;
        first ??= callIdOf(datagram);
        return callIdOf(datagram) === first;
      };
      const phones = await Promise.all([bobsPhone(), bobsPhone()]);
      await until('the first text is written down as read', 10_000, () => newTexts().length === 2);
      await site.mailbox.kill();
      expect(newTexts()).to.deep.equal(['two', 'three']);

      wire.letOut = () => true;
      await site.mailbox.restart();
      await watcher.until(textsSummary(0, 3), 15_000);
      const brought = (await broughtTo(...phones)).map(wordsOf);
      expect(brought.flat()).to.have.members(['one', 'two', 'three']);
    });

    it('in the middle of thirty, go on with the first that it had not written down as read', async () => {
      const wire = await openOverWire();
      const watcher = await site.watch('bob');
      const texts = numbered(30);
      await leave('carol', ...texts);
      await watcher.until(textsSummary(30, 0));
      // A slow line: thirty texts take more than a second and a half.
      wire.letBack = async (datagram) => {
        if (isAnswerToMessage(datagram)) await pause(50);
        return true;
      };
      const phone = await bobsPhone();
      await shown(phone, 10);
      await site.mailbox.kill();
      const left = newTexts();
      expect(left).to.have.length.within(1, 29);

      await site.mailbox.restart();
      await watcher.until(textsSummary(0, 30), 15_000);
      const words = wordsOf((await broughtTo(phone))[0] ?? []);
      const before = words.slice(0, -left.length);
      expect(words.slice(-left.length)).to.deep.equal(left);
      expect(before, 'all are there, in order').to.deep.equal(texts.slice(0, before.length));
      const twice = before.filter((each) => left.includes(each));
      expect(before).to.have.length(30 - left.length + twice.length);
      // One was under way, and the 200 to the one before may have been.
      expect(twice).to.have.length.at.most(2);
    });
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
    await open();
    const watcher = await site.watch('bob');
    const due = Math.ceil(Date.now() / 1000) * 1000 + 5_000;
    const wish = new Date(due).toISOString().replace('.000Z', 'Z');
    await leaveBySipp('scheduled', `X-Deliver-At: ${wish}`);
    await leave('carol', 'now');
    await watcher.until(textsSummary(1, 0));
    const phone = await bobsPhone();
    await watcher.until(textsSummary(0, 1));
    expect(wordsOf(phone.messages())).to.deep.equal(['now']);
    expect(Date.now(), 'the phone is online before the text is due').to.be.below(due);
    await shown(phone, 2, 10_000);
    expect(Date.now()).to.be.at.least(due);
    await watcher.until(textsSummary(0, 2));
    const [brought = []] = await broughtTo(phone);
    expect(wordsOf(brought)).to.deep.equal(['now', 'scheduled']);
  });

  it('of which she wished to be reminded reach her phone at that time, once', async () => {
    await open({ environment: { RETRIEVAL_MODE: 'menu' } });
    const watcher = await site.watch('bob');
    // No text ever came for her: she is online before she has a mailbox.
    const phone = await bobsPhone();
    const asked = Date.now();
    await phone.sendMessage(MAILBOX, 'remind in 5 seconds call the dentist');
    await shown(phone, 1);
    expect(phone.messages()[0]?.text).to.match(/^I will remind you .*: call the dentist$/);
    await shown(phone, 2, 10_000);
    expect(Date.now() - asked).to.be.at.least(5_000);
    await watcher.until(textsSummary(0, 1));
    const [brought = []] = await broughtTo(phone);
    expect(wordsOf(brought).slice(1)).to.deep.equal(['call the dentist']);
  });
});

/** Closed until somebody opens it. */
class Gate {
  open: () => void = () => undefined;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

function wordsOf(messages: readonly ShownMessage[]): string[] {
  return messages.map(({ text }) => BYLINE.exec(text)?.[3] ?? text);
}

/** `text 00`, `text 01`, … */
function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `text ${String(index).padStart(2, '0')}`);
}

function isAnswerToMessage(datagram: string): boolean {
  return datagram.startsWith('SIP/2.0 2') && /^CSeq: *\d+ MESSAGE\r$/im.test(datagram);
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
