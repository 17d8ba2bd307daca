import { expect } from 'chai';
import { AddressOfRecord } from '../src/core/address-of-record.ts';
import { parseCpim } from '../src/im/cpim-parser.ts';
import { AnsweringPhone } from './doubles/answering-phone.ts';
import { CallingPhone } from './doubles/calling-phone.ts';
import { chatOffer, pathOf } from './doubles/msrp-chat.ts';
import { answerMsrp } from './doubles/msrp-answerer.ts';
import { until } from './peers/until.ts';
import type { RunningApp } from './doubles/running-app.ts';
import { runApp } from './doubles/running-app.ts';
import { SipPhone } from './doubles/sip-phone.ts';

const ALICE = 'sip:alice@example.test';
const MAILBOX = 'sip:mailbox@example.test';

const seen = (look: () => boolean): Promise<unknown> => until('what the phones see', 10_000, look);

describe('a user who comes online', () => {
  let running: RunningApp;
  let alice: SipPhone;
  let bob: SipPhone;

  async function open(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    running = await runApp({ DELIVERY: 'both', ...environment });
    alice = await SipPhone.open({ address: ALICE, server: running.udp });
    bob = await SipPhone.open({ address: 'sip:bob@example.test', name: 'Bob', server: running.udp });
  }

  afterEach(async () => {
    await alice.close();
    await bob.close();
    await running.stop();
  });

  async function leave(...texts: string[]): Promise<void> {
    for (const text of texts) expect((await bob.message(ALICE, text)).startLine).to.contain('200');
  }

  /** As a proxy passes a phone's REGISTER on: the phone itself is its own hop here. */
  const register = (phone: SipPhone, headers: Readonly<Record<string, string>> = {}) =>
    phone.request('REGISTER', 'sip:example.test', {
      To: `<${ALICE}>`,
      Contact: `${phone.contact};expires=600`,
      Allow: 'MESSAGE',
      ...headers,
    });

  const messages = (phone: SipPhone) =>
    phone.received.filter(({ startLine }) => startLine.startsWith('MESSAGE'));

  /** True when the newest NOTIFY says so. */
  const lampSays = (phone: SipPhone, summary: string): boolean =>
    phone.received
      .filter(({ startLine }) => startLine.startsWith('NOTIFY'))
      .at(-1)
      ?.body.includes(`Text-Message: ${summary}`) === true;

  it('is brought her texts by MESSAGE, once and in order, and her lamp goes off', async () => {
    await open();
    await alice.dialog('SUBSCRIBE', ALICE, { Event: 'message-summary', Expires: '600' });
    await leave('one', 'two', 'three');
    await seen(() => lampSays(alice, '3/0'));
    expect((await register(alice)).startLine).to.contain('200');
    await seen(() => lampSays(alice, '0/'));
    expect(messages(alice).map(({ body }) => body.replace(/^.*UTC: /s, ''))).to.deep.equal([
      'one',
      'two',
      'three',
    ]);
    const [first] = messages(alice);
    expect(first?.header('From')).to.contain(MAILBOX);
    expect(first?.header('Request-Disposition')).to.equal('no-fork');
    expect(first?.body).to.match(/^Bob <sip:bob@example\.test>, .* UTC: one$/);
  });

  it('is brought what the operator keeps of their headers, and adds to them; nobody else adds any', async () => {
    await open({ KEEP_HEADERS: 'X-Case, X-Colour', PUSH_HEADERS: 'X-Offline: yes' });
    const headers = { 'X-Case': '42; open', 'X-Other': 'gone' };
    expect((await bob.message(ALICE, 'with headers', headers)).startLine).to.contain('200');
    const smuggling = [
      'NS: sip-header <urn:uuid:0b6d3c52-7f1e-4c0a-8f52-2d0f5f6a9e11>',
      'sip-header.X-Colour: red',
      ...['', 'Content-Type: text/plain', '', 'smuggled'],
    ].join('\r\n');
    const type = { 'Content-Type': 'message/cpim' };
    expect((await bob.message(ALICE, smuggling, type)).startLine).to.contain('200');
    await register(alice);
    await seen(() => messages(alice).length === 2);
    const names = ['X-Case', 'X-Colour', 'X-Other', 'X-Offline'];
    expect(messages(alice).map((message) => names.map((name) => message.header(name) ?? ''))).to.deep.equal([
      ['42; open', '', '', 'yes'],
      ['', '', '', 'yes'],
    ]);
    expect(messages(alice).map((message) => message.header('Contact'))).to.deep.equal([undefined, undefined]);
  });

  it('is heard of by REGISTER, which OPTIONS tells where it is taken', async () => {
    const allowed = async (): Promise<string | undefined> =>
      (await bob.request('OPTIONS', MAILBOX, {})).header('Allow');
    await open();
    expect(await allowed()).to.match(/\bREGISTER\b/);
    await alice.close();
    await bob.close();
    await running.stop();
    await open({ DELIVERY: 'mailbox' });
    expect(await allowed()).not.to.match(/\bREGISTER\b/);
  });

  it('is called in no circles either', async () => {
    await open({ PUSH_FROM: 'author' });
    const phone = await AnsweringPhone.open(running.udp);
    const proxy = await CallingPhone.open('sip:bob@example.test', running.udp);
    try {
      await leave('around');
      await phone.register(ALICE);
      const call = await phone.rings();
      expect(call.invite.header('From')).to.contain('sip:bob@example.test');
      const own = 'msrp://127.0.0.1:9/own;tcp';
      const { answer } = await proxy.invite(ALICE, { body: chatOffer(own) });
      expect(answer.status).to.equal(480);
      call.respond(480);
    } finally {
      await proxy.close();
      await phone.close();
    }
  });

  it('is brought no text in circles by a proxy that takes our mark off and sends it back in its author’s name', async () => {
    await open({ PUSH_FROM: 'author' });
    await leave('around');
    const back: Promise<{ readonly startLine: string }>[] = [];
    alice.answerTo = ({ startLine, body }) => {
      if (startLine.startsWith('MESSAGE')) back.push(bob.message(ALICE, body));
      return '100 Trying';
    };
    await register(alice);
    await seen(() => back.length > 0);
    const answers = (await Promise.all(back)).map(({ startLine }) => startLine);
    expect(answers).to.deep.equal(['SIP/2.0 480 Temporarily Unavailable']);
    // Other words of his are taken meanwhile.
    await leave('something else');
  });

  it('is brought each text once when two phones of hers register at the same time', async () => {
    await open();
    const other = await SipPhone.open({ address: ALICE, server: running.udp });
    try {
      const texts = Array.from({ length: 12 }, (_, i) => `text ${i}.`);
      await leave(...texts);
      await Promise.all([register(alice), register(other), register(alice)]);
      const all = () =>
        [...messages(alice), ...messages(other)].map(({ body }) => body.replace(/^.*UTC: /s, ''));
      await seen(() => all().length >= texts.length);
      await running.stop();
      expect(all().sort()).to.deep.equal([...texts].sort());
      running = await runApp();
    } finally {
      await other.close();
    }
  });

  it('is brought a text that comes while she is online as well', async () => {
    await open();
    await leave('one');
    await register(alice);
    await seen(() => messages(alice).length === 1);
    await leave('two');
    await seen(() => messages(alice).length === 2);
  });

  it('who left before she answered is brought the rest when she is back', async () => {
    await open();
    let answer = '480 Temporarily Unavailable';
    alice.answerTo = () => answer;
    await leave('one', 'two');
    await register(alice);
    await seen(() => messages(alice).length === 1);
    answer = '200 OK';
    await register(alice, { 'Call-ID': 'another' });
    await seen(() => messages(alice).length === 3);
    expect(messages(alice).map(({ body }) => body.replace(/^.*UTC: /s, ''))).to.deep.equal([
      'one',
      'one',
      'two',
    ]);
  });

  it('is not called by a second way when her phone declines the call', async () => {
    await open();
    alice.answerTo = ({ startLine }) => (startLine.startsWith('INVITE') ? '603 Decline' : '200 OK');
    await leave('one');
    await register(alice, { Allow: 'INVITE, MESSAGE' });
    await alice.waitFor('a call', ({ startLine }) => startLine.startsWith('INVITE'));
    await seen(() => alice.received.some(({ startLine }) => startLine.startsWith('ACK')));
    expect(messages(alice)).to.deep.equal([]);
  });

  it('is brought them in a chat when her phone takes one, in their authors’ names, and the call ends', async () => {
    await open();
    const phone = await AnsweringPhone.open(running.udp);
    try {
      await leave('one', 'two', 'three');
      await phone.register(ALICE);
      const call = await phone.rings();
      expect(call.invite.header('From')).to.contain(MAILBOX);
      const answerer = await answerMsrp(pathOf(call.offer));
      await call.answer(chatOffer(answerer.path, { setup: 'passive' }));
      const chat = await answerer.chat;
      const brought = await chat.waitForMessages(3);
      await call.bye();
      expect(brought.map(({ contentType }) => contentType)).to.deep.equal(Array(3).fill('message/cpim'));
      const letters = brought.map(({ body }) => parseCpim(Buffer.from(body)));
      expect(letters.map(({ from }) => from?.uri)).to.deep.equal(Array(3).fill('sip:bob@example.test'));
      expect(letters.map(({ content }) => content.toString())).to.deep.equal(['one', 'two', 'three']);
      expect(messages(alice)).to.deep.equal([]);
      await answerer.close();
    } finally {
      await phone.close();
    }
  });

  it('is sent MESSAGEs at once when her phone has no chats', async () => {
    await open();
    alice.answerTo = ({ startLine }) =>
      startLine.startsWith('INVITE') ? '488 Not Acceptable Here' : '200 OK';
    await leave('one');
    await register(alice, { Allow: 'INVITE, MESSAGE' });
    await seen(() => messages(alice).length === 1);
  });

  describe('with PUSH_FROM=author', () => {
    it('gets each text from its author, as it was written', async () => {
      await open({ PUSH_FROM: 'author' });
      await leave('hello');
      await register(alice);
      await seen(() => messages(alice).length === 1);
      const [text] = messages(alice);
      expect(text?.header('From')).to.match(/^"Bob" <sip:bob@example\.test>/);
      expect(text?.header('P-Asserted-Identity')).to.equal('"Bob" <sip:bob@example.test>');
      expect(text?.header('Date')).to.match(/ GMT$/);
      expect(text?.body).to.equal('hello');
    });
  });

  describe('with DELIVERY=push', () => {
    it('gets her texts, and no lamp is lit for them', async () => {
      await open({ DELIVERY: 'push' });
      await alice.dialog('SUBSCRIBE', ALICE, { Event: 'message-summary', Expires: '600' });
      await leave('one');
      expect(await running.app.totals()).to.deep.include({ lamps: 0, behind: 0 });
      await register(alice);
      await seen(() => messages(alice).length === 1);
      const lit = alice.received.filter(({ body }) => body.includes('Messages-Waiting: yes'));
      expect(lit).to.deep.equal([]);
    });
  });

  describe('with DELIVERY=mailbox', () => {
    it('fetches her texts herself: a REGISTER is answered 405', async () => {
      await open({ DELIVERY: 'mailbox' });
      expect((await register(alice)).startLine).to.match(/^SIP\/2\.0 (405|501)/);
      expect(running.app.online).to.equal(undefined);
    });
  });

  it('gets a stranger’s texts from whom they say, and nobody vouches for that: our proxy did not either', async () => {
    await open({ PUSH_FROM: 'author' });
    const stranger = await SipPhone.open({ address: 'sip:boss@elsewhere.test', server: running.udp });
    try {
      await stranger.message(ALICE, 'from far away');
      await leave('from here');
      await register(alice);
      await seen(() => messages(alice).length === 2);
      expect(messages(alice).map((message) => message.header('P-Asserted-Identity'))).to.deep.equal([
        undefined,
        '"Bob" <sip:bob@example.test>',
      ]);
    } finally {
      await stranger.close();
    }
  });

  describe('where anyone may leave texts', () => {
    const untrusting = { TRUSTED_PROXIES: '192.0.2.0/24', DEPOSIT_FROM: 'anyone', PUSH_FROM: 'author' };

    const online = (method: string, hop: string) =>
      running.app.online?.online({
        ...{ user: AddressOfRecord.parse(ALICE), name: 'one', until: Date.now() + 600_000 },
        ...{ methods: [method], hop },
      });

    it('gets them by MESSAGE from whom they say, and nobody vouches for that', async () => {
      await open(untrusting);
      await leave('one');
      await online('MESSAGE', `sip:127.0.0.1:${alice.port};transport=udp`);
      await seen(() => messages(alice).length === 1);
      const [brought] = messages(alice);
      expect(brought?.header('From')).to.contain('sip:bob@example.test');
      expect(brought?.header('P-Asserted-Identity')).to.equal(undefined);
    });

    it('is called by whom they say, and nobody vouches for that', async () => {
      await open(untrusting);
      await leave('one');
      const phone = await AnsweringPhone.open(running.udp);
      try {
        await online('INVITE', `${phone.uri};transport=udp`);
        const call = await phone.rings();
        expect(call.invite.header('From')).to.contain('sip:bob@example.test');
        expect(call.invite.text).not.to.match(/^P-Asserted-Identity/im);
        call.respond(480);
      } finally {
        await phone.close();
      }
    });
  });

  it('is told by a proxy that is trusted, and by nobody else', async () => {
    await open({ TRUSTED_PROXIES: '192.0.2.0/24', DEPOSIT_FROM: 'anyone' });
    await leave('one');
    expect((await register(alice)).startLine).to.contain('403');
  });
});
